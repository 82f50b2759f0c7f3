"""A peer without idempotency keys: it does what it is told as often as it is told, and remembers every effect.

Its `history` is append-only and outside the code under test: it is the judge. Faults are scripted by operation key, or
strike by chance from a seeded generator.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from httpkit import ApiError, Outcome


class Fault(StrEnum):
    NOT_SENT = "not_sent"
    REFUSED = "refused"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    LOST_BEFORE = "lost before it was applied"
    LOST_AFTER = "lost after it was applied"
    LATE = "applied after the client gave up"


UNCERTAIN = (Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.LATE)
PASSING = (*UNCERTAIN, Fault.NOT_SENT, Fault.THROTTLED)

ANSWERS = {
    Fault.NOT_SENT: (Outcome.NOT_SENT, None, "no connection"),
    Fault.REFUSED: (Outcome.REJECTED, 400, "quantity is required"),
    Fault.THROTTLED: (Outcome.THROTTLED, 429, "too many requests"),
    Fault.UNAUTHORIZED: (Outcome.CONFIG, 401, "the key is not valid"),
    Fault.FORBIDDEN: (Outcome.CONFIG, 403, "no right to add additions"),
    Fault.MISSING: (Outcome.NOT_FOUND, 404, "not found"),
    Fault.LOST_BEFORE: (Outcome.AMBIGUOUS, None, "connection reset"),
    Fault.LOST_AFTER: (Outcome.AMBIGUOUS, None, "connection reset"),
    Fault.LATE: (Outcome.AMBIGUOUS, None, "read timeout"),
}


@dataclass(frozen=True, slots=True)
class Record:
    """A record at the peer; `lane` is the agreement it is on."""

    remote_id: int
    lane: str
    marker: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One request: a creation, or a change of the record `remote_id`."""

    key: str
    lane: str
    content: Mapping[str, Any]
    marker: str = ""
    remote_id: int | None = None
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """An effect, as history keeps it."""

    at: float
    write: Write
    remote_id: int


class Client(Protocol):
    """What an effect can do at the peer, near or far."""

    async def records(self, lane: str) -> list[Record]: ...

    async def write(self, write: Write) -> int: ...


@dataclass
class Peer:
    """The peer itself; `late` is how long after the client gave up it applies a `LATE` request."""

    latency: float = 0.0
    late: float = 0.15
    retry_after: float = 0.05
    chance: float = 0.0
    seed: int = 0
    history: list[Applied] = field(default_factory=list)
    asked: list[tuple[float, Write]] = field(default_factory=list)
    reads: list[tuple[float, str]] = field(default_factory=list)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """By key: the request waits for this before anything else."""

    def __post_init__(self) -> None:
        self._records: dict[int, Record] = {}
        self._scripts: dict[str, deque[Fault]] = defaultdict(deque)
        self._random = random.Random(self.seed)  # noqa: S311 (a test's dice)
        self._at_work: set[asyncio.Task[Any]] = set()
        self.changed = asyncio.Event()

    def script(self, key: str, *faults: Fault) -> None:
        """The first answers to requests with this key."""
        self._scripts[key].extend(faults)

    def put(self, lane: str, marker: str, content: Mapping[str, Any]) -> Record:
        """A record that was made by somebody else."""
        record = Record(len(self._records) + 1, lane, marker, dict(content))
        self._records[record.remote_id] = record
        return record

    def edit(self, remote_id: int, content: Mapping[str, Any]) -> None:
        """What a person does to a record by hand."""
        old = self._records[remote_id]
        self._records[remote_id] = Record(remote_id, old.lane, old.marker, dict(content))

    def remove(self, remote_id: int) -> None:
        """What a person deletes by hand."""
        del self._records[remote_id]

    def content(self, remote_id: int) -> Mapping[str, Any]:
        return self._records[remote_id].content

    @property
    def creations(self) -> Counter[str]:
        """How often each marker was created."""
        return Counter(done.write.marker for done in self.history if done.write.remote_id is None)

    @property
    def effects(self) -> Counter[str]:
        """How often each operation had its effect."""
        return Counter(done.write.key for done in self.history)

    @property
    def repeated(self) -> list[str]:
        """What had its effect more than once."""
        return [key for key, times in self.effects.items() if times > 1]

    def sends(self, key: str) -> list[float]:
        return [at for at, write in self.asked if write.key == key]

    async def records(self, lane: str) -> list[Record]:
        self.reads.append((_now(), lane))
        await asyncio.sleep(self.latency)
        return list(self._records.values())

    async def write(self, write: Write) -> int:
        """A peer goes on with what has reached it, whether or not its client still waits."""
        self.asked.append((_now(), write))
        self.changed.set()
        work = asyncio.get_running_loop().create_task(self._handle(write))
        self._at_work.add(work)
        work.add_done_callback(self._forget)
        return await asyncio.shield(work)

    async def idle(self) -> None:
        """Until everything that has reached the peer is applied, also late."""
        while self._at_work:
            await asyncio.wait(list(self._at_work))

    def _forget(self, work: asyncio.Task[Any]) -> None:
        self._at_work.discard(work)
        if not work.cancelled():
            work.exception()  # its client may be gone

    async def _handle(self, write: Write) -> int:
        fault = self._fault(write.key)
        if (held := self.held.get(write.key)) is not None:
            await held.wait()
        await asyncio.sleep(self.latency)
        if fault is None:
            return self._apply(write)
        if fault is Fault.LOST_AFTER:
            self._apply(write)
        if fault is Fault.LATE:
            late = asyncio.get_running_loop().create_task(self._apply_late(write))
            self._at_work.add(late)
            late.add_done_callback(self._forget)
        outcome, status, message = ANSWERS[fault]
        raise ApiError(outcome, fault.name.lower(), message, status=status, retry_after=self.retry_after)

    def _fault(self, key: str) -> Fault | None:
        if script := self._scripts.get(key):
            return script.popleft()
        return self._random.choice(PASSING) if self._random.random() < self.chance else None

    async def _apply_late(self, write: Write) -> None:
        await asyncio.sleep(self.late)
        self._apply(write)

    def _apply(self, write: Write) -> int:
        if write.remote_id is None:
            remote_id = self.put(write.lane, write.marker, write.content).remote_id
        else:
            remote_id = write.remote_id
            self.edit(remote_id, write.content)
        self.history.append(Applied(_now(), write, remote_id))
        self.changed.set()
        return remote_id


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def listening(peer: Peer) -> AsyncIterator[int]:
    """The same peer for other processes, a JSON line a request; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(peer, json.loads(line))).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # the client was killed; what it asked for goes on
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def _answer(peer: Peer, request: Any) -> dict[str, Any]:
    if (lane := request.get("read")) is not None:
        return {"records": [asdict(record) for record in await peer.records(lane)]}
    try:
        return {"remote_id": await peer.write(Write(**request["write"]))}
    except ApiError as error:
        return {
            "error": [error.outcome, error.code, error.message],
            "status": error.status,
            "retry_after": error.retry_after,
        }


class FarPeer:
    """The client of a peer in another process: one connection a request, certain only where none was made."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def records(self, lane: str) -> list[Record]:
        return [Record(**record) for record in (await self._ask({"read": lane}))["records"]]

    async def write(self, write: Write) -> int:
        answer = await self._ask({"write": asdict(write)})
        if (error := answer.get("error")) is not None:
            outcome, code, message = error
            raise ApiError(Outcome(outcome), code, message, status=answer["status"], retry_after=answer["retry_after"])
        return int(answer["remote_id"])

    async def _ask(self, request: Any) -> Any:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            raise ApiError(Outcome.NOT_SENT, "no_connection", "nobody listens") from error
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            answer = await reader.readline()
            if not answer:
                raise ApiError(Outcome.AMBIGUOUS, "reset", "the connection ended without an answer")
            return json.loads(answer)
        except OSError as error:
            raise ApiError(Outcome.AMBIGUOUS, "reset", "the connection was reset") from error
        finally:
            writer.close()
