"""What tests of a service stand on: its migrated database, a simulator, and waiting for a condition."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from types import ModuleType

import asyncpg

from connectwise_simulator.serve import serving
from connectwise_simulator.world import World
from delivery import Delivery, Effect, Pace
from devstack import provision
from devstack.passwords import DatabasePasswords
from devstack.provision import drop_database, provision_database
from httpkit import RetryPolicy
from storage import Database
from storage.migrations import migrate
from tenancy import Sites
from tests.factories import facts

PATIENCE = 20.0
SOON = RetryPolicy(first_wait=0.01)
"""Of a client whose test has it try in vain: as often as usual, without the usual 4 s of waiting."""
_DELIVERY = ("operation", "coverage", "attempt", "decision", "delivery_pause", "site_owner")


@asynccontextmanager
async def migrated(pg: str, label: str, *components: ModuleType) -> AsyncIterator[provision.Database]:
    """A database with the schema of these components, gone afterwards."""
    made = await provision_database(pg, f"t{secrets.token_hex(4)}_{label}", DatabasePasswords.random())
    await migrate(made.owner, components)
    yield made
    await drop_database(pg, made.name)


@asynccontextmanager
async def delivering(
    db: Database, effect: Callable[[Database, Sites], Effect], pace: Pace, deadline: float = 2.0
) -> AsyncIterator[None]:
    """The service's worker, with clients of its own."""
    sites = Sites(db, facts.KEYRING, calls_per_minute=100_000, deadline=deadline, retry=SOON, allow_loopback=True)
    stop = asyncio.Event()
    running = asyncio.create_task(Delivery(db, effect(db, sites), pace=pace).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE)
        await sites.aclose()


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[World, str]]:
    """A simulator without sites, and its address."""
    world = World()
    async with serving(world) as url:
        yield world, url


@asynccontextmanager
async def simulated_apart() -> AsyncIterator[tuple[World, str]]:
    """The same on an event loop of its own, so that it answers in its time however busy the tests' loop is."""
    world = World()
    ready: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        over = asyncio.Event()
        async with serving(world) as url:
            ready.set_result((url, asyncio.get_running_loop(), over))
            await over.wait()

    served = asyncio.create_task(asyncio.to_thread(asyncio.run, serve()))
    started = asyncio.wrap_future(ready)
    await asyncio.wait((served, started), return_when=asyncio.FIRST_COMPLETED)
    if served.done():
        await served
    url, loop, over = await started
    try:
        yield world, url
    finally:
        loop.call_soon_threadsafe(over.set)
        await served


async def cleared(urls: provision.Database, *tables: str) -> None:
    """Delete what delivery and these tables hold, so that no later test's worker takes up what one has left."""
    owner = await asyncpg.connect(urls.owner)
    try:
        await owner.execute(f"truncate {', '.join((*_DELIVERY, *tables))} cascade")
    finally:
        await owner.close()


async def until(reached: Callable[[], Awaitable[bool]], said: Callable[[], object] = lambda: "") -> None:
    """Wait for a condition, with a deadline; `said` tells what was seen last."""
    ends = time.monotonic() + PATIENCE
    while not await reached():
        assert time.monotonic() < ends, f"not within {PATIENCE} s: {said()}"
        await asyncio.sleep(0.01)
