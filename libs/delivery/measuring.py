"""Counting what is not over, for the metrics: now and then, and never for more than a small part of the time."""

import asyncio
from dataclasses import dataclass

import structlog

from delivery import metrics
from delivery.clock import boot_seconds
from delivery.ledger import sql
from delivery.operations import State
from delivery.queue import Scope
from storage import Database, is_lost_connection

log = structlog.get_logger()

EVERY = 15.0
COUNTING = 0.01


async def measuring(db: Database) -> None:
    """Count until cancelled; a database that is away is waited for."""
    while True:
        began = boot_seconds()
        try:
            await measure(db)
        except Exception as error:
            if not is_lost_connection(error):
                raise
            log.warning("delivery.not_measured", error=type(error).__name__)
        await asyncio.sleep(max(EVERY, (boot_seconds() - began) / COUNTING))


async def measure(db: Database) -> None:
    """Set the gauges of the whole database."""
    async with db.all_tenants() as tx:
        counted = {row.state: row for row in await tx.fetch(_Counted, sql["measure"])}
        paused = {row.scope: row.pauses for row in await tx.fetch(_Paused, sql["measure_pauses"])}
    for state in (State.PENDING, State.IN_FLIGHT, State.AMBIGUOUS, State.CONFLICT, State.REJECTED):
        metrics.OPERATIONS.labels(state).set(counted[state].operations if state in counted else 0)
    ambiguous = counted.get(State.AMBIGUOUS)
    metrics.OLDEST_AMBIGUOUS.set(ambiguous.oldest if ambiguous else 0)
    for scope in Scope:
        metrics.PAUSES.labels(scope).set(paused.get(scope, 0))


@dataclass(frozen=True, slots=True)
class _Counted:
    state: State
    operations: int
    oldest: float


@dataclass(frozen=True, slots=True)
class _Paused:
    scope: Scope
    pauses: int
