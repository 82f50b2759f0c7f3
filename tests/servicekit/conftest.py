from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from contracts import topics
from devstack import provision
from devstack.keys import Keys, provide_keys
from devstack.topics import provide_topics
from storage.migrations import migrate
from tests.servicekit.running import Tiny, environment, serving
from tests.servicekit.tiny import COMPONENTS

NewDatabase = Callable[..., Awaitable[provision.Database]]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return provide_keys(tmp_path_factory.mktemp("keys"))


@pytest_asyncio.fixture(loop_scope="session")
async def urls(database: NewDatabase) -> provision.Database:
    """The tiny service's database, migrated."""
    urls = await database("tiny")
    await migrate(urls.owner, COMPONENTS)
    return urls


@pytest_asyncio.fixture(loop_scope="session")
async def env(kafka: str, urls: provision.Database, keys: Keys) -> dict[str, str]:
    await provide_topics(kafka, [topics.COMPANIES, topics.CUSTOMERS])
    return environment(kafka, urls, keys)


@pytest_asyncio.fixture(loop_scope="session")
async def tiny(env: dict[str, str], keys: Keys, tenant: str, tmp_path: Path) -> AsyncIterator[Tiny]:
    """The tiny service, ready."""
    async with serving(env, keys, tenant, tmp_path / "log") as tiny:
        await tiny.until_ready()
        yield tiny
