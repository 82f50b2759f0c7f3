"""Our client beside bare aiohttp at the same peer, and a full scan beside what arithmetic allows."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp

from connectwise import ConnectWise, Credentials
from devstack.layout import CHECKOUT
from httpkit import AddressPolicy, Limiter
from tests.bench.canned import canned
from tests.bench.ground import Figure, median_and_spread, memory_mib

SCENARIO = CHECKOUT / "examples" / "simulator" / "large.yaml"
AGREEMENTS, ADDITIONS = 8_000, 60_000
PAGE = 500
SCAN_MS, SCAN_CALLS = 20, 10
PEER_MS = 50
CALLS_EACH = 20
ROUNDS = 7
KEY = Credentials("large", "large", "large", "bench")
FINANCE = "/v4_6_release/apis/3.0/finance"  # a codebase that every site answers to

Call = Callable[[], Awaitable[object]]


async def measure() -> list[Figure]:
    """All of it against one peer in a process of its own."""
    async with canned(SCENARIO) as url:
        scan = await _scan(url)
        return [*scan, *[await _throughput(url, callers) for callers in (10, 50)]]


async def _throughput(url: str, callers: int) -> Figure:
    """Reads of one agreement by that many callers; the two take turns, each round in the other order."""
    await _latency(url, PEER_MS)
    async with _site(url, callers) as site, _bare(url, callers) as session:

        async def ours() -> object:
            return await site.agreements.get(1)

        async def bare() -> object:
            async with session.get(f"{FINANCE}/agreements/1") as response:
                return await response.json()

        await _seconds(ours, callers)
        await _seconds(bare, callers)
        ratios = []
        for number in range(ROUNDS):
            order = (ours, bare) if number % 2 else (bare, ours)
            seconds = {call: await _seconds(call, callers) for call in order}
            ratios.append(seconds[bare] / seconds[ours])
    ratio, spread = median_and_spread(ratios)
    return Figure(f"client / bare aiohttp, {callers} callers, {PEER_MS} ms peer", ratio, 0.9, "x", spread)


async def _seconds(call: Call, callers: int) -> float:
    async def caller() -> None:
        for _ in range(CALLS_EACH):
            await call()

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return time.perf_counter() - began


async def _scan(url: str) -> list[Figure]:
    """Every addition of every agreement, read and let go; the next page of agreements is asked for meanwhile."""
    async with _site(url, SCAN_CALLS) as site:
        async for _ in site.agreements.iterate(fields=("id",)):
            pass
        await _bare_scan(url)  # now the peer has made all its answers
        await _latency(url, SCAN_MS)
        found: asyncio.Queue[int | None] = asyncio.Queue(PAGE)
        seen, early = 0, 0.0

        async def finder() -> None:
            async for agreement in site.agreements.iterate(fields=("id",)):
                await found.put(agreement.id)
            for _ in range(SCAN_CALLS):
                await found.put(None)

        async def reader() -> None:
            nonlocal seen, early
            while (agreement := await found.get()) is not None:
                async for _ in site.additions(agreement).iterate():
                    seen += 1
                    if seen == ADDITIONS // 10:
                        early = memory_mib()

        began = time.perf_counter()
        await asyncio.gather(finder(), *(reader() for _ in range(SCAN_CALLS)))
        seconds = time.perf_counter() - began
    late = memory_mib()
    if seen != ADDITIONS:
        raise AssertionError(f"the scan found {seen} additions instead of {ADDITIONS}")
    bare = await _bare_scan(url)
    least = (AGREEMENTS + AGREEMENTS // PAGE) / SCAN_CALLS * SCAN_MS / 1000
    return [
        Figure(
            f"full scan of {ADDITIONS:,} additions, {SCAN_CALLS} calls at once, {SCAN_MS} ms peer / arithmetic limit",
            least / seconds,
            0.85,
            "x",
            f"{seconds:.1f} s beside {least:.1f} s; bare aiohttp {bare:.1f} s",
        ),
        Figure("memory from a tenth of the scan to its end", late - early, 8, "MiB more", "peak", at_most=True),
    ]


async def _bare_scan(url: str) -> float:
    """The same calls, their answers parsed and nothing else."""
    agreements = iter(range(1, AGREEMENTS + 1))
    async with _bare(url, SCAN_CALLS) as session:

        async def reader() -> None:
            for agreement in agreements:
                path = f"{FINANCE}/agreements/{agreement}/additions?pageSize={PAGE}"
                async with session.get(path, headers={"pagination-type": "forward-only"}) as response:
                    await response.json()

        began = time.perf_counter()
        await asyncio.gather(*(reader() for _ in range(SCAN_CALLS)))
        return time.perf_counter() - began


def _site(url: str, callers: int) -> ConnectWise:
    limiter = Limiter(1_000_000, concurrency=callers, api="connectwise")
    addresses = AddressPolicy(allow_plain_loopback=True)
    return ConnectWise(url, KEY, limiter=limiter, max_connections=callers, page_size=PAGE, addresses=addresses)


def _bare(url: str, callers: int) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=callers)
    return aiohttp.ClientSession(url, connector=connector, headers=KEY.headers(), raise_for_status=True)


async def _latency(url: str, ms: int) -> None:
    async with aiohttp.ClientSession(url, raise_for_status=True) as control, control.post(f"/_latency/{ms}"):
        pass
