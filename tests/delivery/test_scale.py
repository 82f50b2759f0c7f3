"""What is asked of PostgreSQL grows with the lanes, not with the operations in them."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from delivery.ledger import sql
from delivery.measuring import measure
from delivery.metrics import OLDEST_AMBIGUOUS, OPERATIONS, PAUSES
from delivery.operations import State
from delivery.queue import Scope, pause
from tests.delivery.additions import EFFECT, creation
from tests.delivery.house import House

BACKLOG = """
insert into operation (tenant_id, operation_key, effect, site_id, lane, kind, target, marker, body, body_digest, state,
  epoch)
select $1, 'key-' || n, 'additions', $2, 'agreement-' || n % $5, 'create', 'key-' || n, 'm' || n, '{}', '',
  case when n <= 5 then 'in_flight' else 'pending' end, gen_random_uuid()
from generate_series($3::int, $4::int) as n
"""
OPEN, LANES = 20_000, 10


def scanned(plan: dict[str, Any]) -> Iterator[float]:
    """How many rows each scan of the plan has touched."""
    if "Scan" in plan["Node Type"] and "Relation Name" in plan:
        yield (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for below in plan.get("Plans", ()):
        yield from scanned(below)


@pytest.mark.parametrize("before", [None, 0, 1, 50, OPEN])
async def test_no_look_reads_a_long_backlog_whenever_statistics_were_last_taken(
    house: House, before: int | None
) -> None:
    owner = await asyncpg.connect(house.urls.owner)
    await owner.execute("alter table operation set (autovacuum_enabled = false)")
    async with house.db.all_tenants() as tx:
        await tx.execute(BACKLOG, house.tenant, house.site, 1, before or 0, LANES)
    if before is not None:
        await owner.execute("analyze operation")
    await owner.close()
    async with house.db.all_tenants() as tx:
        await tx.execute(BACKLOG, house.tenant, house.site, (before or 0) + 1, OPEN, LANES)
    lane = house.site, house.tenant, EFFECT, "agreement-7"
    looks: dict[str, tuple[Any, ...]] = {
        "sites_with_work": ([EFFECT],),
        "open_lanes": ([house.site], [EFFECT]),
        "turn": (*lane, [], [], False, 100),
        "in_doubt": (house.site, [EFFECT]),
        "sweep": (house.site, [EFFECT]),
        "claim": ([house.tenant] * 3, ["key-7", "key-8", "key-9"], [uuid4()] * 3, ["pending"] * 3),
    }
    for name, arguments in looks.items():
        async with house.db.all_tenants() as tx:
            said = await tx.value(f"explain (analyze, format json) {sql[name]}", *arguments)
        plan = (json.loads(said) if isinstance(said, str) else said)[0]["Plan"]
        assert sum(scanned(plan)) <= 5 * LANES + 300, (name, json.dumps(plan, default=str))


async def test_lanes_of_several_sites_and_effects_are_found_with_their_newest(house: House) -> None:
    numbers = {"agreement-1": (1, 2), "agreement-2": (3,)}
    for lane, some in numbers.items():
        await house.queue(creation(house.tenant, house.site, n, lane) for n in some)
    await house.queue([creation(house.tenant, house.site, 9, "agreement-1")], effect="other")
    async with house.db.all_tenants() as tx:
        found = await tx.column(
            f"select lane || newest from ({sql['open_lanes']}) as found",  # noqa: S608 (ours)
            [house.site],
            [EFFECT],
        )
        newest = await tx.column(
            "select lane || max(seq) from operation where effect = $1 group by lane order by lane", EFFECT
        )
        assert sorted(found) == newest
        assert await tx.column(sql["sites_with_work"], ["other"]) == [house.site]
        assert await tx.column(sql["sites_with_work"], ["none"]) == []


async def test_what_is_not_over_is_in_the_metrics(house: House) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(5)]
    await house.queue(operations)
    states = [State.AMBIGUOUS, State.CONFLICT, State.CONFLICT, State.PENDING, State.PENDING]
    async with house.db.all_tenants() as tx:
        for operation, state in zip(operations, states, strict=True):
            await tx.execute(
                "update operation set state = $2, updated_at = now() - interval '1 hour' where operation_key = $1",
                operation.key,
                state,
            )
        await pause(tx, house.tenant, Scope.RUN, "run-1", "person", "wait")
    await measure(house.db)
    counted = {state: OPERATIONS.labels(state)._value.get() for state in set(states)}
    assert counted == {State.AMBIGUOUS: 1, State.CONFLICT: 2, State.PENDING: 2}
    assert OLDEST_AMBIGUOUS._value.get() >= 3600
    assert PAUSES.labels(Scope.RUN)._value.get() == 1
