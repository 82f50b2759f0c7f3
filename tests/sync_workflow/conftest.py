"""One migrated database for the package; each test has a tenant of its own."""

import secrets
import time
from collections.abc import AsyncIterator

import httpx
import jwt
import pytest
import pytest_asyncio

import messaging
import storage
import sync_workflow
from contracts.values import TenantId
from devstack.keys import Keys, provide_keys
from devstack.passwords import DatabasePasswords
from devstack.provision import Database as Urls
from devstack.provision import drop_database, provision_database
from servicekit.edge import build_app
from storage.migrations import migrate
from sync_workflow.app import build
from sync_workflow.settings import Settings
from tests.sync_workflow.desk import Desk

ROOT = "http://sync-workflow/v1/sync-workflow"


@pytest.fixture(scope="package")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return provide_keys(tmp_path_factory.mktemp("keys"))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[Urls]:
    made = await provision_database(pg, f"t{secrets.token_hex(4)}_workflow", DatabasePasswords.random())
    await migrate(made.owner, (storage, messaging, sync_workflow))
    yield made
    await drop_database(pg, made.name)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(urls: Urls, keys: Keys, tenant: str) -> AsyncIterator[Desk]:
    """The service as it is wired, without a broker; its API as somebody who may do all of it."""
    settings = Settings.model_validate(
        {
            "kafka": "nowhere:9092",
            "database_url": urls.app,
            "all_tenants_url": urls.all_tenants,
            "console_public_key": keys.console_public,
            "installation_id": keys.installation_id,
        }
    )
    service = build(settings)
    await service.db.open()

    async def ready() -> None:
        return None

    app = build_app(
        service,
        keys.console_public.read_text(),
        not_ready=ready,
        stuck=lambda: None,
        stopping=lambda: False,
        measure=ready,
    )

    def headers(*permissions: str) -> dict[str, str]:
        said = {
            "iss": "psabridge-console",
            "aud": "sync-workflow",
            "sub": "ines",
            "tenant": tenant,
            "permissions": list(permissions),
            "exp": int(time.time()) + 60,
        }
        return {"authorization": f"Bearer {jwt.encode(said, keys.console_private.read_text(), 'EdDSA')}"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ROOT) as client:
        yield Desk(service, TenantId(tenant), client, headers)
    await service.db.close()
