"""What holds for every table and every query of every lib and service, whoever adds one."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from storage.queries import named_queries
from tests.factories.grounds import migrated
from tests.storage.components import CHECKOUT, LIBS_WITH_TABLES, components_for, packages_with, query_files

OWNING = packages_with("migrations")
ASKING = packages_with("sql")
Owner = Callable[[str], Awaitable[Any]]

UNGUARDED = """
select relname from pg_class
where relkind in ('r', 'p')
  and relnamespace = 'public'::regnamespace
  and exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'tenant_id' and not attisdropped)
  and not (
    relrowsecurity
    and exists (
      select from pg_policy
      where polrelid = pg_class.oid and polcmd = '*' and polroles = array['psabridge_app'::regrole::oid]
        and pg_get_expr(polqual, polrelid) like '%tenant_id = ANY%tenants()%'
        and pg_get_expr(polwithcheck, polrelid) like '%tenant_id = ANY%tenants()%')
    and exists (
      select from pg_policy
      where polrelid = pg_class.oid and polroles = array['psabridge_all_tenants'::regrole::oid])
    and not exists (
      select from pg_policy
      where polrelid = pg_class.oid and 'psabridge_app'::regrole::oid = any(polroles) and polname <> 'tenant')
    and not exists (select from pg_policy where polrelid = pg_class.oid and 0 = any(polroles)))
order by relname
"""
NULLABLE = """
select attrelid::regclass::text from pg_attribute
join pg_class on pg_class.oid = attrelid and relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
where attname = 'tenant_id' and not attnotnull
"""
MINGLED = """
select conrelid::regclass || ' ' || conname from pg_constraint
where contype = 'u'
  and exists (select from pg_attribute where attrelid = conrelid and attname = 'tenant_id')
  and not exists (
    select from pg_attribute where attrelid = conrelid and attnum = any(conkey) and attname = 'tenant_id')
order by 1
"""
VIEWS = "select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace"
UNGRANTED = """
select relname from pg_class
where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
  and not (has_table_privilege('psabridge_app', oid, 'select')
       and has_table_privilege('psabridge_all_tenants', oid, 'select'))
"""
PLACE = "/* query */"
CREATES_STAGE = re.compile(r"^create temporary table", re.MULTILINE)
EXTENSIONS = "select extname from pg_extension where extname <> 'plpgsql'"

# A place in Kafka belongs to no tenant.
ACROSS_TENANTS = {"dead_letter dead_letter_topic_partition_record_offset_key"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(pg: str) -> AsyncIterator[Owner]:
    """The owner's connection to a database with the package's tables and all libs', made once for each package."""
    opened: dict[str, Any] = {}
    async with AsyncExitStack() as stack:

        async def connect(package: str) -> Any:
            if package not in opened:
                made = await stack.enter_async_context(migrated(pg, package, *components_for(package)))
                opened[package] = await asyncpg.connect(made.owner)
                stack.push_async_callback(opened[package].close)
            return opened[package]

        yield connect


def test_every_lib_with_tables_is_known() -> None:
    there = {folder.parent.name for folder in (CHECKOUT / "libs").glob("*/migrations")}
    assert there <= set(LIBS_WITH_TABLES), "add it to LIBS_WITH_TABLES, in the order in which migrations run"


@pytest.mark.parametrize("package", OWNING)
async def test_every_table_with_a_tenant_is_guarded(owner: Owner, package: str) -> None:
    connection = await owner(package)

    async def found(query: str) -> list[str]:
        return [row[0] for row in await connection.fetch(query)]

    assert await found(UNGUARDED) == [], "select tenant_table('...') in its migration"
    assert await found(NULLABLE) == [], "a row of no tenant is nobody's"
    assert set(await found(MINGLED)) <= ACROSS_TENANTS, "keys of shared tables include the tenant"
    assert await found(VIEWS) == [], "a view reads with its owner's rights, past row-level security"
    assert await found(UNGRANTED) == [], "select shared_table('...') in its migration"
    assert await found(EXTENSIONS) == []


async def refusal(connection: Any, query: str) -> str | None:
    """Why PostgreSQL refuses to prepare it; a part of a query is put into the whole, and a whole gets a part."""
    whole = named_queries("messaging", "outbox.sql")["add_selected"]
    if PLACE in query:
        query = query.replace(PLACE, "select '' as entity, '{}'::json as data")
    reason = None
    for text in (query, whole.replace(PLACE, query)):
        try:
            await connection.prepare(text)
        except asyncpg.PostgresError as error:
            reason = reason or str(error)
        else:
            return None
    return reason


@pytest.mark.parametrize("package", ASKING)
async def test_every_named_query_is_accepted_by_the_schema(owner: Owner, package: str) -> None:
    connection = await owner(package)
    queries = {
        f"{package}/sql/{file}: {name}": query
        for file in query_files(package)
        for name, query in named_queries(package, file).items()
    }
    # A query may read what another one of its package has staged.
    for name in [name for name, query in queries.items() if CREATES_STAGE.search(query)]:
        await connection.execute(queries.pop(name).replace("on commit drop", ""))
    refused = {name: reason for name, query in queries.items() if (reason := await refusal(connection, query))}
    assert refused == {}


async def test_the_check_finds_what_it_is_for(owner: Owner) -> None:
    connection = await owner("messaging")
    transaction = connection.transaction()  # rolled back: other tests read the same schema
    await transaction.start()
    await connection.execute(
        "create table forgotten (tenant_id text not null, name text unique);"
        "create table open_table (tenant_id text not null); select tenant_table('open_table');"
        "create policy hole on open_table to public using (true)"
    )
    assert [row[0] for row in await connection.fetch(UNGUARDED)] == ["forgotten", "open_table"]
    assert "forgotten forgotten_name_key" in [row[0] for row in await connection.fetch(MINGLED)]
    assert "forgotten" in [row[0] for row in await connection.fetch(UNGRANTED)]
    await transaction.rollback()
