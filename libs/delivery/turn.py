"""One turn of a lane: look what is due, read what is there already, then send one after the other."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

import structlog
from opentelemetry import trace

from delivery import metrics
from delivery.clock import boot_seconds
from delivery.effect import Effect, Lane, Reading
from delivery.lanes import Lanes, Rest
from delivery.ledger import Attempted, Claim, Ledger, LostSiteError, sql
from delivery.operations import Kind, Operation, State
from delivery.pace import Pace
from delivery.points import Point, reached
from delivery.quarantine import Quarantine
from delivery.queue import Scope
from delivery.transitions import NOT_FOUND, Abandoned, Answered, Next, Read, transition
from httpkit import ApiError, Outcome, leaving
from storage import Database, Transaction, is_lost_connection

log = structlog.get_logger()
tracer = trace.get_tracer(__name__)

# A lane that waits for something this process will hear of is looked at again all the same.
LONGEST_REST = 300.0

Stored = asyncio.Task[Claim | None]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What all turns of one owner session share; `over` says that a turn should claim nothing more."""

    db: Database
    ledger: Ledger
    lanes: Lanes
    quarantine: Quarantine
    pace: Pace
    over: Callable[[Lane], bool]


async def take_turn(grounds: Grounds, effect: Effect, lane: Lane, epoch: UUID, *, jobs_only: bool) -> Rest:
    """Do what is due in a lane, and say when it is to be looked at again; LostSiteError where it is no longer ours."""
    try:
        with tracer.start_as_current_span(f"turn {lane.effect}", attributes={"lane": lane.name}):
            return await _Turn(grounds, effect, lane, epoch, jobs_only=jobs_only).take()
    except LostSiteError:
        # The session is gone, or somebody owns the site although it lives: then nothing it holds can be trusted.
        raise
    except Exception as error:
        if is_lost_connection(error):
            return Rest(grounds.pace.void_wait, firm=True)
        log.exception("delivery.turn_failed", lane=lane.name, effect=lane.effect)
        metrics.VOID.labels(lane.effect, "defect").inc()
        return Rest(grounds.pace.defect_wait, firm=True)


class _Turn:
    def __init__(self, grounds: Grounds, effect: Effect, lane: Lane, epoch: UUID, *, jobs_only: bool) -> None:
        self._db = grounds.db
        self._ledger = grounds.ledger
        self._lanes = grounds.lanes
        self._quarantine = grounds.quarantine
        self._pace = grounds.pace
        self._is_over = grounds.over
        self._effect = effect
        self._lane = lane
        self._epoch = epoch
        self._jobs_only = jobs_only
        # Tasks that claim or store: none is left behind when the turn ends.
        self._storing: list[Stored] = []
        self._ahead: tuple[Operation, Stored] | None = None

    async def take(self) -> Rest:
        due = await self._due()
        if isinstance(due, Rest):
            return due
        ready = await self._ready(due)
        if not ready:
            return Rest()
        decided = await self._read(ready)
        if isinstance(decided, Rest):
            return decided
        found = [
            (operation, self._ledger.settle(operation, self._epoch, after))
            for operation, after in decided
            if not after.send
        ]
        try:
            rest = await self._send_all([operation for operation, after in decided if after.send])
        finally:
            await asyncio.gather(*(settling for _, settling in found), return_exceptions=True)
        for operation, settling in found:
            if (error := settling.exception()) is None:
                self._quarantine.end(self._lane, operation.seq)
            elif isinstance(error, LostSiteError):
                raise error
            else:  # refused by `settled` or the database: looked at again, but not at once
                self._quarantine.begin_again(self._lane, operation.seq, boot_seconds())
        return rest

    # What is due.

    async def _due(self) -> list[Operation] | Rest:
        """What may be read about and sent now, or how long the lane rests. One transaction, so one view of it all."""
        lane, now = self._lane, boot_seconds()
        async with self._db.all_tenants() as tx:
            if await self._effect.gate(tx, lane.tenant_id) is not None:
                self._lanes.shut(lane, now + self._pace.gate_wait)
                return Rest()
            self._lanes.opened(lane)
            pauses = await tx.fetch(_Pause, sql["pauses_of"], [lane.tenant_id])
            self._lanes.pauses(lane.tenant_id, frozenset((pause.scope, pause.name) for pause in pauses))
            if self._lanes.is_paused(lane):
                return Rest()
            where = lane.site_id, lane.tenant_id, lane.effect, lane.name
            waiting = self._quarantine.waiting(lane, now), self._lanes.paused_runs(lane.tenant_id)
            due = await tx.fetch(Operation, sql["turn"], *where, *waiting, self._jobs_only, self._pace.turn)
            return due or await self._rest(tx, now, *where, *waiting, self._jobs_only)

    async def _rest(self, tx: Transaction, now: float, *which: object) -> Rest:
        """`now` is when it was asked what waits: a quarantine that has ended since must not be slept through."""
        left = await tx.fetch_one(_Left, sql["rest"], *which)
        if left is None or not left.open:
            return Rest(empty=True)
        waits = [LONGEST_REST, left.due_in, self._quarantine.ends_in(self._lane, now)]
        if left.behind:
            waits.append(self._pace.tick)
        return Rest(min(seconds for seconds in waits if seconds is not None))

    async def _ready(self, operations: Sequence[Operation]) -> list[Operation]:
        """Those whose fate is not in doubt, or has been long enough."""
        ready = []
        for operation in operations:
            if operation.state is State.IN_FLIGHT:
                # Of this epoch (earlier ones were swept) without a running send: its result could not be stored.
                after = transition(State.IN_FLIGHT, operation.kind, Abandoned())
                await self._ledger.settle(operation, self._epoch, after)
                if after.state is State.AMBIGUOUS:
                    self._quarantine.begin(self._lane, operation.seq, boot_seconds())
                continue
            if operation.state is State.AMBIGUOUS:
                now = boot_seconds()
                self._quarantine.begin(self._lane, operation.seq, now)
                if operation.seq in self._quarantine.waiting(self._lane, now):
                    continue
            ready.append(operation)
        return ready

    # What is there.

    async def _read(self, operations: Sequence[Operation]) -> list[tuple[Operation, Next]] | Rest:
        """What follows for each from one read of the peer; nothing is decided by a read that did not end."""
        reading = Reading()
        if writes := [operation for operation in operations if operation.kind is not Kind.JOB]:
            await reached(Point.BEFORE_TURN_READ, writes[0])
            try:
                reading = await self._effect.find(self._lane, writes)
            except ApiError as error:
                return await self._after_failed_read(writes[0], error)
            await reached(Point.AFTER_TURN_READ, writes[0])
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

    async def _after_failed_read(self, operation: Operation, error: ApiError) -> Rest:
        """A void turn; the first operation carries what a person may have to know, its state stays."""
        log.warning("delivery.turn_void", lane=self._lane.name, outcome=error.outcome, code=error.code)
        metrics.VOID.labels(self._lane.effect, error.outcome).inc()
        if error.outcome in (Outcome.CONFIG, Outcome.NOT_FOUND):
            after = transition(State.IN_FLIGHT, operation.kind, _answered(error, operation))
            await self._ledger.settle(operation, self._epoch, replace(after, state=operation.state, wait=0.0))
        return Rest(max(error.retry_after or 0.0, self._pace.void_wait), firm=True)

    # What is sent.

    async def _send_all(self, operations: Sequence[Operation]) -> Rest:
        """Send what may be sent; when this returns, every claim and every result is committed, or its error told."""
        try:
            rest = await self._one_after_another(operations)
        except asyncio.CancelledError:
            # The owner session ends: what is not stored is for its successor to find out.
            for task in (*self._storing, *([self._ahead[1]] if self._ahead else [])):
                task.cancel()
            raise
        finally:
            if self._ahead is not None and await _is_claimed(self._ahead[1]):
                self._give_back(self._ahead[0])
            outcomes = await asyncio.gather(*self._storing, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        for error in errors:
            if isinstance(error, LostSiteError):
                raise error
        return Rest(max(rest.seconds, self._pace.defect_wait), firm=True) if errors else rest

    async def _one_after_another(self, operations: Sequence[Operation]) -> Rest:
        """Each is claimed while the one before it is sent, so that no commit is waited for.

        At most one a target is in `operations`, so a claim ahead is never about the record being written.
        """
        for number, operation in enumerate(operations):
            if self._ahead is None and self._is_over(self._lane):
                break
            claiming = self._ahead[1] if self._ahead else self._claim(operation)
            self._ahead = None
            claim = await claiming
            if claim is None:
                continue
            if self._is_over(self._lane):
                self._give_back(operation)
                break
            if number + 1 < len(operations):
                following = operations[number + 1]
                self._ahead = following, self._claim(following)
            after = await self._send(operation, claim)
            if after is not None and (after.pause or after.wait):
                return Rest(after.wait, firm=True)
        return Rest()

    def _claim(self, operation: Operation) -> Stored:
        async def claim() -> Claim | None:
            await reached(Point.BEFORE_CLAIM, operation)
            claim = await self._ledger.claim(operation, self._epoch)
            if claim is not None:
                self._quarantine.end(self._lane, operation.seq)
                await reached(Point.AFTER_CLAIM, operation)
            return claim

        return asyncio.create_task(claim())

    def _give_back(self, operation: Operation) -> None:
        async def give_back() -> Claim | None:
            await reached(Point.BEFORE_GIVE_BACK, operation)
            return await self._ledger.give_back(operation, self._epoch)

        self._storing.append(asyncio.create_task(give_back()))

    async def _send(self, operation: Operation, first: Claim) -> Next | None:
        """Send under a fresh claim and have the result stored; None where it may no longer be claimed."""
        claim = await self._fresh(operation, first)
        if claim is None:
            return None
        began = boot_seconds()
        leave_within = self._pace.validity - (began - claim.committed_at)
        if leave_within <= 0:
            answer, request_id = Answered(Outcome.NOT_SENT, code="stale_claim"), ""
        else:
            may = partial(_is_before, claim.committed_at + self._pace.validity)
            answer, request_id = await self._ask(replace(operation, leave_within=leave_within), may)
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
        await reached(Point.AFTER_RESPONSE, operation)

        async def store() -> Claim | None:
            stored = await self._ledger.settle(operation, self._epoch, after, attempted)
            if stored is not None and after.state is State.AMBIGUOUS:
                self._quarantine.begin(self._lane, operation.seq, boot_seconds())
            await reached(Point.AFTER_RESULT, operation)
            return stored

        self._storing.append(asyncio.create_task(store()))
        return after

    async def _fresh(self, operation: Operation, claim: Claim) -> Claim | None:
        """The claim, or another where the operation before has taken most of this one's time."""
        if boot_seconds() - claim.committed_at <= self._pace.validity / 2:
            return claim
        self._give_back(operation)
        await self._storing[-1]
        return await self._claim(replace(operation, state=State.PENDING))

    async def _ask(self, operation: Operation, may_leave: Callable[[], bool]) -> tuple[Answered, str]:
        # The quarantine counts on the deadline; a job is safe to repeat and may be a full read.
        is_job = operation.kind is Kind.JOB
        await reached(Point.BEFORE_SEND, operation)
        try:
            async with asyncio.timeout(None if is_job else self._pace.deadline):
                with nullcontext() if is_job else leaving(may_leave):
                    sent = await self._effect.send(operation)
        except ApiError as error:
            return _answered(error, operation), error.request_id or ""
        except TimeoutError:
            return Answered(Outcome.AMBIGUOUS, code="timeout", message="no answer within the deadline"), ""
        except Exception as error:
            log.exception("delivery.send_failed", operation=operation.key, effect=operation.effect)
            return Answered(Outcome.AMBIGUOUS, code=type(error).__name__, message="our own defect; see the log"), ""
        finally:
            await reached(Point.AFTER_BYTES_SENT, operation)
        return Answered(Outcome.OK, status=sent.status, remote_id=sent.remote_id, note=sent.note), sent.request_id


def _is_before(instant: float) -> bool:
    return boot_seconds() < instant


async def _is_claimed(claiming: Stored) -> bool:
    """Whether a claim that was made ahead is committed; what made it fail is the ledger's to tell."""
    (outcome,) = await asyncio.gather(claiming, return_exceptions=True)
    return isinstance(outcome, Claim)


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
class _Pause:
    scope: Scope
    name: str


@dataclass(frozen=True, slots=True)
class _Left:
    open: bool
    due_in: float | None
    behind: bool
