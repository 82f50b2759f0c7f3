"""A ConnectWise to write to, in this process: one company, its agreements and catalog, as facts and as records."""

import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.world import World
from contracts.values import SiteId

MONTHLY, ONE_TIME, CHILD, SECOND, EURO = 1, 2, 3, 4, 5
PREMIUM, MAILBOX = 501, 502

SCENARIO = """
sites:
  - company_id: {company}
    today: 2026-11-07
    keys: [{{public: public, private: private, role: sync}}]
    roles: {{reader: {{based_on: sync, without: [Agreements.add]}}}}
    companies:
      - {{id: 101, identifier: AlderFinch, name: Alder & Finch, status: Active, types: [Client], currency: USD}}
      - {{id: 102, identifier: BirchLane, name: Birch Lane, status: Active, types: [Client], currency: USD}}
    catalog:
      - {{id: 501, identifier: PREMIUM, price: 20.33, cost: 18.48}}
      - {{id: 502, identifier: MAILBOX, price: 5, cost: 4}}
    agreements:
      - &monthly {{id: 1, name: Cloud Monthly, company: AlderFinch, type: Cloud Subscriptions, billing_cycle: Monthly,
         period_type: Future, prorate: true, bill_start: 2026-01-01, next_invoice_date: 2026-12-01, currency: USD}}
      - {{id: 2, name: Cloud One-Time, company: AlderFinch, type: One-Time Purchases, billing_cycle: One-Time,
         one_time: true, bill_start: 2026-01-01, next_invoice_date: 2026-12-01, currency: USD}}
      - {{<<: *monthly, id: 3, name: Child, parent: "1", next_invoice_date: 2026-11-01}}
      - {{<<: *monthly, id: 4, name: Second}}
      - {{<<: *monthly, id: 5, name: Euro, currency: EUR}}
"""


@dataclass
class Site:
    """What the office and the judge see of one site."""

    world: World
    url: str
    company: str = field(default_factory=lambda: f"harbor{secrets.token_hex(4)}")
    site_id: SiteId = field(default_factory=lambda: SiteId(f"site-{secrets.token_hex(4)}"))

    def __post_init__(self) -> None:
        add_sites(self.world, read_scenario(SCENARIO.format(company=self.company), "test"), "test")

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """Steer the simulator as its README says."""
        async with httpx.AsyncClient(base_url=f"{self.url}/_simulator") as client:
            answer = await client.request(method, path, json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    async def fault(self, kind: str, **order: Any) -> None:
        """Have calls of this site go wrong."""
        await self.control("POST", "/faults", {"kind": kind, "site": self.company, **order})

    async def edit(self, table: str, record_id: int, **values: Any) -> None:
        """Somebody in the office changes a record."""
        await self.control("POST", f"/sites/{self.company}/edit", {"table": table, "id": record_id, "values": values})

    async def key(self, **changes: Any) -> None:
        """Somebody changes our key, or makes another."""
        await self.control("POST", f"/sites/{self.company}/keys", {"public": "public", **changes})

    async def add(self, agreement_id: int, **members: Any) -> int:
        """Somebody with all rights makes an addition by hand."""
        await self.key(public="office", private="office", role="admin")
        return int((await self._call("POST", f"/finance/agreements/{agreement_id}/additions", members))["id"])

    async def delete(self, agreement_id: int, addition_id: int) -> None:
        """Somebody deletes an addition."""
        await self.key(public="office", private="office", role="admin")
        await self._call("DELETE", f"/finance/agreements/{agreement_id}/additions/{addition_id}", None)

    async def delete_agreement(self, agreement_id: int) -> None:
        """Somebody deletes an agreement with all that stands on it."""
        await self.key(public="office", private="office", role="admin")
        for addition in self.additions(agreement_id):
            await self.delete(agreement_id, addition["id"])
        await self._call("DELETE", f"/finance/agreements/{agreement_id}", None)

    async def _call(self, method: str, path: str, body: Any) -> Any:
        async with httpx.AsyncClient(
            base_url=f"{self.url}/v4_6_release/apis/3.0",
            auth=httpx.BasicAuth(f"{self.company}+office", "office"),
            headers={"clientId": "office"},
        ) as client:
            answer = await client.request(method, path, json=body)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

    def additions(self, agreement_id: int | None = None) -> list[dict[str, Any]]:
        """What stands on the agreements now, in the order in which it came."""
        site = self.world.site(self.company)
        assert site is not None
        found = [dict(one) for one in site.tables["additions"]]
        return [one for one in found if agreement_id in (None, one["agreementId"])]

    def effects(self, table: str = "additions") -> list[Any]:
        """Every change that was really made, whatever the client was told."""
        return self.world.history.after(0, 10_000, self.company, table)

    def written(self) -> list[str]:
        """The serial numbers of all additions that were ever created."""
        return [str(one.after["serialNumber"]) for one in self.effects() if one.before is None and one.after]

    def calls(self) -> int:
        """How often the API was called."""
        return sum(times for (site, *_), times in self.world.calls.items() if site == self.company.lower())

    def cost(self) -> Decimal:
        """What the additions say together."""
        return sum((one["extCost"] for one in self.additions()), Decimal(0))
