"""What the database itself refuses, should everything above it be wrong."""

import asyncpg
import pytest

from delivery import Scope, pause
from delivery.operations import State
from delivery.queue import PERSON
from tests.delivery.additions import creation, patch
from tests.delivery.house import House


async def run(house: House, sql: str, *args: object) -> int:
    async with house.db.all_tenants() as tx:
        return await tx.execute(sql, *args)


async def as_if(house: House, number: int, state: State, remote_id: int | None = None) -> None:
    await run(
        house,
        "update operation set state = $2, remote_id = $3, epoch = gen_random_uuid() where operation_key = $1",
        creation(house.tenant, house.site, number).key,
        state,
        remote_id,
    )


@pytest.mark.parametrize("change", ["state = 'pending'", "remote_id = 8", "body = '{}'", "updated_at = now()"])
async def test_what_is_confirmed_never_changes(house: House, change: str) -> None:
    await house.queue([creation(house.tenant, house.site, 1)])
    await as_if(house, 1, State.CONFIRMED, 7)
    with pytest.raises(asyncpg.CheckViolationError, match="confirmed and never changes"):
        await run(house, f"update operation set {change}")  # noqa: S608 (parameters of the test)


@pytest.mark.parametrize("first", ["in_flight", "ambiguous"])
@pytest.mark.parametrize("second", ["in_flight", "ambiguous"])
async def test_one_call_a_target_may_be_unsettled(house: House, first: str, second: str) -> None:
    await house.queue([patch(house.tenant, house.site, n, 5, {}, {}) for n in (1, 2)])
    both = await _keys(house)
    change = "update operation set state = $2, epoch = gen_random_uuid() where operation_key = $1"
    await run(house, change, both[0], first)
    with pytest.raises(asyncpg.UniqueViolationError, match="operation_one_unsettled_a_target"):
        await run(house, change, both[1], second)


async def test_no_remote_record_stands_for_two_creations(house: House) -> None:
    await house.queue([creation(house.tenant, house.site, n) for n in (1, 2)])
    await as_if(house, 1, State.CONFIRMED, 7)
    with pytest.raises(asyncpg.UniqueViolationError, match="operation_remote_id_once"):
        await as_if(house, 2, State.CONFIRMED, 7)


@pytest.mark.parametrize("elsewhere", ["site_id", "effect"])
async def test_records_of_two_peers_may_have_equal_ids(house: House, elsewhere: str) -> None:
    await house.queue([creation(house.tenant, house.site, n) for n in (1, 2)])
    await as_if(house, 1, State.CONFIRMED, 7)
    await run(house, f"update operation set {elsewhere} = 'another' where state = 'pending'")  # noqa: S608 (ours)
    await as_if(house, 2, State.CONFIRMED, 7)


async def test_targets_of_two_effects_may_have_equal_names(house: House) -> None:
    await house.queue([patch(house.tenant, house.site, n, 5, {}, {}) for n in (1, 2)])
    await run(house, "update operation set effect = 'another' where operation_key = $1", (await _keys(house))[0])
    assert await run(house, "update operation set state = 'in_flight', epoch = gen_random_uuid()") == 2


async def test_coverage_is_unique_until_it_is_released(house: House) -> None:
    await house.queue([creation(house.tenant, house.site, n) for n in (1, 2)])
    take = "update coverage set identity = 'line-1' where operation_key = $1"
    second = creation(house.tenant, house.site, 2).key
    with pytest.raises(asyncpg.UniqueViolationError, match="coverage_once"):
        await run(house, take, second)
    await run(house, "update coverage set released_at = now() where identity = 'line-1'")
    assert await run(house, take, second) == 1


async def test_a_key_is_unique_in_its_tenant(house: House) -> None:
    await house.queue([creation(house.tenant, house.site, n) for n in (1, 2)])
    with pytest.raises(asyncpg.UniqueViolationError, match="operation_pkey"):
        await run(house, "update operation set operation_key = 'same'")


async def test_in_flight_names_the_epoch_that_sends(house: House) -> None:
    await house.queue([creation(house.tenant, house.site, 1)])
    with pytest.raises(asyncpg.CheckViolationError):
        await run(house, "update operation set state = 'in_flight'")


async def test_a_creation_has_a_marker(house: House) -> None:
    await house.queue([creation(house.tenant, house.site, 1)])
    with pytest.raises(asyncpg.CheckViolationError):
        await run(house, "update operation set marker = null")


@pytest.mark.parametrize("column", ["state", "kind"])
async def test_unknown_words_are_refused(house: House, column: str) -> None:
    await house.queue([creation(house.tenant, house.site, 1)])
    with pytest.raises(asyncpg.CheckViolationError):
        await run(house, f"update operation set {column} = 'maybe'")  # noqa: S608 (parameters of the test)


async def test_tenants_do_not_see_each_others_operations(house: House) -> None:
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    async with house.db.transaction([house.tenant]) as tx:
        await pause(tx, house.tenant, Scope.LANE, operation.lane, PERSON, "month end")
    async with house.db.all_tenants() as tx:
        for insert in (
            "insert into attempt (tenant_id, operation_key, number, outcome, seconds) values ($1, $2, 1, 'ok', 1)",
            "insert into decision (tenant_id, operation_key, decision, by) values ($1, $2, 'adopted', 'ann')",
        ):
            await tx.execute(insert, house.tenant, operation.key)
    for table in ("operation", "coverage", "attempt", "decision", "delivery_pause"):
        counted = f"select count(*) from {table}"  # noqa: S608 (names of ours)
        async with house.db.transaction([house.tenant]) as tx:
            assert await tx.value(counted) == 1
        async with house.db.transaction(()) as tx:
            assert await tx.value(counted) == 0


async def _keys(house: House) -> list[str]:
    async with house.db.all_tenants() as tx:
        return await tx.column("select operation_key from operation order by seq")
