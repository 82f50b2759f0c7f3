"""One Kafka and one PostgreSQL for the whole run; a test's isolation is its own tenant."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import hypothesis
import pytest
import pytest_asyncio

from devstack.engines import Engines
from devstack.passwords import DatabasePasswords
from devstack.provision import Database, drop_database, provision_database
from devstack.stack import Stack

# How long an example takes is the machine's business; figures are measured by `make bench`.
hypothesis.settings.register_profile("psabridge", deadline=None)
hypothesis.settings.load_profile("psabridge")

pytest_plugins = [
    "tests.plugins.requirements",
    "tests.plugins.engines",
    "tests.plugins.workers",
    "tests.openapi.plugin",
]

MARKERS = {"pg": "postgres", "database": "postgres", "kafka": "kafka", "stack": "stack"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if marker := MARKERS.get(fixture):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def pg(engines: Engines) -> str:
    """DSN of PostgreSQL's administrator."""
    return engines.postgres


@pytest.fixture(scope="session")
def kafka(engines: Engines) -> str:
    """Kafka's bootstrap address."""
    return engines.kafka


@pytest_asyncio.fixture(loop_scope="session")
async def database(pg: str) -> AsyncIterator[Callable[..., Awaitable[Database]]]:
    """Makes empty databases with their three logins: `await database()` or `await database("invoice_push")`."""
    made: list[str] = []

    async def fresh(label: str = "db") -> Database:
        name = f"t{secrets.token_hex(4)}_{label}"
        made.append(name)
        return await provision_database(pg, name, DatabasePasswords.random())

    yield fresh
    for name in made:
        await drop_database(pg, name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Every service as a process, on the run's engines, with databases and consumer groups of its own."""
    services = Stack(tmp_path_factory.mktemp("stack"), engines=engines, prefix=f"t{secrets.token_hex(3)}_")
    try:
        await services.up()
        yield services
    finally:
        await services.reset()


@pytest.fixture
def tenant() -> str:
    """A tenant that nobody has used before."""
    return f"t-{secrets.token_hex(6)}"
