"""Seeds, the ground, and scenes that are played side by side: each mostly waits for protocol times to pass.

A test is `@pytest.mark.parametrize("judgement", SCENES, ids=str, indirect=True)` and `await judgement`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest
import pytest_asyncio

from tests.factories.grounds import simulated_apart
from tests.faults.ground import Ground, schema
from tests.faults.scene import Scene

AT_ONCE = 8
"""Scenes, unless their module says otherwise."""
SEEDS = "seeds"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=0, dest=SEEDS, help="all of the fault suite, with so many seeds")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        seeds = metafunc.config.getoption(SEEDS, default=0) or 1
        metafunc.parametrize("seed", range(1, seeds + 1), ids=lambda seed: f"seed{seed}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption(SEEDS, default=0):
        return
    left_out = [item for item in items if (scene := _scene_of(item)[0]) is not None and not scene.is_in_short_form]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def in_full(pytestconfig: pytest.Config) -> bool:
    """Whether all of it is asked for, as `make faults` does; otherwise the short form of `make test`."""
    return bool(pytestconfig.getoption(SEEDS, default=0))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def ground(pg: str, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with simulated_apart() as (world, url), schema(pg) as template:
        yield Ground(pg, world, url, tmp_path_factory.mktemp("faults"), template, kafka)


class SideBySide:
    """The scenes of a module that were selected, in their order, a few at once."""

    def __init__(self, ground: Ground, items: list[pytest.Item], at_once: int) -> None:
        self._ground = ground
        self._room = asyncio.Semaphore(at_once)
        self._played = {item.nodeid: asyncio.create_task(self._play(item)) for item in items}

    async def judged(self, item: pytest.Item) -> None:
        """Raises what the item's scene has raised."""
        await self._played[item.nodeid]

    async def end(self) -> None:
        """Break off what nobody waits for any more."""
        for task in self._played.values():
            task.cancel()
        await asyncio.gather(*self._played.values(), return_exceptions=True)

    async def _play(self, item: pytest.Item) -> None:
        scene, seed = _scene_of(item)
        assert scene is not None
        alone = f'.venv/bin/python -m pytest --seeds {seed} "{item.nodeid}"'
        async with (
            self._room,
            self._ground.case(scene.name, seed, alone, tenants=scene.tenants, own_peer=scene.own_peer) as case,
        ):
            await scene.play(case)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def side_by_side(request: pytest.FixtureRequest, ground: Ground) -> AsyncIterator[SideBySide]:
    here = [item for item in request.session.items if item.path == request.path and _scene_of(item)[0] is not None]
    plays = SideBySide(ground, here, getattr(request.module, "AT_ONCE", AT_ONCE))
    yield plays
    await plays.end()


@pytest.fixture
def judgement(request: pytest.FixtureRequest, seed: int, side_by_side: SideBySide) -> Awaitable[None]:
    """Of the test's scene; to be awaited."""
    _ = seed
    return side_by_side.judged(request.node)


def _scene_of(item: pytest.Item) -> tuple[Scene | None, int]:
    callspec = getattr(item, "callspec", None)
    scene = callspec.params.get("judgement") if callspec else None
    return (scene, callspec.params["seed"]) if isinstance(scene, Scene) and callspec else (None, 0)
