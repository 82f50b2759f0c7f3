"""A service of one effect: its database, its workers, and what it has been told."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg

from contracts.values import SiteId, TenantId
from delivery import Delivery, Effect, NewOperation, Pace, enqueue
from delivery.queue import Queued
from storage import Database, Session
from tests.delivery.additions import EFFECT

# Everything scaled down together; the peer applies late within `late_apply`.
FAST = Pace(
    validity=0.25,
    deadline=0.25,
    late_apply=0.2,
    list_lag=0.0,
    tick=0.05,
    gate_wait=0.05,
    void_wait=0.05,
    defect_wait=0.1,
    rebalance=60.0,
)
UNSETTLED = ("pending", "in_flight", "ambiguous")
PATIENCE = 20.0


@dataclass(frozen=True)
class Urls:
    owner: str
    app: str
    all_tenants: str


class Pools(Database):
    """Those of a worker; its owner session can be got at."""

    owner: Session

    async def session(self) -> Session:
        self.owner = await super().session()
        return self.owner


@dataclass
class House:
    """One tenant, with a site of its own, in a database that other tests use as well."""

    urls: Urls
    db: Database
    tenant: TenantId
    site: SiteId = field(default_factory=lambda: SiteId(f"site-{secrets.token_hex(4)}"))

    async def queue(self, operations: Iterable[NewOperation], effect: str = EFFECT) -> Queued:
        async with self.db.transaction([self.tenant]) as tx:
            return await enqueue(tx, effect, list(operations))

    async def states(self) -> Counter[str]:
        async with self.db.transaction([self.tenant]) as tx:
            return Counter(await tx.column("select state from operation"))

    async def state(self, key: str) -> str:
        async with self.db.transaction([self.tenant]) as tx:
            return str(await tx.value("select state from operation where operation_key = $1", key))

    async def told(self) -> Counter[tuple[str, str]]:
        """What was published, by key and state."""
        async with self.db.transaction([self.tenant]) as tx:
            keys = await tx.column("select operation_key from told order by operation_key, state")
            states = await tx.column("select state from told order by operation_key, state")
        return Counter(zip(keys, states, strict=True))

    async def is_settled(self) -> bool:
        states = await self.states()
        return not any(states[state] for state in UNSETTLED)

    async def holds(self, **expected: int) -> None:
        """Wait until the operations are in exactly these states."""

        async def reached() -> bool:
            return dict(await self.states()) == expected

        await until(reached, lambda: f"expected {expected}")

    async def end_owner_sessions(self) -> int:
        """What an administrator, a failover or a dead node does to the sessions that hold our site's lock."""
        connection = await asyncpg.connect(self.urls.all_tenants)
        try:
            ended = await connection.fetch(
                "select pg_terminate_backend(pid) from pg_locks"
                " where locktype = 'advisory' and granted and objsubid = 1"
                " and (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)",
                f"delivery.{self.site}",
            )
            return len(ended)
        finally:
            await connection.close()

    @asynccontextmanager
    async def pools(self) -> AsyncIterator[Pools]:
        """As another process would have them."""
        db = Pools(self.urls.app, self.urls.all_tenants, connections=4)
        await db.open()
        try:
            yield db
        finally:
            await db.close()

    @asynccontextmanager
    async def worker(self, *effects: Effect, pace: Pace = FAST) -> AsyncIterator["Worker"]:
        """A worker with pools of its own, stopped in good order at the end."""
        async with AsyncExitStack() as stack:
            db = await stack.enter_async_context(self.pools())
            worker = Worker(Delivery(db, *effects, pace=pace), db)
            stack.push_async_callback(worker.stop)
            yield worker


class Worker:
    """A running `Delivery`."""

    def __init__(self, delivery: Delivery, db: "Pools") -> None:
        self.db = db
        self.asked_to_stop = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(delivery.run(self.asked_to_stop))

    async def stop(self) -> None:
        """In good order; what made it fail is raised here."""
        self.asked_to_stop.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(self._task, PATIENCE)

    async def kill(self) -> None:
        """In the middle of whatever it does."""
        self._task.cancel()
        done, _ = await asyncio.wait([self._task], timeout=PATIENCE)
        assert done, "it does not end"


async def until(reached: Callable[[], Awaitable[bool]], why: Callable[[], str] = lambda: "") -> None:
    """Wait for a condition, with a deadline."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await reached():  # noqa: ASYNC110 (what other processes do sets no event here)
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"it did not happen within {PATIENCE} s: {why()}") from None


async def happens(reached: Callable[[], bool], why: str = "") -> None:
    """Wait for something in this process."""

    async def check() -> bool:
        return reached()

    await until(check, lambda: why)
