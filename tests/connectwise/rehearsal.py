"""A simulated site in this process, with a client that has all rights, and the history that tells what was done."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from connectwise import ConnectWise, Credentials
from connectwise_simulator.peers.faults import FaultOrder
from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.serve import serving
from connectwise_simulator.world import World
from tests.connectwise.site import client

ALDER, MONTHLY, SEAT = 10, 1, 50

SCENARIO = """
sites:
  - company_id: {company}
    today: 2026-03-10
    keys: [{{public: public, private: private, role: admin}}]
    companies:
      - {{id: 10, identifier: Alder, name: Alder & Ash, types: [Client], currency: USD,
         contacts: [{{id: 100, first_name: Ada, last_name: Alder, email: ada@alder.example}}]}}
      - {{id: 11, identifier: Birch, name: "Birch [West] 100%_", types: [Prospect]}}
      - {{id: 12, identifier: Cedar, name: "Cedar \\"North\\"", types: [Client, Vendor]}}
    catalog:
      - {{id: 50, identifier: SEAT, price: 22.50, cost: 17.125}}
    agreements:
      - {{id: 1, name: Cloud Monthly, company: Alder, type: Cloud Subscriptions, billing_cycle: Monthly, prorate: true,
         bill_start: 2026-01-01, next_invoice_date: 2026-04-01, currency: USD,
         additions: [{{id: 900, product: SEAT, quantity: 3, effective: 2026-04-01}}]}}
"""


@dataclass
class Rehearsal:
    """One fresh site."""

    world: World
    url: str
    company: str
    psa: ConnectWise

    def another_client(self, **more: Any) -> ConnectWise:
        """A client with the same key and connections of its own."""
        return client(self.url, Credentials(self.company, "public", "private", "client"), **more)

    def effects(self, table: str = "additions") -> list[Any]:
        """Every change that was really made, whatever the client was told."""
        return self.world.history.after(0, 10_000, self.company, table)

    def created(self, table: str = "additions") -> list[dict[str, Any]]:
        """What was really created, in order."""
        return [dict(one.after) for one in self.effects(table) if one.before is None]

    def asked(self, method: str) -> int:
        """How many calls with this method reached the site."""
        return sum(n for (site, verb, _), n in self.world.calls.items() if site == self.company and verb == method)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """Steer the simulator as its README says."""
        async with httpx.AsyncClient(base_url=f"{self.url}/_simulator", verify=False) as there:  # noqa: S501
            answer = await there.request(method, path, json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    async def define_field(self, screen: str, caption: str, kind: str) -> None:
        """Somebody makes a custom field."""
        async with httpx.AsyncClient(
            base_url=f"{self.url}/v4_6_release/apis/3.0",
            auth=httpx.BasicAuth(f"{self.company}+public", "private"),
            headers={"clientId": "office"},
            verify=False,  # noqa: S501 - plain HTTP, and reading certificates takes 50 ms
        ) as office:
            pods = {"company": 1, "agreement": 4}
            field = {
                "podId": pods[screen],
                "caption": caption,
                "sequenceNumber": 1,
                "screenId": screen,
                "fieldTypeIdentifier": kind,
                "entryTypeIdentifier": "EntryField",
                "displayOnScreenFlag": True,
            }
            answer = await office.post("/system/userDefinedFields", json=field)
            assert answer.is_success, answer.text

    def fault(self, kind: str, **order: Any) -> None:
        """Have calls of this site go wrong."""
        self.world.faults.add(FaultOrder.model_validate({"kind": kind, "site": self.company, **order}))


@asynccontextmanager
async def rehearsing(world: World, url: str, **more: Any) -> AsyncIterator[Rehearsal]:
    """A fresh site in a world that is being served."""
    company = f"test{secrets.token_hex(4)}"
    add_sites(world, read_scenario(SCENARIO.format(company=company), "test"), "test")
    async with client(url, Credentials(company, "public", "private", "client"), **more) as psa:
        yield Rehearsal(world, url, company, psa)


@asynccontextmanager
async def alone(**more: Any) -> AsyncIterator[Rehearsal]:
    """A fresh site in a simulator of its own, for what concerns its whole port."""
    world = World()
    async with serving(world) as url, rehearsing(world, url, **more) as there:
        yield there
