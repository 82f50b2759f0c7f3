"""One migrated database and one simulator for the package; each test has a tenant and a site of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

import billing_intake
import delivery
import invoice_push
import messaging
import storage
from connectwise_simulator.world import World
from contracts.values import TenantId
from devstack import provision
from storage import Database
from storage.migrations import migrate
from tests.billing_intake.desk import Desk as Intake
from tests.factories.grounds import cleared, migrated, simulated
from tests.factories.site import Site
from tests.invoice_push.desk import Desk


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[provision.Database]:
    async with migrated(pg, "push", storage, messaging, delivery, invoice_push) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def simulator() -> AsyncIterator[tuple[World, str]]:
    async with simulated() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def desk(urls: provision.Database, simulator: tuple[World, str], tenant: str) -> AsyncIterator[Desk]:
    """Connected, mapped and with a catalog item: a line that comes is ready."""
    db = Database(urls.app, urls.all_tenants, connections=4)
    await db.open()
    found = Desk(urls, db, TenantId(tenant), Site(*simulator))
    await found.furnished()
    yield found
    await cleared(urls, "resolve_due", "run_report")
    await db.close()


@pytest_asyncio.fixture(loop_scope="session")
async def intake(database: Callable[..., Awaitable[provision.Database]], tenant: str) -> AsyncIterator[Intake]:
    """billing_intake's own database, for the same tenant."""
    made = await database("intake")
    await migrate(made.owner, (storage, messaging, billing_intake))
    db = Database(made.app, made.all_tenants, connections=4)
    await db.open()
    yield Intake(db, TenantId(tenant), made)
    await db.close()
