"""The worker of a service that writes: owns sites, runs lanes, decides nothing itself (that is `transitions`)."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from os import getpid
from uuid import UUID, uuid4

import structlog
from opentelemetry import trace
from prometheus_client import Gauge

from contracts.values import SiteId, TenantId
from delivery import queue
from delivery.clock import boot_seconds
from delivery.effect import Effect, Lane, Reading
from delivery.ledger import Attempted, Claim, Ledger, LostSiteError, sql
from delivery.operations import Kind, Operation, OperationKey, State
from delivery.pace import Pace
from delivery.transitions import Abandoned, Answered, Next, Read, transition
from httpkit import ApiError, Outcome
from storage import Database, is_lost_connection

log = structlog.get_logger()
tracer = trace.get_tracer(__name__)

TICK = 0.5  # how soon work that other processes queued is seen
GATE_WAIT = 2.0
VOID_TURN_WAIT = 2.0
LONGEST_BACKOFF = 10.0

LANES = Gauge("delivery_lanes_running", "Lanes with a turn under way.")
QUARANTINED = Gauge("delivery_quarantined", "Operations nobody knows the fate of yet. Falls to 0 by itself.")


class Delivery:
    """Sends what is queued for its effects, exactly once; one process a site, by a lock that dies with its session."""

    def __init__(self, db: Database, *effects: Effect, pace: Pace) -> None:
        self._db = db
        self._effects = {effect.name: effect for effect in effects}
        self._pace = pace
        self._wake = asyncio.Event()
        db.on_signal(queue.SIGNAL, self._wake.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Own and send until told to stop; what is in flight then is finished, nothing new is claimed."""
        backoff = 0.2
        while not stop.is_set():
            try:
                await _Ownership(self._db, self._effects, self._pace, self._wake).run(stop)
                backoff = 0.2
            except* Exception as group:
                if any(not _passes(error) for error in _flat(group)):
                    raise
                log.warning("delivery.waiting", errors=[type(error).__name__ for error in _flat(group)])
            if not stop.is_set():
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)


def _flat(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _flat(inner)]
    return [error]


def _passes(error: BaseException) -> bool:
    return is_lost_connection(error) or isinstance(error, LostSiteError)


class _Ownership:
    """What one owner session owns; when the session dies, so does this, and another begins with new epochs."""

    def __init__(self, db: Database, effects: dict[str, Effect], pace: Pace, wake: asyncio.Event) -> None:
        self._db = db
        self._effects = effects
        self._pace = pace
        self._wake = wake
        self._epochs: dict[SiteId, UUID] = {}
        self._running: dict[Lane, asyncio.Task[None]] = {}
        self._later: dict[Lane, float] = {}
        # Quarantine is waited on this owner's boot clock from when its epoch first saw the row.
        self._first_seen: dict[OperationKey, float] = {}
        self._in_hand: set[OperationKey] = set()

    async def run(self, stop: asyncio.Event) -> None:
        session = await self._db.session()
        ledger = Ledger(session, self._effects)
        try:
            async with asyncio.TaskGroup() as tasks:
                commits = tasks.create_task(ledger.run())
                while not stop.is_set():
                    self._wake.clear()
                    await self._take_sites(ledger)
                    await self._start_turns(tasks, ledger, stop)
                    await self._pause(stop)
                if self._running:
                    await asyncio.wait(self._running.values())
                commits.cancel()
        finally:
            LANES.set(0)
            await session.close()

    async def _pause(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(stop.wait())]
        await asyncio.wait((*waits, *self._running.values()), timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _take_sites(self, ledger: Ledger) -> None:
        async with self._db.all_tenants() as tx:
            sites = [SiteId(site) for site in await tx.column(sql["sites_with_work"], list(self._effects))]
        for site in sites:
            if site in self._epochs:
                continue
            async with ledger.turn:
                if not await ledger.session.try_lock(f"delivery.{site}"):
                    continue
                epoch = uuid4()
                # Takeover and the sweep of what earlier epochs left in flight are one transaction.
                async with ledger.session.transaction() as tx:
                    await tx.execute(sql["take_site"], site, epoch, f"{socket.gethostname()}/{getpid()}")
                    swept = await tx.execute(sql["sweep"], site, list(self._effects))
                self._epochs[site] = epoch
            log.info("delivery.site_taken", site=site, swept=swept)

    async def _start_turns(self, tasks: asyncio.TaskGroup, ledger: Ledger, stop: asyncio.Event) -> None:
        for lane in [lane for lane, task in self._running.items() if task.done()]:
            del self._running[lane]
        async with self._db.all_tenants() as tx:
            due = await tx.fetch(_Due, sql["due_lanes"], list(self._epochs), list(self._effects))
        now = boot_seconds()
        for row in due:
            lane = Lane(row.site_id, row.tenant_id, row.effect, row.lane)
            if len(self._running) >= self._pace.lanes:
                break
            if lane not in self._running and self._later.get(lane, 0.0) <= now:
                self._later.pop(lane, None)
                self._running[lane] = tasks.create_task(self._turn(lane, ledger, stop))
        LANES.set(len(self._running))
        QUARANTINED.set(len(self._first_seen))

    async def _turn(self, lane: Lane, ledger: Ledger, stop: asyncio.Event) -> None:
        epoch = self._epochs.get(lane.site_id)
        if epoch is None:
            return
        try:
            with tracer.start_as_current_span(f"turn {lane.effect}", attributes={"lane": lane.name}):
                await self._send_due(lane, epoch, ledger, stop)
        except LostSiteError:
            self._epochs.pop(lane.site_id, None)
            log.warning("delivery.site_lost", site=lane.site_id)
        except Exception as error:
            if is_lost_connection(error):
                self._put_off(lane, VOID_TURN_WAIT)
            else:
                log.exception("delivery.turn_failed", lane=lane.name, effect=lane.effect)
                self._put_off(lane, LONGEST_BACKOFF)

    async def _send_due(self, lane: Lane, epoch: UUID, ledger: Ledger, stop: asyncio.Event) -> None:
        effect = self._effects[lane.effect]
        async with self._db.all_tenants() as tx:
            closed = await effect.gate(tx, lane.tenant_id)
            held = [key for key in (*self._in_hand, *self._first_seen) if self._is_held(key)]
            operations = await tx.fetch(
                Operation, sql["turn"], lane.site_id, lane.tenant_id, lane.effect, lane.name, held, self._pace.turn
            )
        if closed is not None:
            self._put_off(lane, GATE_WAIT)
            return
        ready = await self._ready(operations, epoch, ledger)
        if not ready:
            self._put_off(lane, TICK)
            return
        decided = await self._read(effect, lane, ready, epoch, ledger)
        stored = []
        for operation, after in decided:
            if not after.send:
                self._first_seen.pop(operation.key, None)
                stored.append(ledger.settle(operation, epoch, after))
        try:
            await self._send_all(lane, [operation for operation, after in decided if after.send], epoch, ledger, stop)
        finally:
            outcomes = await asyncio.gather(*stored, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, LostSiteError):
                raise outcome

    async def _send_all(
        self, lane: Lane, operations: Sequence[Operation], epoch: UUID, ledger: Ledger, stop: asyncio.Event
    ) -> None:
        """One after the other; the result of one is committed with the claim of the next."""
        stored: list[asyncio.Future[Claim | None]] = []
        for operation in operations:
            if stop.is_set():
                break
            result = await self._send(self._effects[lane.effect], operation, epoch, ledger)
            if result is None:
                continue
            stored.append(result[0])
            if result[1].pause or result[1].wait:
                self._put_off(lane, result[1].wait)
                break
        for outcome in await asyncio.gather(*stored, return_exceptions=True):
            if isinstance(outcome, LostSiteError):
                raise outcome

    async def _ready(self, operations: Sequence[Operation], epoch: UUID, ledger: Ledger) -> list[Operation]:
        """What may be read about and sent now: at most one operation a target, none in its quarantine."""
        now = boot_seconds()
        targets: set[str] = set()
        ready = []
        for operation in operations:
            if operation.state is State.IN_FLIGHT:
                # Of this epoch (earlier ones were swept) without a running send: its result could not be stored.
                await ledger.settle(operation, epoch, transition(State.IN_FLIGHT, operation.kind, Abandoned()))
                targets.add(operation.target)
                continue
            if operation.state is State.AMBIGUOUS:
                first_seen = self._first_seen.setdefault(operation.key, now)
                if now - first_seen < self._pace.quarantine:
                    targets.add(operation.target)
                    continue
            if operation.target not in targets:
                targets.add(operation.target)
                ready.append(operation)
        return ready

    async def _read(
        self, effect: Effect, lane: Lane, operations: Sequence[Operation], epoch: UUID, ledger: Ledger
    ) -> list[tuple[Operation, Next]]:
        """What follows for each from one read of the peer; nothing is decided by a read that did not end."""
        if all(operation.kind is Kind.JOB for operation in operations):
            reading = Reading()
        else:
            try:
                reading = await effect.find(lane, operations)
            except ApiError as error:
                log.warning("delivery.turn_void", lane=lane.name, outcome=error.outcome, code=error.code)
                await self._after_failed_read(lane, operations[0], error, epoch, ledger)
                return []
        return [
            (
                operation,
                transition(
                    operation.state,
                    operation.kind,
                    Read(
                        reading.hits.get(operation.key, ()),
                        reading.conflicts.get(operation.key, ""),
                        reading.closed if operation.kind is not Kind.JOB else "",
                    ),
                ),
            )
            for operation in operations
        ]

    async def _after_failed_read(
        self, lane: Lane, operation: Operation, error: ApiError, epoch: UUID, ledger: Ledger
    ) -> None:
        self._put_off(lane, max(error.retry_after or 0.0, VOID_TURN_WAIT))
        if error.outcome in (Outcome.CONFIG, Outcome.NOT_FOUND):
            pause = "tenant" if error.status == 401 else "lane"  # noqa: PLR2004 (401: the key; 403 and 404: a record)
            after = Next(operation.state, reason=error.code, message=str(error), pause=pause)
            await ledger.settle(operation, epoch, after)

    async def _send(
        self, effect: Effect, operation: Operation, epoch: UUID, ledger: Ledger
    ) -> tuple["asyncio.Future[Claim | None]", Next] | None:
        self._in_hand.add(operation.key)
        try:
            claim = await ledger.claim(operation, epoch)
        except BaseException:
            self._in_hand.discard(operation.key)
            raise
        if claim is None:  # superseded, or settled by another: no longer ours to send
            self._in_hand.discard(operation.key)
            return None
        self._first_seen.pop(operation.key, None)
        began = boot_seconds()
        if began - claim.committed_at > self._pace.validity:
            answer, request_id = Answered(Outcome.NOT_SENT, code="stale_claim"), ""
        else:
            answer, request_id = await self._ask(effect, operation)
        after = transition(State.IN_FLIGHT, operation.kind, answer)
        attempted = Attempted(
            outcome=answer.outcome,
            status=answer.status,
            code=answer.code,
            message=answer.message,
            request_id=request_id,
            seconds=boot_seconds() - began,
            number=claim.attempt,
        )
        settling = ledger.settle(operation, epoch, after, attempted)
        settling.add_done_callback(lambda _: self._in_hand.discard(operation.key))
        return settling, after

    @staticmethod
    async def _ask(effect: Effect, operation: Operation) -> tuple[Answered, str]:
        try:
            sent = await effect.send(operation)
        except ApiError as error:
            answer = Answered(
                error.outcome,
                status=error.status,
                code=error.code,
                message=str(error),
                retry_after=error.retry_after,
            )
            return answer, error.request_id or ""
        except Exception as error:
            log.exception("delivery.send_failed", operation=operation.key, effect=operation.effect)
            return Answered(Outcome.AMBIGUOUS, code=type(error).__name__, message="our own defect; see the log"), ""
        return Answered(Outcome.OK, status=sent.status, remote_id=sent.remote_id), sent.request_id

    def _is_held(self, key: OperationKey) -> bool:
        if key in self._in_hand:
            return True
        return boot_seconds() - self._first_seen.get(key, float("-inf")) < self._pace.quarantine

    def _put_off(self, lane: Lane, seconds: float) -> None:
        self._later[lane] = boot_seconds() + seconds


@dataclass(frozen=True, slots=True)
class _Due:
    site_id: SiteId
    tenant_id: TenantId
    effect: str
    lane: str
