"""How long a line waits: alone on an idle system, and beside a tenant with a very long backlog."""

import asyncio
import math
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import delivery
import messaging
import storage
from contracts.values import SiteId, TenantId
from delivery import NewOperation, Pace, enqueue
from storage import Database
from tests.bench import effects
from tests.bench.ground import Figure, connected, database
from tests.bench.peer import Peer, peer
from tests.bench.worker import Counted, backlog, delivering

PEER_MS, SINGLES, IDLE = 50, 20, 0.5
SMALL, EACH, LARGE = 9, 100, 100_000
SHARED_MS = 20
LARGE_LANES = range(1_000, 1_100)


async def measure(admin: str) -> list[Figure]:
    """At a peer that tells when it did each creation."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(peer())
        db, _ = await stack.enter_async_context(database(admin, "bench_waiting", (storage, messaging, delivery)))
        return [await _alone(db, other), await _shared(db, other)]


async def _alone(db: Database, other: Peer) -> Figure:
    """From the commit of one line to its addition, while nothing else is to do."""
    await other.begin(ms=PEER_MS)
    queued_at = []
    async with connected(other.url, 1) as site:
        effect = Counted(effects.Additions(site))
        async with delivering(db, effect, Pace()):
            for number in range(SINGLES + 1):
                await asyncio.sleep(IDLE)
                queued_at.append(await _queue(db, [_creation(0, number)]))
                await effect.ended(number + 1)
    made = [made.at for made in await other.made()]
    waits = [1000 * (at - since) for at, since in zip(made, queued_at, strict=True)][1:]  # the first takes the site
    return Figure(
        f"line queued to addition, idle, {PEER_MS} ms peer, p50",
        statistics.median(waits),
        2 * PEER_MS + 40,
        "ms",
        f"two round trips, a read and a write, and {statistics.median(waits) - 2 * PEER_MS:.0f} ms; "
        f"{min(waits):.0f} to {max(waits):.0f} in {SINGLES}",
        at_most=True,
    )


async def _shared(db: Database, other: Peer) -> Figure:
    """The waits of small tenants' lines, alone and beside a large one's backlog that was there before."""
    alone = await _small_ones_wait(db, other, "alone")
    await backlog(db, TenantId("large"), SiteId("site-large"), LARGE_LANES, LARGE)
    shared = await _small_ones_wait(db, other, "shared")
    return Figure(
        f"p99 of {SMALL} tenants with {EACH} lines beside one with {LARGE:,} / alone",
        shared / alone,
        3,
        "x",
        f"{shared:.1f} s beside {alone:.1f} s; {Pace().lanes} lanes, {SHARED_MS} ms peer",
        at_most=True,
    )


async def _small_ones_wait(db: Database, other: Peer, which: str) -> float:
    await other.begin(ms=SHARED_MS)
    async with connected(other.url, Pace().lanes) as site, delivering(db, effects.Additions(site), Pace()):
        if which == "shared":
            await _made(other, lambda agreement: agreement in LARGE_LANES, 100)
        lines = [_creation(tenant, number, which) for number in range(EACH) for tenant in range(1, SMALL + 1)]
        queued_at = await _queue(db, lines)
        done_at = await _made(other, lambda agreement: agreement <= SMALL, len(lines))
    waits = sorted(at - queued_at for at in done_at)
    return waits[math.ceil(0.99 * len(waits)) - 1]


async def _made(other: Peer, counts: Callable[[int], bool], lines: int) -> list[float]:
    """When each creation of some agreements was done, once there are that many."""
    done: list[float] = []
    async with asyncio.timeout(120):
        while len(done) < lines:
            await asyncio.sleep(0.2)
            done = [made.at for made in await other.made() if counts(made.agreement)]
    return done


async def _queue(db: Database, lines: Sequence[NewOperation]) -> float:
    async with db.all_tenants() as tx:
        await enqueue(tx, effects.EFFECT, lines)
    return time.monotonic()


def _creation(tenant: int, *facts: object) -> NewOperation:
    """For a tenant with one agreement, which has its number."""
    return effects.creation(TenantId(f"tenant-{tenant}"), SiteId(f"site-{tenant}"), tenant, *facts)
