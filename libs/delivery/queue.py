"""Queueing operations, and what people ask of them: coverage first, so that nothing is queued twice."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import uuid4

from contracts.values import NO_RUN, LineIdentity, RunId, SiteId, TenantId
from delivery.operations import (
    Kind,
    Marker,
    NewOperation,
    Operation,
    OperationKey,
    Settled,
    State,
    marker,
    operation_key,
)
from delivery.transitions import Adopted, Decision, transition
from storage import Transaction, named_queries

sql = named_queries(__package__, "operations.sql")

SIGNAL = "delivery"


# The code of a pause that a person made; every other code is a machine's.
PERSON = "person"


class Scope(StrEnum):
    """What a pause stops."""

    TENANT = "tenant"
    LANE = "lane"
    RUN = "run"


class KeyReusedError(Exception):
    """An operation key that exists with other content: never "already there"."""


class DecidedError(Exception):
    """What is to be decided is not, or no longer, an operation in conflict."""


class TakenError(Exception):
    """A record that is to be adopted stands for another operation."""


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of a request to queue: keys newly queued, keys already there, and lines others stand for."""

    new: tuple[OperationKey, ...]
    already: tuple[OperationKey, ...]
    covered: tuple[tuple[LineIdentity, str], ...]


async def enqueue(tx: Transaction, effect: str, operations: Sequence[NewOperation]) -> Queued:
    """Queue what is not yet covered or queued. An operation whose coverage is taken by another is left out whole.

    KeyReusedError where a key exists with other content.
    """
    new: list[OperationKey] = []
    already: list[OperationKey] = []
    covered: list[tuple[LineIdentity, str]] = []
    by_tenant: dict[TenantId, list[NewOperation]] = defaultdict(list)
    for operation in operations:
        by_tenant[operation.tenant_id].append(operation)
    for tenant_id in sorted(by_tenant):
        wanted = by_tenant[tenant_id]
        await tx.execute(sql["lock_tenant"], tenant_id)
        known = {
            row.operation_key: row.body_digest
            for row in await tx.fetch(_Known, sql["known"], tenant_id, [operation.key for operation in wanted])
        }
        identities = sorted({part.identity for operation in wanted for part in operation.coverage})
        taken = {
            (row.identity, row.component): row.operation_key
            for row in await tx.fetch(_Covered, sql["covered"], tenant_id, identities)
        }
        accepted: list[NewOperation] = []
        for operation in wanted:
            digest = _digest(operation)
            if (other := known.get(operation.key)) is not None:
                if other != digest:
                    raise KeyReusedError(f"operation {operation.key} exists with other content")
                already.append(operation.key)
                continue
            others = [(part.identity, part.component) for part in operation.coverage]
            if any(pair in taken for pair in others):
                covered.extend(pair for pair in others if pair in taken)
                continue
            taken.update(dict.fromkeys(others, operation.key))
            known[operation.key] = digest
            accepted.append(operation)
        await tx.execute_many(sql["insert_operation"], [_row(effect, operation) for operation in accepted])
        await tx.execute_many(
            sql["insert_coverage"],
            [
                (tenant_id, operation.key, part.identity, part.component, part.quantity, part.cost, part.price)
                for operation in accepted
                for part in operation.coverage
            ],
        )
        new.extend(operation.key for operation in accepted)
    if new:
        tx.signal(SIGNAL)
    return Queued(tuple(new), tuple(already), tuple(covered))


async def enqueue_job(
    tx: Transaction, effect: str, tenant_id: TenantId, site_id: SiteId, lane: str, body: Any, run_id: RunId = NO_RUN
) -> bool:
    """Queue a job (safe to repeat) unless one of the same lane waits already; whether it was queued."""
    await tx.execute(sql["lock_tenant"], tenant_id)
    if await tx.value(sql["waiting_job"], tenant_id, effect, lane):
        return False
    key = operation_key("job", lane, uuid4())
    job = NewOperation(tenant_id, site_id, key, Kind.JOB, lane, body, target=lane, run_id=run_id)
    await tx.execute_many(sql["insert_operation"], [_row(effect, job)])
    tx.signal(SIGNAL)
    return True


async def supersede(tx: Transaction, tenant_id: TenantId, keys: Sequence[OperationKey]) -> list[OperationKey]:
    """Take back what is still pending, with its coverage; the keys for which it was not too late."""
    taken_back = [OperationKey(key) for key in await tx.column(sql["supersede"], tenant_id, list(keys))]
    await tx.execute(sql["release"], tenant_id, taken_back)
    return taken_back


async def job_once(
    tx: Transaction, effect: str, tenant_id: TenantId, site_id: SiteId, lane: str, body: Any, once: str
) -> State:
    """Queue a job that is done once for each `once` in its lane, if it is not yet queued; its state."""
    await tx.execute(sql["lock_tenant"], tenant_id)
    key = operation_key("job", lane, "once", once)
    if (state := await tx.value(sql["state"], tenant_id, key)) is not None:
        return State(state)
    job = NewOperation(tenant_id, site_id, key, Kind.JOB, lane, body, target=lane)
    await tx.execute_many(sql["insert_operation"], [_row(effect, job)])
    tx.signal(SIGNAL)
    return State.PENDING


async def pause(tx: Transaction, tenant_id: TenantId, scope: Scope, name: str, code: str, message: str) -> None:
    """Stop a tenant (named ''), a lane or a run; what is being sent is finished, nothing is lost.

    With the code `PERSON` until a person resumes it, with any other until that or until a machine lifts it.
    """
    await tx.execute(sql["pause"], tenant_id, scope, name, code, message)
    tx.signal(SIGNAL)


async def resume(tx: Transaction, tenant_id: TenantId, scope: Scope | None = None, name: str | None = None) -> int:
    """A person lets what matches go on, everything of the tenant by default; how many pauses that ended."""
    return await _resumed(tx, tenant_id, scope, name, by_person=True)


async def lift(tx: Transaction, tenant_id: TenantId, scope: Scope | None = None, name: str | None = None) -> int:
    """The same by a machine: what a person stopped stays."""
    return await _resumed(tx, tenant_id, scope, name, by_person=False)


async def _resumed(
    tx: Transaction, tenant_id: TenantId, scope: Scope | None, name: str | None, *, by_person: bool
) -> int:
    ended = await tx.execute(sql["resume"], tenant_id, scope, name, by_person)
    tx.signal(SIGNAL)
    return ended


@dataclass(frozen=True, slots=True)
class Pause:
    """What waits for a person, and why."""

    tenant_id: TenantId
    scope: Scope
    name: str
    code: str
    message: str
    paused_at: datetime


async def pauses(tx: Transaction, tenant_id: TenantId) -> list[Pause]:
    """Everything of the tenant that is paused."""
    return await tx.fetch(Pause, sql["pauses"], tenant_id)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An operation with how it stands, for people and for reconciliation."""

    tenant_id: TenantId
    key: OperationKey
    state: State
    effect: str
    lane: str
    kind: Kind
    marker: Marker | None
    body: Any
    run_id: RunId
    reason: str
    message: str
    attempts: int
    remote_id: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request made for an operation."""

    number: int
    at: datetime
    outcome: str
    status: int | None
    code: str
    message: str
    request_id: str
    seconds: Decimal


async def timeline(tx: Transaction, tenant_id: TenantId, key: OperationKey) -> tuple[Recorded, list[Attempt]] | None:
    """An operation with all its attempts."""
    recorded = await tx.fetch_one(Recorded, sql["operation"], tenant_id, key)
    if recorded is None:
        return None
    return recorded, await tx.fetch(Attempt, sql["attempts"], tenant_id, key)


async def conflict(tx: Transaction, tenant_id: TenantId, key: OperationKey) -> Operation | None:
    """An operation that is in conflict, locked; None where there is none."""
    return await tx.fetch_one(Operation, sql["conflict"], tenant_id, key)


async def decide(
    tx: Transaction, tenant_id: TenantId, key: OperationKey, decision: Decision, by: str
) -> tuple[Operation, Settled]:
    """Do with a conflict what a person says, and keep who said it; the operation as it was, and what it is now.

    The effect's own tables and news are the caller's to change. DecidedError where it is no conflict, TakenError where
    the record stands for another operation.
    """
    operation = await conflict(tx, tenant_id, key)
    if operation is None:
        raise DecidedError(f"operation {key} is not in conflict")
    remote_id = decision.remote_id if isinstance(decision, Adopted) else None
    if remote_id and await tx.value(sql["stands_for"], operation.site_id, operation.effect, remote_id):
        raise TakenError(f"record {remote_id} stands for another operation")
    after = transition(operation.state, operation.kind, decision)
    await tx.execute(sql["decide"], tenant_id, key, after.state, after.remote_id, after.reason, after.message)
    await tx.execute(sql["keep_decision"], tenant_id, key, after.reason, after.remote_id, by)
    tx.signal(SIGNAL)
    return operation, Settled(after.state, after.remote_id, after.reason, after.message)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person said of a conflict: `adopted` (which record) or `tried_again`."""

    decision: str
    remote_id: int | None
    by: str
    at: datetime


async def decisions(tx: Transaction, tenant_id: TenantId, key: OperationKey) -> list[Decided]:
    """All that people have said of an operation, oldest first."""
    return await tx.fetch(Decided, sql["decisions"], tenant_id, key)


# How long back the rate of a run is looked at.
LATELY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `left` may still be sent, `ambiguous` and `waiting` are part of it or of nothing else.

    `waiting`: conflicts, and what is paused: a person decides. `per_minute` is that of the last minutes; `ends_at` is
    None where nothing tells. `held`: why nothing is sent although nothing is paused, '' where nothing holds it up.
    """

    done: int
    left: int
    failed: int
    waiting: int
    ambiguous: int
    per_minute: float
    ends_at: datetime | None
    held: str


async def progress(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> Progress:
    """How far a run is, how fast it went lately, and when it will be done at that rate."""
    counted = await tx.fetch_one(_Progress, sql["progress"], tenant_id, run_id, LATELY.total_seconds())
    assert counted is not None  # noqa: S101 (an aggregate has one row)
    paused = 0
    if counted.left and await tx.fetch(Pause, sql["pauses"], tenant_id):
        paused = int(await tx.value(sql["paused_of_run"], tenant_id, run_id))
    held = await tx.value(sql["held"], tenant_id, run_id) if counted.left else None
    per_second = counted.lately / max(counted.seconds or 0.0, 1.0)
    moving = counted.left - paused
    ends_at = None
    if per_second > 0 and moving and not held:
        ends_at = counted.at + timedelta(seconds=moving / per_second)
    return Progress(
        done=counted.done,
        left=counted.left,
        failed=counted.failed,
        waiting=counted.conflicts + paused,
        ambiguous=counted.ambiguous,
        per_minute=round(60 * per_second, 1),
        ends_at=ends_at,
        held=held or "",
    )


@dataclass(frozen=True, slots=True)
class Question(Recorded):
    """An operation that is in doubt, refused or in conflict; `seq` is its place in the list."""

    seq: int


async def questions(tx: Transaction, tenant_id: TenantId, state: State, after: int, size: int) -> list[Question]:
    """One page of the tenant's operations that are ambiguous, rejected or in conflict, in the order of queueing."""
    return await tx.fetch(Question, sql["questions"], tenant_id, state, after, size)


async def counts(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> dict[State, int]:
    """How many operations of a run are in which state."""
    return {row.state: row.operations for row in await tx.fetch(_Count, sql["counts"], tenant_id, run_id)}


async def lanes(tx: Transaction, effect: str, tenant_id: TenantId) -> list[str]:
    """Every lane of the tenant that something was or may have been written to."""
    return [str(lane) for lane in await tx.column(sql["lanes"], tenant_id, effect)]


async def live_of_lane(tx: Transaction, effect: str, tenant_id: TenantId, lane: str) -> list[Recorded]:
    """What stands, or may stand, at the peer for this lane."""
    return await tx.fetch(Recorded, sql["live_of_lane"], tenant_id, effect, lane)


async def lanes_of_markers(tx: Transaction, effect: str, tenant_id: TenantId, markers: Iterable[str]) -> dict[str, str]:
    """Where what bears these markers was written to, as far as it is confirmed."""
    if not (sought := list(markers)):
        return {}
    return {one.marker: one.lane for one in await tx.fetch(_Marked, sql["lanes_of_markers"], tenant_id, effect, sought)}


@dataclass(frozen=True, slots=True)
class _Marked:
    marker: str
    lane: str


def _row(effect: str, operation: NewOperation) -> tuple[Any, ...]:
    mark = marker(operation.site_id, operation.key) if operation.kind is Kind.CREATE else None
    return (
        operation.tenant_id,
        operation.key,
        effect,
        operation.site_id,
        operation.lane,
        operation.kind,
        operation.target or operation.key,
        mark,
        operation.body,
        _digest(operation),
        operation.run_id,
    )


def _digest(operation: NewOperation) -> str:
    content = [operation.site_id, operation.lane, operation.kind, operation.target, operation.body]
    text = json.dumps(content, sort_keys=True, default=lambda v: format(v, "f") if isinstance(v, Decimal) else str(v))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class _Known:
    operation_key: OperationKey
    body_digest: str


@dataclass(frozen=True, slots=True)
class _Covered:
    identity: LineIdentity
    component: str
    operation_key: OperationKey


@dataclass(frozen=True, slots=True)
class _Progress:
    done: int
    left: int
    failed: int
    conflicts: int
    ambiguous: int
    lately: int
    seconds: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class _Count:
    state: State
    operations: int
