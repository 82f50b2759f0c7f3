"""Delivery beside the script that a user would write with pyconnectwise: how fast, and what lost answers do to both."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import requests
from pyconnectwise import ConnectWiseManageAPIClient

import delivery
import messaging
import storage
from contracts.values import SiteId, TenantId
from delivery import Pace, enqueue
from storage import Database
from tests.bench import effects
from tests.bench.ground import Figure, connected, database, median_and_spread
from tests.bench.peer import CODEBASE, Peer, peer
from tests.bench.worker import Counted, delivering

TENANT, SITE = TenantId("bench"), SiteId("connectwise:bench")
PEER_MS = 50
SCRIPTED, LANES, EACH = 30, 20, 25
ROUNDS = 5
LOST, LINES = 0.05, 400
# Delivery's times scaled down together; this peer applies nothing late and its lists never lag.
SHORT = Pace(validity=2.0, deadline=2.0, late_apply=0.0, list_lag=0.0)


class _Plain(ConnectWiseManageAPIClient):
    """By http, which spares it a handshake a call: it opens a connection for each."""

    def _get_url(self) -> str:
        return f"http://{self.manage_url}/{CODEBASE}/apis/3.0"


async def measure(admin: str) -> list[Figure]:
    """The two take turns at the same peer."""
    async with peer() as other, database(admin, "bench_scripting", (storage, messaging, delivery)) as (db, _):
        ratios, rates = [], []
        for _ in range(ROUNDS):
            await other.begin(ms=PEER_MS)
            script = await _seconds_of_script(other, SCRIPTED) / SCRIPTED
            await other.begin(ms=PEER_MS)
            ours = await _seconds_of_delivery(db, other, LANES * EACH, Pace(lanes=LANES)) / (LANES * EACH)
            ratios.append(script / ours)
            rates.append(1 / script)
        ratio, spread = median_and_spread(ratios)
        rate, _ = median_and_spread(rates)
        return [
            Figure(
                f"delivery, {LANES} lanes / a script with pyconnectwise, {PEER_MS} ms peer",
                ratio,
                15,
                "x",
                f"{spread}; the script {rate:.1f} additions/s",
            ),
            *await _duplicates(db, other),
        ]


async def _duplicates(db: Database, other: Peer) -> list[Figure]:
    """What is there more than once when some answers to creations are lost."""
    await other.begin(ms=0, lost=LOST)
    await _seconds_of_script(other, LINES)
    script = _repeated([made.marker for made in await other.made()])
    await other.begin(ms=0, lost=LOST)
    await _seconds_of_delivery(db, other, LINES, SHORT)
    made = [made.marker for made in await other.made()]
    missing = LINES - len(set(made))
    how = f"{LINES} lines, {LOST:.0%} of the answers lost; {missing} missing"
    return [
        Figure("lines there twice after the script, retrying as usual", script, 1, "lines", how.partition(";")[0]),
        Figure("lines there twice, or not at all, after delivery", _repeated(made) + missing, 0, "lines", how, True),
    ]


def _repeated(markers: Sequence[str]) -> int:
    return len(markers) - len(set(markers))


async def _seconds_of_script(other: Peer, lines: int) -> float:
    client = _Plain("bench", other.url.removeprefix("http://"), "bench", "bench", "bench", codebase=CODEBASE)
    began = time.perf_counter()
    await asyncio.to_thread(_script, client, [f"{uuid4().hex}" for _ in range(lines)])
    return time.perf_counter() - began


def _script(client: ConnectWiseManageAPIClient, lines: Sequence[str]) -> None:
    """One line after the other over four agreements, each tried again when its connection breaks."""
    for number, line in enumerate(lines):
        additions = client.finance.agreements.id(number % 4 + 1).additions
        body: dict[str, Any] = {
            "product": {"id": 1},
            "quantity": 1,
            "billCustomer": "Billable",
            "effectiveDate": "2026-12-01T00:00:00Z",
            "serialNumber": line,
            "invoiceDescription": "A product, 1 Oct 2026 to 31 Oct 2026",
        }
        _retrying(partial(additions.post, body))


def _retrying(call: Callable[[], object], attempts: int = 5) -> None:
    for attempt in range(1, attempts + 1):
        try:
            call()
        except requests.ConnectionError:
            if attempt == attempts:
                raise
        else:
            return


async def _seconds_of_delivery(db: Database, other: Peer, lines: int, pace: Pace) -> float:
    async with connected(other.url, pace.lanes) as site:
        effect = Counted(effects.Additions(site))
        async with delivering(db, effect, pace):
            once = uuid4().hex
            queued = [effects.creation(TENANT, SITE, n % pace.lanes + 1, once, n) for n in range(lines)]
            async with db.all_tenants() as tx:
                await enqueue(tx, effects.EFFECT, queued)
            began = time.perf_counter()
            await effect.ended(lines)
            return time.perf_counter() - began
