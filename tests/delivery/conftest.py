"""One migrated database for the package; each test has a tenant and a site of its own."""

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

import delivery
import messaging
import storage
from contracts.values import TenantId
from devstack.passwords import DatabasePasswords
from devstack.provision import drop_database, provision_database
from storage import Database
from storage.migrations import migrate
from tests.delivery.house import House, Urls
from tests.delivery.peer import Peer

TOLD = """
create table told (
  tenant_id text, operation_key text, state text not null, remote_id bigint, reason text not null,
  at timestamptz not null default now());
select tenant_table('told');
"""


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[Urls]:
    made = await provision_database(pg, f"t{secrets.token_hex(4)}_delivery", DatabasePasswords.random())
    await migrate(made.owner, (storage, messaging, delivery))
    owner = await asyncpg.connect(made.owner)
    await owner.execute(TOLD)
    await owner.close()
    yield Urls(made.owner, made.app, made.all_tenants)
    await drop_database(pg, made.name)


@pytest_asyncio.fixture(loop_scope="session")
async def house(urls: Urls, tenant: str) -> AsyncIterator[House]:
    db = Database(urls.app, urls.all_tenants, connections=4)
    await db.open()
    yield House(urls, db, TenantId(tenant))
    # No later test's worker takes up what this one has left.
    owner = await asyncpg.connect(urls.owner)
    kept = "operation, coverage, attempt, decision, delivery_pause, site_owner, installation, told"
    await owner.execute(f"truncate {kept} cascade")
    await owner.close()
    await db.close()


@pytest.fixture
def peer() -> Peer:
    return Peer()
