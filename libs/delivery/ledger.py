"""The ledger of an owner: claims and results of all lanes, committed together, on the session that holds the locks.

A commit on that session proves ownership. One commit carries whatever queued up during the last one, results before
claims, so that a busy owner pays for few commits (one at a time: about 950 us CPU an operation, measured).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from prometheus_client import Counter

from delivery import queue
from delivery.clock import boot_seconds
from delivery.effect import Effect
from delivery.operations import Operation, Settled, State
from delivery.transitions import Next
from storage import Session, Transaction, named_queries

log = structlog.get_logger()
sql = named_queries(__package__, "owner.sql")

SETTLED = Counter(
    "delivery_operations_total",
    "Operations that changed state. rejected and conflict need a person; ambiguous settles after its quarantine.",
    ["effect", "state"],
)

MOST_IN_A_COMMIT = 200


class LostSiteError(Exception):
    """Another process owns the site now: nothing may be claimed or settled here."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """A request that was made, for the operation's timeline."""

    outcome: str
    status: int | None
    code: str
    message: str
    request_id: str
    seconds: float
    number: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A committed claim: when its commit was sent, on the boot clock, and which attempt it allows."""

    committed_at: float
    attempt: int


@dataclass(slots=True)
class _Entry:
    operation: Operation
    epoch: UUID
    after: Next | None  # None: a claim
    attempted: Attempted | None
    done: "asyncio.Future[Claim | None]"


class Ledger:
    """Use from one event loop. `run` must be running; when the session dies, everything waiting fails with it."""

    def __init__(self, session: Session, effects: Mapping[str, Effect]) -> None:
        self.session = session
        self.turn = asyncio.Lock()  # a connection does one thing at a time
        self._effects = effects
        self._entries: asyncio.Queue[_Entry] = asyncio.Queue()
        self._ended = False

    def claim(self, operation: Operation, epoch: UUID) -> "asyncio.Future[Claim | None]":
        """Ask to send; None where the operation is no longer ours to claim, LostSiteError where the site is not."""
        return self._put(_Entry(operation, epoch, None, None, _future()))

    def settle(
        self, operation: Operation, epoch: UUID, after: Next, attempted: Attempted | None = None
    ) -> "asyncio.Future[Claim | None]":
        """Store what follows for an operation that is claimed (with its attempt) or was only read about.

        None where it is no longer in the state that this was decided from.
        """
        return self._put(_Entry(operation, epoch, after, attempted, _future()))

    def _put(self, entry: _Entry) -> "asyncio.Future[Claim | None]":
        self._entries.put_nowait(entry)
        if self._ended:
            _fail(entry)
        return entry.done

    async def run(self) -> None:
        """Commit until cancelled; raises what the session raises."""
        batch: list[_Entry] = []
        try:
            while True:
                batch = [await self._entries.get()]
                while not self._entries.empty() and len(batch) < MOST_IN_A_COMMIT:
                    batch.append(self._entries.get_nowait())
                async with self.turn:
                    await self._commit(batch)
        finally:
            self._ended = True
            while not self._entries.empty():
                batch.append(self._entries.get_nowait())
            for entry in batch:
                _fail(entry)

    async def _commit(self, batch: Sequence[_Entry]) -> None:
        results: list[tuple[_Entry, Claim | Exception | None]] = []
        async with self.session.transaction() as tx:
            owned = await self._fence(tx, batch)
            settles = [entry for entry in batch if entry.after is not None]
            claims = [entry for entry in batch if entry.after is None]
            for entry in (*settles, *claims):
                if entry.epoch not in owned:
                    results.append((entry, LostSiteError(entry.operation.site_id)))
                    continue
                try:
                    async with tx.savepoint():
                        number = await (self._claim(tx, entry) if entry.after is None else self._settle(tx, entry))
                    results.append((entry, None if number is None else Claim(0.0, number)))
                except Exception as error:
                    if self.session.closed:
                        raise
                    log.exception("ledger.refused", operation=entry.operation.key, error=type(error).__name__)
                    results.append((entry, error))
                    if entry.attempted is not None:
                        await self._record(tx, entry.operation, entry.attempted)
            committed_at = boot_seconds()
        for entry, result in results:
            if entry.done.done():
                continue
            if isinstance(result, Exception):
                entry.done.set_exception(result)
                entry.done.exception()
            else:
                entry.done.set_result(result and Claim(committed_at, result.attempt))
            if entry.after is not None and isinstance(result, Claim):
                SETTLED.labels(entry.operation.effect, entry.after.state).inc()

    @staticmethod
    async def _fence(tx: Transaction, batch: Sequence[_Entry]) -> set[UUID]:
        """The epochs that still own their site; they stay so until this transaction ends."""
        sites = {(entry.operation.site_id, entry.epoch) for entry in batch}
        return set(await tx.column(sql["fence"], [site for site, _ in sites], [epoch for _, epoch in sites]))

    @staticmethod
    async def _claim(tx: Transaction, entry: _Entry) -> int | None:
        operation = entry.operation
        found = await tx.value(sql["claim"], operation.tenant_id, operation.key, entry.epoch, operation.state)
        return None if found is None else int(found)

    async def _settle(self, tx: Transaction, entry: _Entry) -> int | None:
        operation, after = entry.operation, entry.after
        assert after is not None  # noqa: S101 (a settle has what follows)
        reason, message = _storable(after.reason), _storable(after.message)[:2000]
        if (attempted := entry.attempted) is not None:
            await self._record(tx, operation, attempted)
        changed = await tx.execute(
            sql["settle"],
            operation.tenant_id,
            operation.key,
            after.state,
            after.remote_id,
            reason,
            message,
            after.wait,
            State.IN_FLIGHT if attempted else operation.state,
        )
        if not changed:
            return None
        if after.pause:
            lane = "" if after.pause == "tenant" else operation.lane
            await queue.pause(tx, operation.tenant_id, lane, reason, message)
        if after.state.is_terminal:
            if not after.state.covers:
                await tx.execute(queue.sql["release"], operation.tenant_id, [operation.key])
            result = Settled(after.state, after.remote_id, reason, message)
            await self._effects[operation.effect].settled(tx, operation, result)
        return operation.attempts

    @staticmethod
    async def _record(tx: Transaction, operation: Operation, attempted: Attempted) -> None:
        await tx.execute(
            sql["record_attempt"],
            operation.tenant_id,
            operation.key,
            attempted.number,
            attempted.outcome,
            attempted.status,
            _storable(attempted.code),
            _storable(attempted.message)[:1000],
            _storable(attempted.request_id),
            round(attempted.seconds, 6),
        )


def _storable(text: str) -> str:
    """A peer's words without what PostgreSQL's text cannot hold: NUL bytes and lone surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _fail(entry: _Entry) -> None:
    if not entry.done.done():
        entry.done.set_exception(LostSiteError("the owner session is gone"))
        entry.done.exception()  # retrieved: whoever still waits sees it, nobody is warned


def _future() -> "asyncio.Future[Claim | None]":
    return asyncio.get_running_loop().create_future()
