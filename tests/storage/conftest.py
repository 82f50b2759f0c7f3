from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio

import storage
from devstack import provision
from storage import Database
from storage.migrations import migrate

NewDatabase = Callable[..., Awaitable[provision.Database]]
TABLES = """
create table kept (tenant_id text not null, name text not null, amount numeric(20,6), said jsonb,
  unique (tenant_id, name));
select tenant_table('kept');
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A database with one table, `kept`, and its pools; one connection each, so that it is reused."""

    db: Database
    urls: provision.Database


@pytest_asyncio.fixture(loop_scope="session")
async def opened(database: NewDatabase) -> AsyncIterator[Opened]:
    urls = await database()
    await migrate(urls.owner, (storage,))
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(TABLES)
    await owner.close()
    db = Database(urls.app, urls.all_tenants, connections=1)
    await db.open()
    yield Opened(db, urls)
    await db.close()


@pytest.fixture
def db(opened: Opened) -> Database:
    return opened.db
