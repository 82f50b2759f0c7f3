"""One Kafka and one PostgreSQL for the whole run; a test's isolation is its own tenant."""

import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import hypothesis
import pytest
import pytest_asyncio

from devstack.engines import Engines
from devstack.engines.local import LocalEngines
from devstack.layout import CHECKOUT
from devstack.locking import held, locked
from devstack.passwords import DatabasePasswords
from devstack.provision import Database, drop_database, provision_database
from devstack.stack import Stack
from devstack.state import State

# How long an example takes is the machine's business; figures are measured by `make bench`.
hypothesis.settings.register_profile("psabridge", deadline=None)
hypothesis.settings.load_profile("psabridge")

pytest_plugins = ["tests.plugins.requirements", "tests.openapi.plugin"]

MARKERS = {"pg": "postgres", "database": "postgres", "kafka": "kafka", "stack": "stack"}
RUNS = CHECKOUT / ".devstack" / "test"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if marker := MARKERS.get(fixture):
                item.add_marker(marker)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engines() -> AsyncIterator[Engines]:
    """Those of PSABRIDGE_KAFKA and PSABRIDGE_POSTGRES, else containers if asked for, else this run's own."""
    kafka, postgres = os.environ.get("PSABRIDGE_KAFKA"), os.environ.get("PSABRIDGE_POSTGRES")
    if kafka and postgres:
        yield Engines(kafka, postgres)
    elif os.environ.get("PSABRIDGE_TEST_ENGINES") == "docker":
        with _containers() as found:
            yield found
    else:
        await _sweep()
        folder = RUNS / f"{os.getpid()}-{secrets.token_hex(3)}"
        # Several runs in one checkout are usual: each has engines of its own, and holds a lock that says it lives.
        with locked(folder / "lock"):
            (folder / "keys").mkdir(mode=0o700)
            local = LocalEngines(folder, State(folder / "state.json"), say=_silent, durable=False)
            try:
                yield await local.start()
            finally:
                await local.remove()
                shutil.rmtree(folder, ignore_errors=True)


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


async def _sweep() -> None:
    """Stop what runs that were killed have left: nobody holds their lock any more."""
    for folder in RUNS.glob("*/"):
        if not held(folder / "lock"):
            await LocalEngines(folder, State(folder / "state.json"), say=_silent).remove()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _containers() -> Iterator[Engines]:
    from testcontainers.kafka import KafkaContainer  # noqa: PLC0415 (needs a Docker engine's client)
    from testcontainers.postgres import PostgresContainer  # noqa: PLC0415

    postgres = PostgresContainer("postgres:18", username="admin", dbname="postgres", driver=None)
    with KafkaContainer("apache/kafka:4.3.1").with_kraft() as kafka, postgres:
        yield Engines(kafka.get_bootstrap_server(), postgres.get_connection_url())


def _silent(_: str) -> None:
    return
