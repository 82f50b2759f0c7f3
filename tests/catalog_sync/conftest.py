"""One migrated database and one simulator for the package; each test has a tenant and a site of its own."""

from collections.abc import AsyncIterator, Callable

import pytest_asyncio

import catalog_sync
import delivery
import messaging
import storage
from connectwise_simulator.world import World
from contracts.values import TenantId
from devstack import provision
from storage import Database
from tests.catalog_sync.house import House, add_site
from tests.factories.grounds import cleared, migrated, simulated

MakeHouse = Callable[..., House]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[provision.Database]:
    async with migrated(pg, "catalog", storage, messaging, delivery, catalog_sync) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def simulator() -> AsyncIterator[tuple[World, str]]:
    async with simulated() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def houses(urls: provision.Database, simulator: tuple[World, str], tenant: str) -> AsyncIterator[MakeHouse]:
    """Makes the tenant's house, at a site with the catalog that is given."""
    db = Database(urls.app, urls.all_tenants, connections=4)
    await db.open()
    world, url = simulator

    def make(*catalog: str) -> House:
        return House(db, TenantId(tenant), world, url, add_site(world, *catalog))

    yield make
    await cleared(urls, "plan_due")
    await db.close()


@pytest_asyncio.fixture(loop_scope="session")
async def house(houses: MakeHouse) -> House:
    return houses()
