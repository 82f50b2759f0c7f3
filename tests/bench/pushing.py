"""Calls and time a line, by invoice_push at the simulator, and calls a change of what is there."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import httpx

import delivery
import invoice_push
import messaging
import storage
from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.serve import serving
from connectwise_simulator.world import World
from contracts import topics
from contracts.events import ConnectionChanged, PriceRule, ProgramChanged, SetupChecked
from contracts.values import SiteId, TenantId
from delivery import Delivery, Kind, NewOperation, Pace, enqueue, operation_key
from invoice_push.additions import EFFECT, lane_of
from invoice_push.domain.values import Draft, Expected
from invoice_push.lines import draft_to_json
from invoice_push.pusher import Additions
from storage import Database
from tenancy import PRIVATE_KEY, Keyring, Sites
from tests.bench import effects
from tests.bench.ground import Figure, connected, database
from tests.bench.peer import peer
from tests.bench.worker import Counted, delivering

LINES = 200
AGREEMENTS = 4
PEER_MS, SINGLES, IDLE = 50, 20, 0.5
TENANT = TenantId("bench")
SITE = SiteId("connectwise:bench")
NEXT = date(2026, 12, 1)

SCENARIO = f"""
sites:
  - company_id: bench
    today: 2026-11-07
    keys: [{{public: bench, private: bench, role: sync}}]
    companies: [{{id: 1, identifier: One, name: One}}]
    catalog: [{{id: 1, identifier: SKU, description: SKU, price: 1, cost: 1}}]
    agreements:
{
    "".join(
        f'''
      - {{id: {n}, name: A{n}, company: One, type: Cloud Subscriptions, billing_cycle: Monthly, prorate: true,
         period_type: Future, bill_start: 2026-01-01, next_invoice_date: 2026-12-01, currency: USD}}
'''
        for n in range(1, AGREEMENTS + 1)
    )
}
"""


@dataclass(frozen=True, slots=True)
class Stand:
    """A site of the simulator, and the service's database and clients."""

    db: Database
    sites: Sites
    control: httpx.AsyncClient


async def measure(admin: str) -> list[Figure]:
    """Of creations and of changes."""
    async with _stand(admin) as stand:
        creations = [await _creations(stand), await _alone(stand)]
    return [*creations, await _changes(admin)]


@asynccontextmanager
async def _stand(admin: str) -> AsyncIterator[Stand]:
    world = World()
    add_sites(world, read_scenario(SCENARIO, "bench"), "bench")
    async with (
        serving(world) as url,
        httpx.AsyncClient(base_url=url) as control,
        database(admin, "bench_push", (storage, messaging, delivery, invoice_push)) as (db, _),
    ):
        keyring = Keyring("bench", {"bench": b"k" * 32})
        await _facts(db, url, keyring)
        sites = Sites(db, keyring, calls_per_minute=60_000, concurrency=20, allow_loopback=True)
        yield Stand(db, sites, control)
        await sites.aclose()


async def _alone(stand: Stand) -> Figure:
    """From the commit of one line to its addition as we know it, while nothing else is to do."""
    (await stand.control.post("/_simulator/latency", json={"ms": PEER_MS})).raise_for_status()
    waits = []
    effect = Counted(Additions(stand.db, stand.sites))
    async with delivering(stand.db, effect, Pace()):
        for number in range(SINGLES + 1):
            await asyncio.sleep(IDLE)
            async with stand.db.all_tenants() as tx:
                await enqueue(tx, EFFECT, [_operation(number)])
            began = time.perf_counter()
            await effect.ended(number + 1)
            waits.append(1000 * (time.perf_counter() - began))
    del waits[0]  # the first takes the site
    return Figure(
        f"invoice_push: line queued to addition, idle, {PEER_MS} ms simulator, p50",
        statistics.median(waits),
        2 * PEER_MS + 40,
        "ms",
        f"two round trips and {statistics.median(waits) - 2 * PEER_MS:.0f} ms; {min(waits):.0f} to {max(waits):.0f} "
        f"in {SINGLES}",
        at_most=True,
    )


async def _creations(stand: Stand) -> Figure:
    seconds = await _push(stand.db, stand.sites)
    calls = (await stand.control.get("/_simulator/calls")).json()["total"]
    return Figure(
        f"calls a creation, {LINES // AGREEMENTS} lines an agreement",
        calls / LINES,
        1.10,
        "calls",
        f"{calls} calls for {LINES} lines, {seconds:.1f} s",
        at_most=True,
    )


async def _changes(admin: str) -> Figure:
    """A change reads its record first, as the API has no conditional writes."""
    async with (
        peer() as other,
        connected(other.url, AGREEMENTS) as site,
        database(admin, "bench_change", (storage, messaging, delivery)) as (db, _),
    ):
        changes = []
        for number in range(LINES):
            agreement = number % AGREEMENTS + 1
            made = await site.additions(agreement).create(effects.new_addition(str(number)))
            changes.append(effects.change(TENANT, SITE, agreement, made.id))
        before = await other.calls()
        effect = Counted(effects.Additions(site))
        async with delivering(db, effect, Pace()):
            async with db.all_tenants() as tx:
                await enqueue(tx, effects.EFFECT, changes)
            await effect.ended(LINES)
        calls = await other.calls() - before
    if calls["PATCH"] != LINES:
        raise AssertionError(f"{calls['PATCH']} changes instead of {LINES}")
    return Figure(
        f"calls a change, {LINES // AGREEMENTS} an agreement",
        calls.total() / LINES,
        2.10,
        "calls",
        f"{calls.total()} calls for {LINES} changes",
        at_most=True,
    )


async def _push(db: Database, sites: Sites) -> float:
    async with db.all_tenants() as tx:
        await enqueue(tx, EFFECT, [_operation(number) for number in range(LINES)])
    stop = asyncio.Event()
    began = time.perf_counter()
    worker = asyncio.create_task(Delivery(db, Additions(db, sites), pace=Pace()).run(stop))
    async with asyncio.timeout(120):
        while await _confirmed(db) < LINES:  # noqa: ASYNC110 (what ends it is a row count)
            await asyncio.sleep(0.02)
    seconds = time.perf_counter() - began
    stop.set()
    await worker
    return seconds


async def _confirmed(db: Database) -> int:
    async with db.all_tenants() as tx:
        return int(await tx.value("select count(*) from operation where state = 'confirmed'"))


def _operation(number: int) -> NewOperation:
    agreement = number % AGREEMENTS + 1
    draft = Draft(
        agreement_id=agreement,
        item_id=1,
        quantity=Decimal(1),
        unit_price=Decimal(2),
        unit_cost=Decimal(1),
        effective=NEXT,
        cancelled=date(2026, 12, 31),
        description=f"line {number}",
        taxable=False,
        bill_customer="Billable",
        expects=Expected(1, "USD", NEXT, prorate=True),
    )
    body = draft_to_json(draft)
    return NewOperation(TENANT, SITE, operation_key("bench", uuid4()), Kind.CREATE, lane_of(agreement), body)


async def _facts(db: Database, url: str, keyring: Keyring) -> None:
    facts = {
        (topics.CONNECTIONS.name, "main"): ConnectionChanged(
            connection_id="main",
            site_id=SITE,
            base_url=url,
            company_id="bench",
            public_key="bench",
            client_id="c",
            private_key=keyring.seal(TENANT, PRIVATE_KEY, "bench"),
        ),
        (topics.PROGRAMS.name, "nce"): ProgramChanged(
            program_id="nce", name="NCE", source="microsoft-nce", price_rule=PriceRule()
        ),
        (topics.SETUP.name, TENANT): SetupChecked(
            status="ready", features=("additions",), checked_at=datetime.now(UTC)
        ),
    }
    async with db.all_tenants() as tx:
        for (topic, key), data in facts.items():
            await tx.execute(
                "insert into fact_copy (tenant_id, topic, key, data, entity_version) values ($1, $2, $3, $4, 1)",
                TENANT,
                topic,
                key,
                data.model_dump(mode="json"),
            )
