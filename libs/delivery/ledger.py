"""The ledger of an owner: claims and results of all lanes, committed together, on the session that holds the locks.

A commit on that session proves ownership. One commit carries whatever queued up during the last one, results before
claims, in a constant number of round trips.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

import structlog

from contracts.values import TenantId
from delivery import metrics, queue
from delivery.clock import boot_seconds
from delivery.effect import Effect, HearsPauses
from delivery.operations import Operation, OperationKey, Settled, State
from delivery.points import Point, reached
from delivery.queue import Scope
from delivery.transitions import Claimed, GivenBack, Next, transition
from storage import Session, Transaction, named_queries

log = structlog.get_logger()
sql = named_queries(__package__, "owner.sql")

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


class _Act(Enum):
    """In the order in which one commit does them: a claim given back may be claimed anew at once."""

    RESULT = 1
    GIVE_BACK = 2
    CLAIM = 3


@dataclass(slots=True, eq=False)
class _Entry:
    act: _Act
    operation: Operation
    epoch: UUID
    was: State
    after: Next
    attempted: Attempted | None
    done: "asyncio.Future[Claim | None]"

    @property
    def key(self) -> tuple[TenantId, OperationKey]:
        return self.operation.tenant_id, self.operation.key


_Stored = dict[_Entry, int | Exception | None]
"""By entry, the attempts of its operation; None where that is in another state; or why it could not be stored."""


class Ledger:
    """Use from one event loop. `run` must be running; when the session dies, everything waiting fails with it."""

    def __init__(self, session: Session, effects: Mapping[str, Effect]) -> None:
        self.session = session
        self.turn = asyncio.Lock()  # a connection does one thing at a time
        self._effects = effects
        self._entries: asyncio.Queue[_Entry] = asyncio.Queue()
        self._ended = False

    def claim(self, operation: Operation, epoch: UUID) -> "asyncio.Future[Claim | None]":
        """Ask to send; None where it is paused or no longer ours to claim, LostSiteError where the site is not."""
        after = transition(operation.state, operation.kind, Claimed())
        return self._put(_Entry(_Act.CLAIM, operation, epoch, operation.state, after, None, _future()))

    def give_back(self, operation: Operation, epoch: UUID) -> "asyncio.Future[Claim | None]":
        """Undo a committed claim whose operation was certainly not sent, and under this claim never will be."""
        after = transition(State.IN_FLIGHT, operation.kind, GivenBack())
        return self._put(_Entry(_Act.GIVE_BACK, operation, epoch, State.IN_FLIGHT, after, None, _future()))

    def settle(
        self, operation: Operation, epoch: UUID, after: Next, attempted: Attempted | None = None
    ) -> "asyncio.Future[Claim | None]":
        """Store what follows for an operation that is claimed (with its attempt) or was only read about.

        None where it is no longer in the state that this was decided from.
        """
        was = State.IN_FLIGHT if attempted else operation.state
        return self._put(_Entry(_Act.RESULT, operation, epoch, was, after, attempted, _future()))

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
        began = boot_seconds()
        try:
            stored, sent_at = await self._store(batch, self._together)
        except Exception as error:
            if self.session.closed:
                raise
            # One bad entry must not harm the others: the same again, each under a savepoint of its own.
            log.warning("ledger.apart", entries=len(batch), error=type(error).__name__)
            metrics.APART.inc()
            stored, sent_at = await self._store(batch, self._apart)
        metrics.COMMIT_SECONDS.observe(boot_seconds() - began)
        metrics.COMMIT_ENTRIES.observe(len(batch))
        for entry, result in stored.items():
            if entry.done.done():
                continue
            if isinstance(result, Exception):
                entry.done.set_exception(result)
                entry.done.exception()  # retrieved: nobody is warned where nobody waits any more
            else:
                entry.done.set_result(None if result is None else Claim(sent_at, result))
                if result is not None and entry.act is _Act.RESULT:
                    metrics.SETTLED.labels(entry.operation.effect, entry.after.state).inc()

    async def _store(
        self, batch: Sequence[_Entry], way: Callable[[Transaction, Sequence[_Entry]], Awaitable[_Stored]]
    ) -> tuple[_Stored, float]:
        """What became of each, and when the commit was sent."""
        async with self.session.transaction() as tx:
            owned = await self._fence(tx, batch)
            lost: _Stored = {
                entry: LostSiteError(entry.operation.site_id) for entry in batch if entry.epoch not in owned
            }
            stored = await way(tx, [entry for entry in batch if entry not in lost])
            await reached(Point.BEFORE_RESULT_COMMIT)
            sent_at = boot_seconds()
        return lost | stored, sent_at

    @staticmethod
    async def _fence(tx: Transaction, batch: Sequence[_Entry]) -> set[UUID]:
        """The epochs that still own their site; they stay so until this transaction ends."""
        sites = {(entry.operation.site_id, entry.epoch) for entry in batch}
        return set(await tx.column(sql["fence"], [site for site, _ in sites], [epoch for _, epoch in sites]))

    async def _together(self, tx: Transaction, entries: Sequence[_Entry]) -> _Stored:
        """One statement for all of a kind; the services' own tables and news last.

        So operations are locked before anything of a service, as a service does that takes back what is pending.
        """
        stored: _Stored = {}
        for act, store in (
            (_Act.RESULT, self._results),
            (_Act.GIVE_BACK, self._give_back),
            (_Act.CLAIM, self._claims),
        ):
            if some := [entry for entry in entries if entry.act is act]:
                attempts = {(row.tenant_id, row.key): row.attempts for row in await store(tx, some)}
                stored |= {entry: attempts.get(entry.key) for entry in some}
        await self._tell(tx, [entry for entry in entries if entry.act is _Act.RESULT and stored[entry] is not None])
        return stored

    async def _apart(self, tx: Transaction, entries: Sequence[_Entry]) -> _Stored:
        """Each for itself: what is refused keeps its attempt, and goes through quarantine and read."""
        stored: _Stored = {}
        for entry in sorted(entries, key=lambda entry: entry.act.value):
            try:
                async with tx.savepoint():
                    stored |= await self._together(tx, [entry])
            except Exception as error:
                if self.session.closed:
                    raise
                log.exception("ledger.refused", operation=entry.operation.key, error=type(error).__name__)
                stored[entry] = error
                await _record(tx, [entry])
        return stored

    async def _claims(self, tx: Transaction, entries: Sequence[_Entry]) -> list["_Row"]:
        return await tx.fetch(
            _Row, sql["claim"], *_keys(entries), [entry.epoch for entry in entries], [entry.was for entry in entries]
        )

    async def _give_back(self, tx: Transaction, entries: Sequence[_Entry]) -> list["_Row"]:
        return await tx.fetch(_Row, sql["give_back_claims"], *_keys(entries))

    async def _results(self, tx: Transaction, entries: Sequence[_Entry]) -> list["_Row"]:
        await _record(tx, entries)
        rows = await tx.fetch(
            _Row,
            sql["settle"],
            *_keys(entries),
            [entry.was for entry in entries],
            [entry.after.state for entry in entries],
            [entry.after.remote_id for entry in entries],
            [_storable(entry.after.reason) for entry in entries],
            [_storable(entry.after.message)[:2000] for entry in entries],
            [entry.after.wait for entry in entries],
        )
        settled = {(row.tenant_id, row.key) for row in rows}
        changed = [entry for entry in entries if entry.key in settled]
        if released := [entry for entry in changed if not entry.after.state.covers]:
            await tx.execute(sql["release"], *_keys(released))
        for entry in changed:
            if entry.after.pause:
                await self._pause(tx, entry)
        return rows

    async def _tell(self, tx: Transaction, changed: Sequence[_Entry]) -> None:
        """What goes with results that end something, in their transaction: the service's own tables and news."""
        ended: dict[str, list[tuple[Operation, Settled]]] = defaultdict(list)
        for entry in changed:
            after = entry.after
            if after.state.is_terminal:
                said = _storable(after.reason), _storable(after.message)[:2000]
                settled = Settled(after.state, after.remote_id, *said, after.note)
                ended[entry.operation.effect].append((entry.operation, settled))
        for effect, results in ended.items():
            await self._effects[effect].settled(tx, results)

    async def _pause(self, tx: Transaction, entry: _Entry) -> None:
        operation, after = entry.operation, entry.after
        scope = Scope(after.pause)
        name = operation.lane if scope is Scope.LANE else ""
        reason, message = _storable(after.reason), _storable(after.message)[:2000]
        await queue.pause(tx, operation.tenant_id, scope, name, reason, message)
        effect = self._effects[operation.effect]
        if isinstance(effect, HearsPauses):
            await effect.paused(tx, operation, scope, reason)


@dataclass(frozen=True, slots=True)
class _Row:
    tenant_id: TenantId
    key: OperationKey
    attempts: int


def _keys(entries: Sequence[_Entry]) -> tuple[list[TenantId], list[OperationKey]]:
    return [entry.operation.tenant_id for entry in entries], [entry.operation.key for entry in entries]


async def _record(tx: Transaction, entries: Sequence[_Entry]) -> None:
    made = [(entry.key, entry.attempted) for entry in entries if entry.attempted is not None]
    rows = [
        (
            *key,
            attempted.number,
            attempted.outcome,
            attempted.status,
            _storable(attempted.code),
            _storable(attempted.message)[:1000],
            _storable(attempted.request_id),
            round(attempted.seconds, 6),
        )
        for key, attempted in made
    ]
    if rows:
        await tx.execute(sql["record_attempts"], *(list(column) for column in zip(*rows, strict=True)))


def _storable(text: str) -> str:
    """A peer's words without what PostgreSQL's text cannot hold: NUL bytes and lone surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _fail(entry: _Entry) -> None:
    if not entry.done.done():
        entry.done.set_exception(LostSiteError("the owner session is gone"))
        entry.done.exception()  # retrieved: whoever still waits sees it, nobody is warned


def _future() -> "asyncio.Future[Claim | None]":
    return asyncio.get_running_loop().create_future()
