"""One Kafka and one PostgreSQL for a run and all its workers: started by the first that asks, removed at the run's end.

Registered by tests/conftest.py. A run has a folder and holds the lock in it, which the kernel frees whatever ends it:
what runs that were killed have left is removed by the next one.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from devstack.engines import Engines
from devstack.engines.local import LocalEngines
from devstack.layout import CHECKOUT
from devstack.locking import held, locked
from devstack.state import State

_RUNS = CHECKOUT / ".devstack" / "test"
_FOLDER = pytest.StashKey[Path]()
_INPUT = "engines"  # where a worker is told the folder


def pytest_configure(config: pytest.Config) -> None:
    """The run's own process makes the folder and holds it; workers are given it."""
    if given := getattr(config, "workerinput", {}).get(_INPUT):
        config.stash[_FOLDER] = Path(given)
        return
    folder = _RUNS / f"{os.getpid()}-{secrets.token_hex(3)}"
    life = locked(folder / "lock")
    life.__enter__()
    config.stash[_FOLDER] = folder

    def end() -> None:
        asyncio.run(_remove(folder))
        life.__exit__(None, None, None)

    config.add_cleanup(end)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker of xdist where the run's folder is."""
    node.workerinput[_INPUT] = str(node.config.stash[_FOLDER])  # type: ignore[attr-defined]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engines(pytestconfig: pytest.Config) -> AsyncIterator[Engines]:
    """Those of PSABRIDGE_KAFKA and PSABRIDGE_POSTGRES, else containers if asked for, else this run's own.

    Containers are each worker's own.
    """
    kafka, postgres = os.environ.get("PSABRIDGE_KAFKA"), os.environ.get("PSABRIDGE_POSTGRES")
    if kafka and postgres:
        yield Engines(kafka, postgres)
    elif os.environ.get("PSABRIDGE_TEST_ENGINES") == "docker":
        with _containers() as found:
            yield found
    else:
        yield await _shared(pytestconfig.stash[_FOLDER])


async def _shared(folder: Path) -> Engines:
    """Started by one process while the others of the run wait, and then find them running."""
    with locked(folder / "starting"):
        keys = folder / "keys"
        if not keys.exists():
            await _sweep()
            keys.mkdir(mode=0o700)
        return await _local(folder).start()


async def _sweep() -> None:
    for folder in _RUNS.glob("*/"):
        if not held(folder / "lock"):
            await _remove(folder)


async def _remove(folder: Path) -> None:
    await _local(folder).remove()
    shutil.rmtree(folder, ignore_errors=True)


def _local(folder: Path) -> LocalEngines:
    return LocalEngines(folder, State(folder / "state.json"), say=lambda _: None, durable=False)


@contextmanager
def _containers() -> Iterator[Engines]:
    from testcontainers.kafka import KafkaContainer  # noqa: PLC0415 (needs a Docker engine's client)
    from testcontainers.postgres import PostgresContainer  # noqa: PLC0415

    postgres = PostgresContainer("postgres:18", username="admin", dbname="postgres", driver=None)
    with KafkaContainer("apache/kafka:4.3.1").with_kraft() as kafka, postgres:
        yield Engines(kafka.get_bootstrap_server(), postgres.get_connection_url())
