"""One migrated database for the package; each test has a tenant of its own."""

from collections.abc import AsyncIterator

import pytest_asyncio

import billing_intake
import messaging
import storage
from contracts.values import TenantId
from devstack import provision
from storage import Database
from tests.billing_intake.desk import Desk
from tests.factories.grounds import migrated


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[provision.Database]:
    async with migrated(pg, "intake", storage, messaging, billing_intake) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def desk(urls: provision.Database, tenant: str) -> AsyncIterator[Desk]:
    db = Database(urls.app, urls.all_tenants, connections=4)
    await db.open()
    yield Desk(db, TenantId(tenant), urls)
    await db.close()
