"""One migrated database and one simulator for the package; each test has a tenant and a site of its own."""

import secrets
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest_asyncio

import catalog_sync
import delivery
import messaging
import storage
from connectwise_simulator.serve import serving
from connectwise_simulator.world import World
from contracts.values import TenantId
from devstack.passwords import DatabasePasswords
from devstack.provision import Database as Urls
from devstack.provision import drop_database, provision_database
from storage import Database
from storage.migrations import migrate
from tests.catalog_sync.house import House, add_site

MakeHouse = Callable[..., House]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[Urls]:
    made = await provision_database(pg, f"t{secrets.token_hex(4)}_catalog", DatabasePasswords.random())
    await migrate(made.owner, (storage, messaging, delivery, catalog_sync))
    yield made
    await drop_database(pg, made.name)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def simulator() -> AsyncIterator[tuple[World, str]]:
    world = World()
    async with serving(world) as url:
        yield world, url


@pytest_asyncio.fixture(loop_scope="session")
async def houses(urls: Urls, simulator: tuple[World, str], tenant: str) -> AsyncIterator[MakeHouse]:
    """Makes the tenant's house, at a site with the catalog that is given."""
    db = Database(urls.app, urls.all_tenants, connections=4)
    await db.open()
    world, url = simulator

    def make(*catalog: str) -> House:
        return House(db, TenantId(tenant), world, url, add_site(world, *catalog))

    yield make
    # No later test's worker takes up what this one has left.
    owner = await asyncpg.connect(urls.owner)
    await owner.execute("truncate operation, coverage, attempt, decision, delivery_pause, site_owner, plan_due cascade")
    await owner.close()
    await db.close()


@pytest_asyncio.fixture(loop_scope="session")
async def house(houses: MakeHouse) -> House:
    return houses()
