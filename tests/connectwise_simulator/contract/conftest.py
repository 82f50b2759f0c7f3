"""One site a module: these tests read, or write records of their own. Sections in docstrings are the contract's."""

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.connectwise_simulator.conftest import SITE, Site

_NUMBERS = itertools.count(1)

MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture(scope="module")
async def site(simulator: str) -> AsyncIterator[Site]:
    async with Site(simulator, f"contract{next(_NUMBERS)}") as client:
        await _add(client)
        yield client


@pytest.fixture
async def site_with(simulator: str) -> AsyncIterator[MakeSite]:
    """Makes a site that has these knobs turned, and these rows in its setup tables."""
    async with AsyncExitStack() as stack:

        async def make(setup: Any = None, **options: Any) -> Site:
            client = await stack.enter_async_context(Site(simulator, f"contract{next(_NUMBERS)}"))
            await _add(client, f"    options: {json.dumps(options)}\n    setup: {json.dumps(setup or {})}\n")
            return client

        yield make


async def _add(client: Site, more: str = "") -> None:
    await client.control("POST", "sites", content=SITE.replace("COMPANY", client.company) + more)
