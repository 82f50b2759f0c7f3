"""Delivery beside a bare loop: the same client, the same requests, as many at once, and nothing written down."""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import delivery
import messaging
import storage
from contracts.values import SiteId, TenantId
from delivery import Pace, enqueue
from storage import Database
from tests.bench import effects
from tests.bench.ground import Figure, connected, database, median_and_spread
from tests.bench.peer import Peer, peer
from tests.bench.worker import Counted, delivering

TENANT, SITE = TenantId("bench"), SiteId("connectwise:bench")
EACH = 50
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A peer, how many are called at once, and what is to hold."""

    ms: float
    lanes: int
    at_least: float


CASES = (Case(50, 20, 0.90), Case(50, 100, 0.75), Case(0, 20, 0.20))


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds, and how many of them were this process's CPU."""

    seconds: float
    cpu: float


async def measure(admin: str) -> list[Figure]:
    """The two take turns."""
    async with peer() as other, database(admin, "bench_delivering", (storage, messaging, delivery)) as (db, _):
        return [await _beside_bare(db, other, case) for case in CASES]


async def _beside_bare(db: Database, other: Peer, case: Case) -> Figure:
    agreements = range(1, case.lanes + 1)
    bare, ours = [], []
    for _ in range(ROUNDS + 1):
        await other.begin(ms=case.ms)
        bare.append(await bare_loop(other.url, agreements, EACH))
        await other.begin(ms=case.ms)
        ours.append(await delivered(db, other.url, agreements, EACH))
    del bare[0], ours[0]  # to warm up
    ratio, spread = median_and_spread([one.seconds / other.seconds for one, other in zip(bare, ours, strict=True)])
    lines = case.lanes * EACH
    rate, _ = median_and_spread([lines / took.seconds for took in ours])
    cpu = [median_and_spread([took.cpu / lines * 1e6 for took in some])[0] for some in (ours, bare)]
    return Figure(
        f"delivery / a bare loop, {case.lanes} lanes, {case.ms:g} ms peer",
        ratio,
        case.at_least,
        "x",
        f"{spread}; {rate:,.0f} additions/s; {cpu[0]:,.0f} us of CPU each beside {cpu[1]:,.0f}",
    )


async def delivered(db: Database, url: str, agreements: Sequence[int], each: int) -> Took:
    """From the commit that queues them to the commit that confirms the last."""
    async with connected(url, len(agreements)) as site:
        effect = Counted(effects.Additions(site))
        async with delivering(db, effect, Pace(lanes=len(agreements))):
            await _queue(db, agreements, each)
            gc.collect()  # what was left by queueing, and by the other side's turn
            began, cpu = time.perf_counter(), time.process_time()
            await effect.ended(len(agreements) * each)
            while await _open(db):  # noqa: ASYNC110 (what ends it is a commit under way)
                await asyncio.sleep(0.005)
            return Took(time.perf_counter() - began, time.process_time() - cpu)


async def _queue(db: Database, agreements: Sequence[int], each: int) -> None:
    once = uuid4().hex
    async with db.all_tenants() as tx:
        await enqueue(
            tx,
            effects.EFFECT,
            [effects.creation(TENANT, SITE, agreement, once, n) for n in range(each) for agreement in agreements],
        )


async def _open(db: Database) -> bool:
    async with db.all_tenants() as tx:
        return bool(await tx.value("select exists (select from operation where state <> 'confirmed')"))


async def bare_loop(url: str, agreements: Sequence[int], each: int) -> Took:
    """A caller an agreement, one request after the other."""
    async with connected(url, len(agreements)) as site:

        async def caller(agreement: int) -> None:
            for number in range(each):
                await site.additions(agreement).create(effects.new_addition(f"{agreement}-{number}"))

        await site.company_info()
        gc.collect()
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*map(caller, agreements))
        return Took(time.perf_counter() - began, time.process_time() - cpu)
