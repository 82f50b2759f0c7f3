"""One migrated database and one simulator for the package; each test has a tenant and a site of its own."""

from collections.abc import AsyncIterator

import pytest_asyncio

import customer_import
import delivery
import messaging
import storage
from connectwise_simulator.world import World
from contracts.values import TenantId
from devstack import provision
from storage import Database
from tests.customer_import.desk import Desk
from tests.factories.grounds import cleared, migrated, simulated


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[provision.Database]:
    async with migrated(pg, "customers", storage, messaging, delivery, customer_import) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def simulator() -> AsyncIterator[tuple[World, str]]:
    async with simulated() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def desk(urls: provision.Database, simulator: tuple[World, str], tenant: str) -> AsyncIterator[Desk]:
    """A tenant; its site is as the test says."""
    db = Database(urls.app, urls.all_tenants, connections=4)
    await db.open()
    yield Desk(db, TenantId(tenant), *simulator)
    await db.close()
    await cleared(urls, "site_read")
