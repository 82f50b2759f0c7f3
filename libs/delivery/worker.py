"""The worker of a service that writes: owns sites, runs lanes, decides nothing itself (that is `transitions`)."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from delivery.operations import Kind, Operation, State
from delivery.pace import Pace
from delivery.transitions import NOT_FOUND, Abandoned, Answered, Next, Read, transition
from httpkit import ApiError, Outcome
from storage import Database, is_lost_connection

log = structlog.get_logger()
tracer = trace.get_tracer(__name__)

SHORTEST_BACKOFF = 0.2
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
        backoff = SHORTEST_BACKOFF
        while not stop.is_set():
            began = boot_seconds()
            try:
                await _Ownership(self._db, self._effects, self._pace, self._wake).run(stop)
            except* Exception as group:
                if any(not _passes(error) for error in _flat(group)):
                    raise
                log.warning("delivery.waiting", errors=[type(error).__name__ for error in _flat(group)])
            if boot_seconds() - began > LONGEST_BACKOFF:
                backoff = SHORTEST_BACKOFF
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), backoff)
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
        self._served: dict[Lane, float] = {}
        # By `seq`, since two tenants may have the same key.
        # Quarantine is waited on this owner's boot clock from when its epoch first saw the row.
        self._first_seen: dict[int, float] = {}
        self._in_hand: set[int] = set()

    async def run(self, stop: asyncio.Event) -> None:
        session = await self._db.session()
        ledger = Ledger(session, self._effects)
        try:
            async with asyncio.TaskGroup() as tasks:
                commits = tasks.create_task(ledger.run())
                while not stop.is_set():
                    if session.closed:
                        raise LostSiteError("the owner session is gone")
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
        try:
            await asyncio.wait(
                (*waits, *self._running.values()), timeout=self._pace.tick, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
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
            rows = await tx.fetch(_Due, sql["due_lanes"], list(self._epochs), list(self._effects), self._held())
        due = [Lane(row.site_id, row.tenant_id, row.effect, row.lane) for row in rows]
        now = boot_seconds()
        # The lane that waited longest for its turn first, so that a long backlog does not starve the others.
        for lane in sorted(due, key=lambda lane: self._served.get(lane, 0.0)):
            if stop.is_set() or len(self._running) >= self._pace.lanes:
                break
            if lane not in self._running and self._later.get(lane, 0.0) <= now:
                self._later.pop(lane, None)
                self._served[lane] = now
                self._running[lane] = tasks.create_task(self._turn(lane, self._epochs[lane.site_id], ledger, stop))
        LANES.set(len(self._running))
        QUARANTINED.set(len(self._first_seen))

    async def _turn(self, lane: Lane, epoch: UUID, ledger: Ledger, stop: asyncio.Event) -> None:
        try:
            with tracer.start_as_current_span(f"turn {lane.effect}", attributes={"lane": lane.name}):
                await self._send_due(lane, epoch, ledger, stop)
        except LostSiteError:
            # The session is gone, or somebody owns the site although it lives: then nothing it holds can be trusted.
            raise
        except Exception as error:
            if is_lost_connection(error):
                self._put_off(lane, self._pace.void_wait)
            else:
                log.exception("delivery.turn_failed", lane=lane.name, effect=lane.effect)
                self._put_off(lane, self._pace.defect_wait)

    async def _send_due(self, lane: Lane, epoch: UUID, ledger: Ledger, stop: asyncio.Event) -> None:
        effect = self._effects[lane.effect]
        async with self._db.all_tenants() as tx:
            closed = await effect.gate(tx, lane.tenant_id)
            operations = await tx.fetch(
                Operation,
                sql["turn"],
                lane.site_id,
                lane.tenant_id,
                lane.effect,
                lane.name,
                self._held(),
                self._pace.turn,
            )
        if closed is not None:
            self._put_off(lane, self._pace.gate_wait)
            return
        ready = await self._ready(operations, epoch, ledger)
        if not ready:
            self._put_off(lane, self._pace.tick)
            return
        decided = await self._read(effect, lane, ready, epoch, ledger)
        found = [(operation, ledger.settle(operation, epoch, after)) for operation, after in decided if not after.send]
        try:
            await self._send_all(lane, [operation for operation, after in decided if after.send], epoch, ledger, stop)
        finally:
            await asyncio.gather(*(settling for _, settling in found), return_exceptions=True)
        for operation, settling in found:
            if (error := settling.exception()) is None:
                self._first_seen.pop(operation.seq, None)
            elif isinstance(error, LostSiteError):
                raise error
            else:  # refused by `settled` or the database: looked at again, but not at once
                self._first_seen[operation.seq] = boot_seconds()

    async def _send_all(
        self, lane: Lane, operations: Sequence[Operation], epoch: UUID, ledger: Ledger, stop: asyncio.Event
    ) -> None:
        """One after the other; the result of one is committed with the claim of the next."""
        stored: list[asyncio.Future[Claim | None]] = []
        try:
            for operation in operations:
                if stop.is_set():
                    break
                result = await self._send(self._effects[lane.effect], operation, epoch, ledger, stop)
                if result is None:
                    continue
                stored.append(result[0])
                if result[1].pause or result[1].wait:
                    self._put_off(lane, result[1].wait)
                    break
        finally:
            outcomes = await asyncio.gather(*stored, return_exceptions=True)
        for outcome in outcomes:
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
                first_seen = self._first_seen.setdefault(operation.seq, now)
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
        reading = Reading()
        if writes := [operation for operation in operations if operation.kind is not Kind.JOB]:
            try:
                reading = await effect.find(lane, writes)
            except ApiError as error:
                log.warning("delivery.turn_void", lane=lane.name, outcome=error.outcome, code=error.code)
                await self._after_failed_read(lane, writes[0], error, epoch, ledger)
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
                        reading.overtaken.get(operation.key, ""),
                        reading.closed if operation.kind is not Kind.JOB else "",
                    ),
                ),
            )
            for operation in operations
        ]

    async def _after_failed_read(
        self, lane: Lane, operation: Operation, error: ApiError, epoch: UUID, ledger: Ledger
    ) -> None:
        """A void turn; the first operation carries what a person may have to know, its state stays."""
        self._put_off(lane, max(error.retry_after or 0.0, self._pace.void_wait))
        if error.outcome in (Outcome.CONFIG, Outcome.NOT_FOUND):
            after = transition(State.IN_FLIGHT, operation.kind, _answered(error, operation))
            await ledger.settle(operation, epoch, replace(after, state=operation.state, wait=0.0))

    async def _send(
        self, effect: Effect, operation: Operation, epoch: UUID, ledger: Ledger, stop: asyncio.Event
    ) -> tuple["asyncio.Future[Claim | None]", Next] | None:
        self._in_hand.add(operation.seq)
        try:
            claim = await ledger.claim(operation, epoch)
            if claim is None:  # superseded, or settled by another: no longer ours to send
                self._in_hand.discard(operation.seq)
                return None
            self._first_seen.pop(operation.seq, None)
            began = boot_seconds()
            leave_within = self._pace.validity - (began - claim.committed_at)
            if leave_within <= 0:
                answer, request_id = Answered(Outcome.NOT_SENT, code="stale_claim"), ""
            elif stop.is_set():
                answer, request_id = Answered(Outcome.NOT_SENT, code="stopping"), ""
            else:
                answer, request_id = await self._ask(effect, replace(operation, leave_within=leave_within))
        except BaseException:
            self._in_hand.discard(operation.seq)
            raise
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
        settling.add_done_callback(lambda _: self._in_hand.discard(operation.seq))
        return settling, after

    async def _ask(self, effect: Effect, operation: Operation) -> tuple[Answered, str]:
        # The quarantine counts on the deadline; a job is safe to repeat and may be a full read.
        deadline = None if operation.kind is Kind.JOB else self._pace.deadline
        try:
            async with asyncio.timeout(deadline):
                sent = await effect.send(operation)
        except ApiError as error:
            return _answered(error, operation), error.request_id or ""
        except TimeoutError:
            return Answered(Outcome.AMBIGUOUS, code="timeout", message="no answer within the deadline"), ""
        except Exception as error:
            log.exception("delivery.send_failed", operation=operation.key, effect=operation.effect)
            return Answered(Outcome.AMBIGUOUS, code=type(error).__name__, message="our own defect; see the log"), ""
        return Answered(Outcome.OK, status=sent.status, remote_id=sent.remote_id), sent.request_id

    def _held(self) -> list[int]:
        """What no turn may take up now: it is being sent, or in its quarantine."""
        began = boot_seconds() - self._pace.quarantine
        return [*self._in_hand, *(seq for seq, seen in self._first_seen.items() if seen > began)]

    def _put_off(self, lane: Lane, seconds: float) -> None:
        self._later[lane] = boot_seconds() + seconds


def _answered(error: ApiError, operation: Operation) -> Answered:
    return Answered(
        error.outcome,
        status=error.status,
        code=error.code,
        message=str(error),
        retry_after=error.retry_after,
        again=operation.reason == NOT_FOUND,
    )


@dataclass(frozen=True, slots=True)
class _Due:
    site_id: SiteId
    tenant_id: TenantId
    effect: str
    lane: str
