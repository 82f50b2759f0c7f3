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

from contracts.values import SiteId
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
    expected: Sequence[State]
    done: "asyncio.Future[Claim | None]"


class Ledger:
    """Use from one event loop. `run` must be running; when the session dies, everything waiting fails with it."""

    def __init__(self, session: Session, effects: Mapping[str, Effect]) -> None:
        self.session = session
        self.turn = asyncio.Lock()  # a connection does one thing at a time
        self._effects = effects
        self._entries: asyncio.Queue[_Entry] = asyncio.Queue()

    def claim(self, operation: Operation, epoch: UUID) -> "asyncio.Future[Claim | None]":
        """Ask to send; None where the operation is no longer ours to claim, LostSiteError where the site is not."""
        return self._put(operation, epoch, None, None, (State.PENDING, State.AMBIGUOUS))

    def settle(
        self, operation: Operation, epoch: UUID, after: Next, attempted: Attempted | None = None
    ) -> "asyncio.Future[Claim | None]":
        """Store what follows for an operation that is claimed (with its attempt) or was only read about."""
        expected = (State.IN_FLIGHT,) if attempted else (State.PENDING, State.AMBIGUOUS, State.IN_FLIGHT)
        return self._put(operation, epoch, after, attempted, expected)

    def _put(
        self,
        operation: Operation,
        epoch: UUID,
        after: Next | None,
        attempted: Attempted | None,
        expected: Sequence[State],
    ) -> "asyncio.Future[Claim | None]":
        done: asyncio.Future[Claim | None] = asyncio.get_running_loop().create_future()
        self._entries.put_nowait(_Entry(operation, epoch, after, attempted, expected, done))
        return done

    async def run(self) -> None:
        """Commit until cancelled; raises what the session raises."""
        while True:
            batch = [await self._entries.get()]
            while not self._entries.empty() and len(batch) < MOST_IN_A_COMMIT:
                batch.append(self._entries.get_nowait())
            try:
                async with self.turn:
                    await self._commit(batch)
            except BaseException as error:
                for entry in batch:
                    if not entry.done.done():
                        entry.done.set_exception(LostSiteError(f"the owner session is gone: {type(error).__name__}"))
                        entry.done.exception()  # retrieved: whoever still waits sees it, nobody is warned
                raise

    async def _commit(self, batch: Sequence[_Entry]) -> None:
        results: list[tuple[_Entry, Claim | Exception | None]] = []
        async with self.session.transaction() as tx:
            owned = await self._fence(tx, batch)
            settles = [entry for entry in batch if entry.after is not None]
            claims = [entry for entry in batch if entry.after is None]
            for entry in (*settles, *claims):
                if entry.operation.site_id not in owned:
                    results.append((entry, LostSiteError(entry.operation.site_id)))
                    continue
                try:
                    async with tx.savepoint():
                        number = await (self._claim(tx, entry) if entry.after is None else self._settle(tx, entry))
                    results.append((entry, None if number is None else Claim(0.0, number)))
                except Exception as error:
                    log.exception("ledger.refused", operation=entry.operation.key, error=type(error).__name__)
                    results.append((entry, error))
            committed_at = boot_seconds()
        for entry, result in results:
            if entry.done.done():
                continue
            if isinstance(result, Exception):
                entry.done.set_exception(result)
                entry.done.exception()
            else:
                entry.done.set_result(result and Claim(committed_at, result.attempt))
            if entry.after is not None and not isinstance(result, Exception):
                SETTLED.labels(entry.operation.effect, entry.after.state).inc()

    @staticmethod
    async def _fence(tx: Transaction, batch: Sequence[_Entry]) -> set[SiteId]:
        sites = {(entry.operation.site_id, entry.epoch) for entry in batch}
        owned = await tx.column(sql["fence"], [site for site, _ in sites], [epoch for _, epoch in sites])
        return {SiteId(site) for site in owned}

    @staticmethod
    async def _claim(tx: Transaction, entry: _Entry) -> int | None:
        operation = entry.operation
        found = await tx.value(sql["claim"], operation.tenant_id, operation.key, entry.epoch)
        return None if found is None else int(found)

    async def _settle(self, tx: Transaction, entry: _Entry) -> int | None:
        operation, after = entry.operation, entry.after
        assert after is not None  # noqa: S101 (a settle has what follows)
        if (attempted := entry.attempted) is not None:
            await tx.execute(
                sql["record_attempt"],
                operation.tenant_id,
                operation.key,
                attempted.number,
                attempted.outcome,
                attempted.status,
                attempted.code,
                attempted.message[:1000],
                attempted.request_id,
                round(attempted.seconds, 6),
            )
        changed = await tx.execute(
            sql["settle"],
            operation.tenant_id,
            operation.key,
            after.state,
            after.remote_id,
            after.reason,
            after.message[:2000],
            after.wait,
            list(entry.expected),
        )
        if not changed:
            return None
        if after.pause:
            lane = "" if after.pause == "tenant" else operation.lane
            await queue.pause(tx, operation.tenant_id, lane, after.reason, after.message)
        if after.state.is_terminal:
            if not after.state.covers:
                await tx.execute(queue.sql["release"], operation.tenant_id, [operation.key])
            result = Settled(after.state, after.remote_id, after.reason, after.message)
            await self._effects[operation.effect].settled(tx, operation, result)
        return operation.attempts
