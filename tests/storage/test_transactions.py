import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.values import TenantId
from storage import Database, Transaction, is_lost_connection, refused_data
from tests.storage.conftest import Opened

ADA = TenantId("ada")
TERMINATE_HOLDER = """
select pg_terminate_backend(pid) from pg_locks
where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
limit 1
"""
INSERT = "insert into kept (tenant_id, name, amount, said) values ($1, $2, $3, $4)"


@dataclass(frozen=True, slots=True)
class Kept:
    name: str
    amount: Decimal | None
    said: Any


async def insert_staged(tx: Transaction) -> None:
    async with tx.savepoint():
        await tx.execute("insert into kept (tenant_id, name) select tenant_id, name from new_kept")


async def test_rows_come_as_the_asked_shape(db: Database) -> None:
    async with db.transaction([ADA]) as tx:
        assert await tx.fetch_one(Kept, "select name, amount, said from kept") is None
        await tx.execute(INSERT, ADA, "n", Decimal("12.193548"), {"price": Decimal("1.10"), "of": [1, None, "ä"]})
        found = await tx.fetch_one(Kept, "select name, amount, said from kept")
    assert found == Kept("n", Decimal("12.193548"), {"price": "1.10", "of": [1, None, "ä"]})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**13), max_value=10**13))
async def test_money_is_the_same_to_the_last_digit(db: Database, amount: Decimal) -> None:
    async with db.transaction([ADA]) as tx:
        assert await tx.value("select $1::numeric(20,6)", amount) == amount
        assert await tx.value("select to_jsonb($1::numeric(20,6))", amount) == amount


async def test_numbers_in_json_are_never_floats(db: Database) -> None:
    async with db.transaction(()) as tx:
        found = await tx.value("""select '{"a": 0.1, "b": [1.005]}'::jsonb""")
        assert found == {"a": Decimal("0.1"), "b": [Decimal("1.005")]}
        assert await tx.value("""select '[0.1]'::json""") == [Decimal("0.1")]
        assert await tx.column("select unnest($1::jsonb[])", [{"a": 1}, "t", None]) == [{"a": 1}, "t", None]


async def test_a_failed_transaction_leaves_nothing_and_wakes_nobody(db: Database) -> None:
    woken: list[str] = []
    db.on_signal("kept", lambda: woken.append("kept"))

    async def fail() -> None:
        async with db.transaction([ADA]) as tx:
            await tx.execute(INSERT, ADA, "n", None, None)
            tx.signal("kept")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with db.transaction([ADA]) as tx:
        assert await tx.value("select count(*) from kept") == 0
        tx.signal("kept")
        tx.signal("unheard")
        assert woken == []
    assert woken == ["kept"]


async def test_a_savepoint_fails_alone(db: Database) -> None:
    async def fail(tx: Transaction) -> None:
        async with tx.savepoint():
            await tx.execute(INSERT, ADA, "second", None, None)
            await tx.execute(INSERT, ADA, "first", None, None)

    async with db.transaction([ADA]) as tx:
        await tx.execute(INSERT, ADA, "first", None, None)
        with pytest.raises(asyncpg.UniqueViolationError):
            await fail(tx)
        await tx.execute(INSERT, ADA, "third", None, None)
    async with db.transaction([ADA]) as tx:
        assert await tx.column("select name from kept order by name") == ["first", "third"]


async def test_staged_rows_pass_row_level_security(db: Database) -> None:
    rows = [(ADA, f"n-{number:04}", Decimal(number) / 7, {"n": number}) for number in range(2000)]
    columns = ("tenant_id", "name", "amount", "said")
    async with db.transaction([ADA]) as tx:
        await tx.stage("new_kept", columns, rows, like="kept")
        assert await tx.execute("insert into kept select * from new_kept") == 2000
    async with db.transaction([ADA]) as tx:
        assert await tx.value("select sum(amount) from kept") == sum(
            (amount.quantize(Decimal("0.000001")) for _, _, amount, _ in rows), Decimal(0)
        )
        assert await tx.value("select said from kept where name = 'n-0007'") == {"n": 7}


async def test_staged_rows_of_another_tenant_are_refused(db: Database) -> None:
    async with db.transaction([ADA]) as tx:
        await tx.stage("new_kept", ("tenant_id", "name"), [("bob", "n")], like="kept")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert_staged(tx)


async def test_staging_again_replaces_what_was_staged(db: Database) -> None:
    async with db.transaction([ADA]) as tx:
        for name in ("first", "second"):
            await tx.stage("new_kept", ("tenant_id", "name"), [(ADA, name)], like="kept")
            await insert_staged(tx)
        assert await tx.column("select name from new_kept") == ["second"]
    async with db.transaction([ADA]) as tx:
        assert await tx.value("select to_regclass('new_kept')") is None
        assert await tx.column("select name from kept order by name") == ["first", "second"]


async def test_a_lock_belongs_to_one_session_and_goes_with_it(opened: Opened) -> None:
    holder, other = await opened.db.session(), await opened.db.session()
    try:
        assert await holder.try_lock("relay")
        assert not await other.try_lock("relay")
        assert await other.try_lock("something else")
        await holder.unlock("relay")
        assert await other.try_lock("relay")
        async with holder.transaction() as tx:
            assert await tx.value(TERMINATE_HOLDER)
        with pytest.raises(Exception) as lost:  # noqa: PT011 (what it is, is asked below)
            async with other.transaction() as tx:
                await tx.value("select 1")
        assert is_lost_connection(lost.value)
        assert other.closed
        async with asyncio.timeout(10):
            while not await holder.try_lock("relay"):  # noqa: ASYNC110 (the server frees it as the backend ends)
                await asyncio.sleep(0.02)
    finally:
        await holder.close()
        await other.close()


async def test_a_sessions_commit_wakes_too(db: Database) -> None:
    woken = asyncio.Event()
    db.on_signal("kept", woken.set)
    session = await db.session()
    async with session.transaction() as tx:
        tx.signal("kept")
        assert not woken.is_set()
    assert woken.is_set()
    await session.close()


@pytest.mark.parametrize(
    ("name", "amount", "state"),
    [("a\0b", None, "22"), ("n", Decimal(10) ** 15, "22003"), (None, None, "23502"), ("twice", None, "23505")],
)
async def test_data_that_postgresql_refuses_is_told_from_trouble(
    db: Database, name: Any, amount: Decimal | None, state: str
) -> None:
    async def fail() -> None:
        async with db.transaction([ADA]) as tx:
            await tx.execute(INSERT, ADA, "twice", None, None)
            await tx.execute(INSERT, ADA, name, amount, None)

    with pytest.raises(asyncpg.PostgresError) as refused:
        await fail()
    assert (refused_data(refused.value) or "").startswith(state)
    assert not is_lost_connection(refused.value)


async def test_an_argument_of_the_wrong_type_is_refused_data(db: Database) -> None:
    with pytest.raises(asyncpg.DataError) as refused:
        async with db.transaction([ADA]) as tx:
            await tx.execute(INSERT, ADA, 5, None, None)
    assert refused_data(refused.value)


async def test_a_defect_in_sql_is_neither_refused_data_nor_trouble(db: Database) -> None:
    with pytest.raises(asyncpg.PostgresError) as defect:
        async with db.transaction([ADA]) as tx:
            await tx.execute("select nothing from nowhere")
    assert refused_data(defect.value) is None
    assert not is_lost_connection(defect.value)


async def test_a_server_that_is_not_there_is_waited_for(opened: Opened, unused_tcp_port: int) -> None:
    nowhere = f"postgresql://somebody@127.0.0.1:{unused_tcp_port}/nothing"
    absent = Database(nowhere, nowhere)
    await absent.open()
    try:
        assert not await absent.answers()
        with pytest.raises(OSError, match="onnect") as lost:
            async with absent.transaction(()):
                pass
        assert is_lost_connection(lost.value)
    finally:
        await absent.close()
    assert await opened.db.answers()


async def test_a_server_that_says_nothing_does_not_answer(db: Database) -> None:
    async with db.transaction(()):  # the pool's one connection
        async with asyncio.timeout(10):
            assert not await db.answers()
    assert await db.answers()
