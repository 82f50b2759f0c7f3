import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

import console
import messaging
import storage
from console.app import build
from console.bootstrap import bootstrap_token
from console.settings import Settings
from devstack import provision
from devstack.keys import Keys, provide_keys
from devstack.passwords import DatabasePasswords
from servicekit import Service
from servicekit.edge import build_app
from storage.migrations import migrate
from tests.console.peers import Services, breaking, free_port, serving

COMPONENTS = (storage, messaging, console)
LARGEST = 3_000_000


@dataclass
class Console:
    """A running console."""

    url: str
    token: str
    service: Service
    services: Services
    keys: Keys
    urls: provision.Database
    http: httpx.AsyncClient
    stopping: bool = False

    async def ask(
        self, method: str, path: str, *, tenant: str = "", token: str | None = None, **more: Any
    ) -> httpx.Response:
        """One request, as the installation's owner if nothing else is said."""
        headers = {"authorization": f"Bearer {self.token if token is None else token}", **more.pop("headers", {})}
        if tenant:
            headers["x-tenant"] = tenant
        return await self.http.request(method, path, headers=headers, **more)

    async def token_of(self, tenant: str, role: str = "owner", **more: Any) -> str:
        """A new token of a tenant, which is made if it is not there."""
        await self.ask("PUT", f"/v1/console/tenants/{tenant}", json={"name": "A tenant"})
        made = await self.ask("POST", "/v1/console/tokens", tenant=tenant, json={"name": "test", "role": role, **more})
        assert made.status_code == 201, made.text
        return str(made.json()["token"])

    async def events(self, tenant: str, topic: str) -> list[dict[str, Any]]:
        """The facts that wait in the outbox for a tenant, oldest first."""
        async with self.service.db.all_tenants() as tx:
            return await tx.column(
                "select convert_from(value, 'utf8')::jsonb from outbox where tenant_id = $1 and topic = $2 order by id",
                tenant,
                topic,
            )

    async def everything(self) -> str:
        """Every row of every table, as text."""
        async with self.service.db.all_tenants() as tx:
            tables = await tx.column("select relname from pg_stat_user_tables where schemaname = 'public'")
            found = []
            for table in tables:
                if await tx.value("select has_table_privilege($1, 'select')", table):
                    found += await tx.column(f'select t::text from "{table}" t')  # noqa: S608 (names from the catalog)
            # Bytes are shown in hex by a row's text.
            found += await tx.column("select convert_from(value, 'utf8') from outbox")
        return "\n".join(found)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return provide_keys(tmp_path_factory.mktemp("console-keys"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def urls(pg: str) -> AsyncIterator[provision.Database]:
    """One migrated database for all tests of the console: each test's isolation is its tenants."""
    name = f"t{secrets.token_hex(4)}_console"
    made = await provision.provision_database(pg, name, DatabasePasswords.random())
    await migrate(made.owner, COMPONENTS)
    yield made
    await provision.drop_database(pg, name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(
    urls: provision.Database, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Console]:
    services = Services(keys.console_public.read_text())
    async with AsyncExitStack() as stack:
        behind = await stack.enter_async_context(serving(services))
        broken = await stack.enter_async_context(breaking())
        named = dict.fromkeys(("billing-intake", "setup-validation", "customer-import", "sync-workflow"), behind)
        settings = Settings(
            kafka="unused:9092",
            database_url=urls.app,
            all_tenants_url=urls.all_tenants,
            console_public_key=keys.console_public,
            console_private_key=keys.console_private,
            sealing_keys=keys.sealing,
            installation_id=keys.installation_id,
            allow_loopback_sites=True,
            service_urls={
                **named,
                "invoice-push": behind,
                "catalog-sync": broken,
                "nobody-listens": f"http://127.0.0.1:{free_port()}",
            },
            answer_seconds=1,
            caller_seconds=1,
            largest_upload=LARGEST,
        )
        service = build(settings)
        await service.db.open()
        stack.push_async_callback(service.db.close)
        file = tmp_path_factory.mktemp("token") / "token"
        await bootstrap_token(service, str(file))
        found = Console("", file.read_text().strip(), service, services, keys, urls, httpx.AsyncClient())
        app = build_app(
            service,
            keys.console_public.read_text(),
            not_ready=_nothing,
            stuck=lambda: None,
            stopping=lambda: found.stopping,
            measure=_no_measures,
        )
        found.url = await stack.enter_async_context(serving(app))
        found.http = await stack.enter_async_context(httpx.AsyncClient(base_url=found.url, timeout=20))
        yield found


@pytest.fixture
def at(running: Console) -> Console:
    """The console, with services that remember nothing of another test."""
    running.services.answers.clear()
    running.services.asked.clear()
    for event in (running.services.first_piece, running.services.go_on, running.services.stopped_early):
        event.clear()
    return running


@pytest_asyncio.fixture(loop_scope="session")
async def acme(at: Console, tenant: str) -> str:
    """A tenant that the console knows."""
    made = await at.ask("PUT", f"/v1/console/tenants/{tenant}", json={"name": "Acme"})
    assert made.status_code == 200, made.text
    return tenant


async def _nothing() -> str | None:
    return None


async def _no_measures() -> None:
    return
