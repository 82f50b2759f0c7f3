from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

import messaging
import storage
from devstack import provision
from storage.migrations import migrate
from tests.messaging.desk import NOTED, Customers, Desk, new_topic

MakeDesk = Callable[[], Awaitable[Desk]]


@pytest_asyncio.fixture(loop_scope="session")
async def desks(database: Callable[..., Awaitable[provision.Database]], kafka: str) -> AsyncIterator[MakeDesk]:
    """Makes services with a database of their own."""
    opened: list[storage.Database] = []

    async def make() -> Desk:
        urls = await database()
        await migrate(urls.owner, (storage, messaging))
        db = storage.Database(urls.app, urls.all_tenants, connections=6)
        await db.open()
        opened.append(db)
        desk = Desk(db, urls, kafka)
        await desk.as_owner(NOTED)
        return desk

    yield make
    for db in opened:
        await db.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(desks: MakeDesk) -> Desk:
    return await desks()


@pytest_asyncio.fixture(loop_scope="session")
async def topic(kafka: str) -> Customers:
    """A topic of one partition, not compacted."""
    return await new_topic(kafka)


@pytest_asyncio.fixture(loop_scope="session")
async def compacted(kafka: str) -> Customers:
    """A compacted topic of one partition."""
    return await new_topic(kafka, compacted=True)


@pytest.fixture
def other_tenant(tenant: str) -> str:
    return f"{tenant}-2"
