"""A simulator in this process, and fresh sites in it: one company id a test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx
import pytest

from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import BUILT_IN, add_sites
from connectwise_simulator.serve import serving
from connectwise_simulator.world import World

T = TypeVar("T")
_NUMBERS = itertools.count(1)

SITE = """
sites:
  - company_id: COMPANY
    name: Test Site
    time_zone: America/New_York
    today: 2026-03-10
    keys:
      - {public: pub, private: priv, role: admin}
      - {public: sync, private: priv, role: sync}
      - {public: create, private: priv, role: sync+create}
      - {public: counts, private: priv, role: count-only}
      - {public: cloud, private: priv, role: cloud-only}
      - {public: own, private: priv, role: own-only}
    roles:
      cloud-only: {based_on: sync, agreement_types: [Cloud Subscriptions]}
      own-only: {based_on: sync, levels: {Agreements: {add: All, edit: My, inquire: All}}}
    companies:
      - {id: 10, identifier: Alder, name: Alder & Ash, types: [Client],
         contacts: [{id: 100, first_name: Ada, last_name: Alder, email: ada@alder.example}]}
      - {id: 11, identifier: Birch, name: "Birch [West]", types: [Prospect], status: Inactive}
      - {id: 12, identifier: Cedar, name: "Cedar \\"North\\"", types: [Client, Vendor]}
    catalog:
      - {id: 50, identifier: SEAT, description: Seat, price: 22.50, cost: 17.125}
      - {id: 51, identifier: OLD, inactive: true}
      - {id: 52, identifier: BUNDLE, product_class: Bundle}
    agreements:
      - {id: 1, name: Prorating, company: Alder, type: Managed Services, prorate: true, bill_start: 2025-01-01,
         next_invoice_date: 2026-04-01}
      - {id: 2, name: One-Time, company: Alder, type: One-Time Purchases, one_time: true, bill_start: 2025-01-01}
      - {id: 3, name: Advance, company: Alder, type: Cloud Subscriptions, period_type: Future, bill_start: 2025-01-01,
         next_invoice_date: 2026-04-01}
      - {id: 4, name: Child, company: Alder, type: Cloud Subscriptions, bill_start: 2025-01-01, parent: Advance}
      - {id: 5, name: Cancelled, company: Birch, bill_start: 2024-01-01, cancelled: 2025-01-01}
      - {id: 6, name: Expired, company: Birch, bill_start: 2024-01-01, end: 2025-01-01}
"""


class Site(httpx.AsyncClient):
    """A bare HTTP client at one fresh site; paths are relative to `/apis/3.0/`."""

    def __init__(self, root: str, company: str, public: str = "pub", **more: Any) -> None:
        super().__init__(
            base_url=f"{root}/v4_6_release/apis/3.0/",
            auth=httpx.BasicAuth(f"{company}+{public}", "priv"),
            headers={"clientId": "1b7a7e2e-0000-4000-8000-000000000000"},
            timeout=5,
            **more,
        )
        self.root = root
        self.company = company

    def as_member(self, public: str) -> "Site":
        return Site(self.root, self.company, public)

    async def control(self, method: str, path: str, **more: Any) -> Any:
        answer = await self.request(method, f"{self.root}/_simulator/{path}", **more)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def fault(self, kind: str, **order: Any) -> Any:
        return await self.control("POST", "faults", json={"kind": kind, "site": self.company, **order})

    async def effects(self) -> list[dict[str, Any]]:
        found = await self.control("GET", f"history?site={self.company}")
        return list(found["effects"])

    async def ids(self, path: str, **query: str) -> list[int]:
        answer = await self.get(path, params={"fields": "id", "pageSize": "1000", **query})
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()]

    async def add(self, agreement: int, **members: Any) -> httpx.Response:
        body = {"product": {"id": 50}, "billCustomer": "Billable", "quantity": 1, **members}
        return await self.post(f"finance/agreements/{agreement}/additions", json=body)

    async def add_within(self, seconds: float, agreement: int, **members: Any) -> httpx.Response:
        self.timeout = httpx.Timeout(seconds)
        try:
            return await self.add(agreement, **members)
        finally:
            self.timeout = httpx.Timeout(5)


@pytest.fixture(scope="session")
async def simulator() -> AsyncIterator[str]:
    world = World()
    add_sites(world, read_scenario(BUILT_IN.read_text(), BUILT_IN.name), BUILT_IN.name)
    async with serving(world) as url:
        yield url


@pytest.fixture
def scenario_text() -> str:
    return SITE


@pytest.fixture
async def site(simulator: str) -> AsyncIterator[Site]:
    company = f"test{next(_NUMBERS)}"
    async with Site(simulator, company) as client:
        made = await client.post(f"{simulator}/_simulator/sites", content=SITE.replace("COMPANY", company))
        assert made.status_code == 201, made.text
        yield client
        await client.control("DELETE", f"faults?site={company}")


async def eventually(read: Callable[[], Awaitable[T]], right: Callable[[T], object]) -> T:
    """What `read` gives once it is right; fails after five seconds."""
    for _ in range(100):
        found = await read()
        if right(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to pass")


async def first_failure(site: Site, within: float = 5) -> Exception | None:
    """How calls fail once the port is shut; that is a moment later, so one may still get through or be hung up on."""
    for _ in range(50):
        try:
            await site.get("system/info", timeout=within)
        except httpx.RemoteProtocolError:
            pass
        except httpx.TransportError as error:
            return error
    return None
