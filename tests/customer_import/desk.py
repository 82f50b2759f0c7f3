"""The service on a real database and a simulated ConnectWise; facts come in through its own consumers."""

import secrets
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.world import World
from contracts import topics
from contracts.envelope import Data
from contracts.events import AgreementChanged, CompanyChanged, CustomerChanged, MappingChanged
from contracts.topics import Topic
from contracts.values import CustomerKey, SiteId, TenantId
from customer_import import mapping, reading, store
from customer_import.handlers import HANDLERS
from customer_import.mapping import Taken
from customer_import.reading import SiteReads
from customer_import.store import SiteRead
from delivery import Pace
from messaging import Consumer
from storage import Database
from tenancy import COPIES
from tests.factories import facts
from tests.factories.grounds import delivering, until

PACE = Pace(validity=5.0, deadline=5.0, late_apply=0.1, list_lag=0.0, tick=0.02, void_wait=0.05, defect_wait=0.1)
PATIENCE = 30.0
EXAMPLES = Path(__file__).parents[2] / "examples" / "partner-center"
FEATURES = ("additions", "catalog", "companies")

ALDER = str(CustomerKey("microsoft-nce", "partner-1", "bb516e65-265e-4e5b-88c3-bab2cec79213"))

SCENARIO = """
sites:
  - company_id: {company}
    today: 2026-11-07
    keys: [{{public: public, private: private, role: sync}}]
    companies:
      - {{id: 101, identifier: AlderFinch, name: Alder & Finch Architects}}
      - {{id: 102, identifier: Brightwater, name: "Brightwater [Marine], 100 %"}}
    agreements:
      - &monthly {{id: 1, name: Monthly, company: AlderFinch, type: Cloud Subscriptions, billing_cycle: Monthly,
         period_type: Future, prorate: true, bill_start: 2026-01-01, next_invoice_date: 2026-12-01, currency: USD}}
      - {{id: 2, name: One-Time, company: AlderFinch, type: One-Time Purchases, one_time: true,
         bill_start: 2026-01-01, next_invoice_date: 2026-12-01, currency: USD}}
      - {{<<: *monthly, id: 3, name: Child, parent: Monthly, billing_cycle: Yearly, prorate: false}}
      - {{<<: *monthly, id: 4, name: Yearly, billing_cycle: Yearly}}
      - {{<<: *monthly, id: 5, name: Old, cancelled: 2026-06-30}}
      - {{<<: *monthly, id: 6, name: Monthly, cancelled: 2026-06-30}}
      - {{<<: *monthly, id: 7, name: Brightwater Monthly, company: Brightwater}}
      - {{<<: *monthly, id: 8, name: Twin}}
      - {{<<: *monthly, id: 9, name: Twin}}
"""


@dataclass
class Desk:
    """One tenant with one site."""

    db: Database
    tenant: TenantId
    world: World
    url: str
    company: str = field(default_factory=lambda: f"harbor{secrets.token_hex(4)}")
    site_id: SiteId = field(default_factory=lambda: SiteId(f"site-{secrets.token_hex(4)}"))

    def __post_init__(self) -> None:
        self.consumers = {
            topic.name: Consumer(self.db, "customer-import", topic, HANDLERS.get(topic), copy=topic in COPIES)
            for topic in dict.fromkeys((*COPIES, *HANDLERS))
        }

    def there_is(self, scenario: str = SCENARIO) -> None:
        """Set the site up."""
        add_sites(self.world, read_scenario(scenario.format(company=self.company), "test"), "test")

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """Steer the simulator as its README says."""
        async with httpx.AsyncClient(base_url=f"{self.url}/_simulator") as client:
            answer = await client.request(method, path, json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    async def fault(self, kind: str, path: str = "", **order: Any) -> None:
        """Have calls of this site go wrong."""
        await self.control("POST", "/faults", {"kind": kind, "site": self.company, "path": path, **order})

    async def recovers(self) -> None:
        """Nothing goes wrong any more."""
        await self.control("DELETE", f"/faults?site={self.company}")

    async def edit(self, table: str, record_id: int, **values: Any) -> None:
        """Somebody in the office changes a record."""
        await self.control("POST", f"/sites/{self.company}/edit", {"table": table, "id": record_id, "values": values})

    async def tell(self, topic: Topic[Any], *told: tuple[str, Data]) -> None:
        """Facts from another service, in one batch."""
        await self.consumers[topic.name].handle([facts.record(topic, self.tenant, *one) for one in told])
        async with self.db.all_tenants() as tx:
            assert not await tx.column("select reason from dead_letter where tenant_id = $1", self.tenant)

    async def connect(self, **changes: Any) -> None:
        """The console says how the connection is now."""
        told = {"site": self.site_id, "company": self.company} | changes
        fact = facts.connection(self.tenant, told.pop("site"), self.url, told.pop("company"), **told)
        await self.tell(topics.CONNECTIONS, (fact.connection_id, fact))

    async def ready(self, features: tuple[str, ...] = FEATURES) -> None:
        """setup_validation says so."""
        await self.tell(topics.SETUP, (self.tenant, facts.setup(features=features)))

    async def customers(self, *keys: str) -> None:
        """Sources name customers."""
        await self.tell(
            topics.CUSTOMERS,
            *((key, CustomerChanged(key=key, name=f"Customer {CustomerKey.parse(key).customer_id}")) for key in keys),
        )

    async def furnished(self) -> None:
        """Connected, read, and with a customer to map."""
        self.there_is()
        await self.connect()
        await self.ready()
        await self.customers(ALDER)
        await self.read()

    def delivering(self) -> AbstractAsyncContextManager[None]:
        """The service's worker, with clients of its own."""
        return delivering(self.db, SiteReads, PACE)

    async def read(self) -> SiteRead:
        """All reads that wait have been made."""
        async with self.delivering():
            await until(self.is_idle)
        return await self.site_read()

    async def read_again(self) -> SiteRead:
        """Somebody asks for it."""
        async with self.db.transaction([self.tenant]) as tx:
            assert await reading.ask(tx, self.tenant)
        return await self.read()

    async def is_idle(self) -> bool:
        async with self.db.transaction([self.tenant]) as tx:
            return not await tx.value("select exists (select from operation where state <> 'confirmed')")

    async def site_read(self) -> SiteRead:
        async with self.db.transaction([self.tenant]) as tx:
            found = await store.site_read(tx, self.tenant)
        assert found is not None
        return found

    async def pauses(self) -> list[str]:
        """What waits for a person."""
        async with self.db.transaction([self.tenant]) as tx:
            return await tx.column("select code || name from delivery_pause")

    async def bring(self, *rows: str, header: str = "") -> Taken:
        """A file of mappings comes."""
        lines = [header or "customer_id,customer_name,billing_contract,motion,company,agreement,go_live", *rows]
        async with self.db.transaction([self.tenant]) as tx:
            return await mapping.bring(tx, self.tenant, "\r\n".join(lines).encode(), "finance@example.org")

    async def told(self, topic: Topic[Any]) -> list[Any]:
        """What was published on a topic, oldest first."""
        async with self.db.all_tenants() as tx:
            values = await tx.column(
                "select value from outbox where tenant_id = $1 and topic = $2 order by id", self.tenant, topic.name
            )
        return [topic.decode(value).data for value in values]

    async def companies(self) -> list[CompanyChanged]:
        return await self.told(topics.COMPANIES)

    async def agreements(self) -> list[AgreementChanged]:
        return await self.told(topics.AGREEMENTS)

    async def mappings(self) -> list[MappingChanged]:
        return await self.told(topics.CUSTOMER_MAPPINGS)
