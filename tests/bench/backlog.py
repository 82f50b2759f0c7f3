"""A long backlog: as fast as its budget allows, in as much memory as a short one, and soon taken over."""

import time
from dataclasses import dataclass

import asyncpg

import delivery
import messaging
import storage
from contracts.values import SiteId, TenantId
from delivery import Pace
from devstack.passwords import DatabasePasswords
from devstack.provision import provision_database
from storage import Database
from storage.migrations import migrate
from tests.bench import effects
from tests.bench.ground import Figure, connected, database
from tests.bench.peer import Peer, peer
from tests.bench.worker import Counted, apart, backlog, delivering

COMPONENTS = (storage, messaging, delivery)
TENANT, SITE = TenantId("bench"), SiteId("site-bench")
# In real time; what is beside the arithmetic is the reads.
BUDGETED, CALLS_PER_MINUTE, PEER_MS = 10_000, 15_000, 20
BUDGETED_LANES = range(1, 41)
LANES = range(1, 1_001)
SHORT, LONG, MOST = 10_000, 100_000, 1_000_000
SENT, IN_FLIGHT = 300, 500


async def measure(admin: str, *, most: bool = False) -> list[Figure]:
    """With `most`, a million operations are taken over; making them takes minutes."""
    async with peer() as other:
        long = await _taken_over(admin, other, MOST if most else LONG)
        short = await _taken_over(admin, other, SHORT)
        return [
            await _budgeted(admin, other),
            Figure(
                f"takeover of a site with {long.operations:,} open operations, to its first request",
                long.first,
                5,
                "s",
                f"{short.first:.2f} s with {SHORT:,}; {IN_FLIGHT} of them in flight; {len(LANES):,} lanes",
                at_most=True,
            ),
            Figure(
                f"a worker's memory, {long.operations:,} open operations / {SHORT:,}",
                long.peak / short.peak,
                1.1,
                "x",
                f"{long.peak:.0f} MiB beside {short.peak:.0f}, each the peak of a process of its own",
                at_most=True,
            ),
        ]


async def _budgeted(admin: str, other: Peer) -> Figure:
    """With the budget of the client's own limiter."""
    await other.begin(ms=PEER_MS)
    async with (
        database(admin, "bench_budgeted", COMPONENTS) as (db, _),
        connected(other.url, Pace().lanes, CALLS_PER_MINUTE) as site,
    ):
        await backlog(db, TENANT, SITE, BUDGETED_LANES, BUDGETED)
        effect = Counted(effects.Additions(site))
        began = time.perf_counter()
        async with delivering(db, effect, Pace()):
            await effect.ended(BUDGETED)
            seconds = time.perf_counter() - began
        calls = (await other.calls()).total()
    least = 60 * BUDGETED / CALLS_PER_MINUTE
    return Figure(
        f"{BUDGETED:,} lines at {CALLS_PER_MINUTE:,} calls a minute / arithmetic",
        seconds / least,
        1.1,
        "x",
        f"{seconds:.1f} s beside {least:.1f}; {calls:,} calls",
        at_most=True,
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    operations: int
    first: float
    peak: float


async def _taken_over(admin: str, other: Peer, operations: int) -> _Taken:
    """By a process that begins where another has died; it ends when it has sent a few."""
    made = await provision_database(admin, f"bench_backlog_{operations}", DatabasePasswords.random())
    await migrate(made.owner, COMPONENTS)
    db = Database(made.app, made.all_tenants)
    await db.open()
    await backlog(db, TENANT, SITE, LANES, operations, in_flight=IN_FLIGHT)
    await db.close()
    await _analyzed(made.owner)
    await other.begin(ms=0)
    began, peak = await apart((made.app, made.all_tenants), other.url, SENT)
    first = min(one.at for one in await other.made())
    return _Taken(operations, first - began, peak)


async def _analyzed(owner: str) -> None:
    """As autovacuum leaves it."""
    connection = await asyncpg.connect(owner)
    await connection.execute("vacuum analyze operation")
    await connection.close()
