"""One migrated database and one simulator for the package; each test has a tenant and a site of its own."""

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

import customer_import
import delivery
import messaging
import storage
from connectwise_simulator.serve import serving
from connectwise_simulator.world import World
from contracts.values import TenantId
from devstack import provision
from devstack.passwords import DatabasePasswords
from devstack.provision import drop_database, provision_database
from storage import Database
from storage.migrations import migrate
from tests.customer_import.desk import Desk

LEFT_BEHIND = "truncate operation, coverage, attempt, delivery_pause, site_owner, site_read cascade"


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[provision.Database]:
    made = await provision_database(pg, f"t{secrets.token_hex(4)}_customers", DatabasePasswords.random())
    await migrate(made.owner, (storage, messaging, delivery, customer_import))
    yield made
    await drop_database(pg, made.name)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def simulator() -> AsyncIterator[tuple[World, str]]:
    world = World()
    async with serving(world) as url:
        yield world, url


@pytest_asyncio.fixture(loop_scope="session")
async def desk(urls: provision.Database, simulator: tuple[World, str], tenant: str) -> AsyncIterator[Desk]:
    """A tenant; its site is as the test says."""
    db = Database(urls.app, urls.all_tenants, connections=4)
    await db.open()
    yield Desk(db, TenantId(tenant), *simulator)
    await db.close()
    # No later test's worker takes up what this one has left.
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(LEFT_BEHIND)
    await owner.close()
