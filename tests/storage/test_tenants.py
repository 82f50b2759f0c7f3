from contextlib import suppress

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.values import TenantId
from storage import Database
from tests.storage.conftest import Opened

ADA, BOB, EVE = TenantId("ada"), TenantId("bob"), TenantId("eve")
ALL = "select tenant_id from kept order by tenant_id"


async def keep(db: Database, *tenants: TenantId) -> None:
    async with db.transaction(tenants) as tx:
        await tx.execute_many("insert into kept (tenant_id, name) values ($1, 'n')", [(tenant,) for tenant in tenants])


async def test_a_transaction_sees_the_rows_of_its_tenants_only(db: Database) -> None:
    await keep(db, ADA, BOB, EVE)
    async with db.transaction([ADA]) as tx:
        assert await tx.column(ALL) == [ADA]
    async with db.transaction([ADA, EVE]) as tx:
        assert await tx.column(ALL) == [ADA, EVE]
    async with db.all_tenants() as tx:
        assert await tx.column(ALL) == [ADA, BOB, EVE]


async def test_changes_touch_the_rows_of_its_tenants_only(db: Database) -> None:
    await keep(db, ADA, BOB)
    async with db.transaction([ADA]) as tx:
        assert await tx.execute("update kept set name = 'new'") == 1
        assert await tx.execute("delete from kept where tenant_id = $1", BOB) == 0
    async with db.all_tenants() as tx:
        assert await tx.column("select name from kept order by tenant_id") == ["new", "n"]


async def test_a_row_of_another_tenant_is_refused(db: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with db.transaction([ADA]) as tx:
            await tx.execute("insert into kept (tenant_id, name) values ($1, 'n')", BOB)
    await keep(db, ADA)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with db.transaction([ADA]) as tx:
            await tx.execute("update kept set tenant_id = $1", BOB)


async def test_a_reused_connection_remembers_no_tenants(opened: Opened) -> None:
    await keep(opened.db, ADA)
    async with opened.db.transaction(()) as tx:
        assert await tx.column(ALL) == []
        assert await tx.value("select tenants()") is None
    with suppress(ZeroDivisionError):
        async with opened.db.transaction([ADA]) as tx:
            raise ZeroDivisionError
    async with opened.db.transaction(()) as tx:
        assert await tx.column(ALL) == []


async def test_a_login_that_names_no_tenants_sees_nothing(opened: Opened) -> None:
    await keep(opened.db, ADA)
    app = await asyncpg.connect(opened.urls.app)
    try:
        assert await app.fetch(ALL) == []
        async with app.transaction():
            await app.execute("select set_config('psabridge.tenants', 'ada', true)")
            assert len(await app.fetch(ALL)) == 1
        # After the first use the setting is an empty text and no longer null.
        assert await app.fetchval("select current_setting('psabridge.tenants', true)") == ""
        assert await app.fetch(ALL) == []
    finally:
        await app.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_any_list_of_tenants_sees_exactly_their_rows(db: Database, data: st.DataObject) -> None:
    names = st.text("abc-_'\"%\\{} ", min_size=1, max_size=4).map(TenantId)
    there = data.draw(st.sets(names, min_size=1, max_size=6))
    asked = data.draw(st.sets(st.one_of(names, st.sampled_from(sorted(there))), max_size=4))
    async with db.all_tenants() as tx:
        await tx.execute("delete from kept")
    await keep(db, *there)
    async with db.transaction(asked) as tx:
        assert set(await tx.column(ALL)) == there & asked


async def test_a_thousand_tenants_fit_a_transaction(db: Database) -> None:
    many = [TenantId(f"tenant-{number:04}") for number in range(1000)]
    await keep(db, *many)
    async with db.transaction(many) as tx:
        assert await tx.column(ALL) == many


async def test_a_tenant_id_with_the_lists_separator_is_refused(db: Database) -> None:
    with pytest.raises(ValueError, match="comma"):
        async with db.transaction([TenantId("ada,bob")]):
            pass
