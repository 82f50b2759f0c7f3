"""One migrated database for the package; each test has a tenant of its own."""

import secrets
from collections.abc import AsyncIterator

import pytest_asyncio

import billing_intake
import messaging
import storage
from contracts.values import TenantId
from devstack import provision
from devstack.passwords import DatabasePasswords
from devstack.provision import drop_database, provision_database
from storage import Database
from storage.migrations import migrate
from tests.billing_intake.desk import Desk


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[provision.Database]:
    made = await provision_database(pg, f"t{secrets.token_hex(4)}_intake", DatabasePasswords.random())
    await migrate(made.owner, (storage, messaging, billing_intake))
    yield made
    await drop_database(pg, made.name)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(urls: provision.Database, tenant: str) -> AsyncIterator[Desk]:
    db = Database(urls.app, urls.all_tenants, connections=4)
    await db.open()
    yield Desk(db, TenantId(tenant), urls)
    await db.close()
