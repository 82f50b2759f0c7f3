"""Calls a line, by invoice_push as the simulator counts them, and calls a change of what is there."""

import asyncio
import time
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


async def measure(admin: str) -> list[Figure]:
    """Of creations and of changes."""
    return [await _creations(admin), await _changes(admin)]


async def _creations(admin: str) -> Figure:
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
        seconds = await _push(db, sites)
        await sites.aclose()
        calls = (await control.get("/_simulator/calls")).json()["total"]
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
        expects=Expected(NEXT, prorate=True),
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
