"""One simulator for the folder; a test's isolation is a site of its own."""

from collections.abc import AsyncIterator

import pytest

from connectwise_simulator.serve import serving
from connectwise_simulator.world import World
from tests.connectwise.rehearsal import Rehearsal, rehearsing


@pytest.fixture(scope="session")
async def simulated() -> AsyncIterator[tuple[World, str]]:
    world = World()
    async with serving(world) as url:
        yield world, url


@pytest.fixture
async def rehearsal(simulated: tuple[World, str]) -> AsyncIterator[Rehearsal]:
    world, url = simulated
    async with rehearsing(world, url) as there:
        yield there
