"""catalog_sync on a real database and the simulator: facts in by its own consumers, what it does at the site."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from catalog_sync.handlers import HANDLERS
from catalog_sync.items import CatalogItems
from catalog_sync.planner import Planner
from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.world import World
from contracts import topics
from contracts.envelope import Data
from contracts.events import CatalogDefaults, InvoiceLineReceived, ProductChanged
from contracts.topics import Topic
from contracts.values import BillingPlan, Currency, CustomerKey, Motion, ProductKey, SiteId, TenantId
from delivery import Pace
from messaging import Consumer
from storage import Database
from tests.factories import facts
from tests.factories.grounds import delivering

COPIED = (topics.CONNECTIONS, topics.PROGRAMS, topics.SETUP, topics.CUSTOMER_MAPPINGS)
DEFAULTS = CatalogDefaults(category_id=1, subcategory_id=1, type_id=1, unit_id=1)
# Everything scaled down together; the response that is lost here was applied at once.
FAST = Pace(
    validity=0.5, deadline=1.0, late_apply=0.0, list_lag=0.0, tick=0.02, gate_wait=0.05, void_wait=0.05, defect_wait=0.1
)
PATIENCE = 20.0
_numbers = itertools.count(1)

SITE = """
sites:
  - company_id: COMPANY
    keys: [{public: public, private: private, role: sync}]
    catalog: [CATALOG]
"""


def product(
    sku: str = "CFQ7TTC0LCHC:0002",
    *,
    term: str = "P1Y",
    plan: BillingPlan = BillingPlan.MONTHLY,
    currency: str = "USD",
    name: str = "Business Premium",
) -> ProductChanged:
    key = ProductKey(sku, term, plan, "", "", Currency(currency))
    return ProductChanged(
        key=str(key), sku=sku, name=name, term=term, plan=plan, currency=Currency(currency), unit_price=22, unit_cost=18
    )


@dataclass
class House:
    """One tenant with a connected site."""

    db: Database
    tenant: TenantId
    world: World
    url: str
    company: str
    site: SiteId = field(init=False)
    consumers: dict[str, Consumer] = field(init=False)

    def __post_init__(self) -> None:
        self.site = SiteId(f"site-{self.company}")
        listened = dict.fromkeys((*COPIED, *HANDLERS))
        self.consumers = {
            topic.name: Consumer(self.db, "catalog-sync", topic, HANDLERS.get(topic), copy=topic in COPIED)
            for topic in listened
        }

    async def hears(self, topic: Topic[Any], entity: str, data: Data) -> None:
        await self.consumers[topic.name].handle([facts.record(topic, self.tenant, entity, data)])

    async def is_ready(self, **program: Any) -> None:
        """Connected, checked, a program and a mapped customer."""
        fact = facts.connection(self.tenant, self.site, self.url, self.company)
        await self.hears(topics.CONNECTIONS, "connection-1", fact)
        await self.hears(topics.PROGRAMS, "program-1", facts.program(**program))
        await self.checks()
        await self.maps()

    async def checks(self, **changes: Any) -> None:
        told = {"features": ("additions", "catalog"), "catalog_defaults": DEFAULTS} | changes
        await self.hears(topics.SETUP, self.tenant, facts.setup(**told))

    async def maps(self, customer: str = facts.CUSTOMER) -> None:
        fact = facts.mapping(mapping_id=f"mapping-{customer}", customer_key=customer)
        await self.hears(topics.CUSTOMER_MAPPINGS, fact.mapping_id, fact)

    async def bills(self, *products: ProductChanged, customer: str = facts.CUSTOMER, **changes: Any) -> None:
        """Products as an invoice brings them: known, and on a line of the customer."""
        for one in products:
            await self.hears(topics.PRODUCTS, one.key, one)
            line: InvoiceLineReceived = facts.billed(
                next(_numbers), product_key=one.key, customer_key=customer, motion=Motion.SEAT_MONTHLY, **changes
            )
            await self.hears(topics.INVOICE_LINES, customer, line)

    async def plans(self) -> None:
        """What the planner does when it is woken."""
        await Planner(self.db).plan_due()

    def delivering(self) -> AbstractAsyncContextManager[None]:
        """The site's owner at work."""
        return delivering(self.db, CatalogItems, FAST, deadline=1.0)

    async def syncs(self) -> None:
        """Plan, send, and wait until nothing is under way."""
        await self.plans()
        async with self.delivering():
            await until(self.is_settled)
        await self.plans()

    async def is_settled(self) -> bool:
        async with self.db.transaction([self.tenant]) as tx:
            return not await tx.value(
                "select exists (select from operation where state in ('pending', 'in_flight', 'ambiguous'))"
            )

    async def links(self) -> dict[str, tuple[str, str, int | None]]:
        """State, identifier and item by product key."""
        async with self.db.transaction([self.tenant]) as tx:
            rows = await tx.fetch(dict[str, Any], "select product_key, state, identifier, item_id from item")
        return {row["product_key"]: (row["state"], row["identifier"], row["item_id"]) for row in rows}

    async def reason(self, product_key: str) -> str:
        async with self.db.transaction([self.tenant]) as tx:
            return str(await tx.value("select reason from item where product_key = $1", product_key))

    async def told(self, topic: Topic[Any]) -> list[Any]:
        """What was said on a topic, in order."""
        async with self.db.transaction([self.tenant]) as tx:
            values = await tx.column("select value from outbox where topic = $1 order by id", topic.name)
        return [topic.decode(value).data for value in values]

    def items(self) -> dict[str, dict[str, Any]]:
        """The site's catalog by identifier."""
        site = self.world.site(self.company)
        assert site is not None
        return {str(item["identifier"]): dict(item) for item in site.tables["catalog"]}

    def creations(self) -> int:
        """How many items the site has created, whatever it told us."""
        return len(self.world.history.after(0, 1000, self.company, "catalog"))


def add_site(world: World, *catalog: str) -> str:
    """A fresh site with these items (in YAML); its company id."""
    company = f"shop{next(_numbers)}"
    add_sites(world, read_scenario(SITE.replace("COMPANY", company).replace("CATALOG", ", ".join(catalog)), "site"), "")
    return company


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.02)


def customer(number: int) -> str:
    return str(CustomerKey(facts.SOURCE, "partner-1", f"customer-{number}"))
