"""What is known of operations, for people and for reconciliation."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.values import RunId, SiteId, TenantId
from delivery.operations import Kind, Marker, OperationKey, State
from delivery.queue import pauses
from storage import Transaction, named_queries

sql = named_queries(__package__, "records.sql")

# How long back the rate of a run is looked at.
LATELY = timedelta(minutes=5)


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


@dataclass(frozen=True, slots=True)
class Question(Recorded):
    """An operation that is in doubt, refused or in conflict; `seq` is its place in the list."""

    seq: int


async def questions(tx: Transaction, tenant_id: TenantId, state: State, after: int, size: int) -> list[Question]:
    """One page of the tenant's operations that are ambiguous, rejected or in conflict, in the order of queueing."""
    return await tx.fetch(Question, sql["questions"], tenant_id, state, after, size)


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
    if counted.left and await pauses(tx, tenant_id):
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


async def lanes(tx: Transaction, effect: str, tenant_id: TenantId, site_id: SiteId) -> list[str]:
    """Every lane of the tenant at a site that something was or may have been written to."""
    return [str(lane) for lane in await tx.column(sql["lanes"], tenant_id, effect, site_id)]


async def live_of_lane(tx: Transaction, effect: str, tenant_id: TenantId, site_id: SiteId, lane: str) -> list[Recorded]:
    """What stands, or may stand, at the site for this lane."""
    return await tx.fetch(Recorded, sql["live_of_lane"], tenant_id, effect, site_id, lane)


async def lanes_of_markers(tx: Transaction, effect: str, tenant_id: TenantId, markers: Iterable[str]) -> dict[str, str]:
    """Where what bears these markers was written to, as far as it is confirmed."""
    if not (sought := list(markers)):
        return {}
    return {one.marker: one.lane for one in await tx.fetch(_Marked, sql["lanes_of_markers"], tenant_id, effect, sought)}


async def sites(tx: Transaction, tenant_id: TenantId, keys: Iterable[OperationKey]) -> dict[OperationKey, SiteId]:
    """The site that each of these operations was queued for."""
    return {one.key: one.site_id for one in await tx.fetch(_At, sql["sites"], tenant_id, list(keys))}


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
class _At:
    key: OperationKey
    site_id: SiteId


@dataclass(frozen=True, slots=True)
class _Marked:
    marker: str
    lane: str
