"""Queueing operations, and what people ask of them: coverage first, so that nothing is queued twice."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import uuid4

from contracts.values import NO_RUN, LineIdentity, RunId, SiteId, TenantId
from delivery.operations import (
    Kind,
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

sql = named_queries(__package__, "queue.sql")

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
    """Take back what is still pending, with its coverage; the keys for which it was not too late.

    What was in conflict, and is not there only by a person's word, is not taken back before a read has shown that.
    """
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
