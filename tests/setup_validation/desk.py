"""The service on a real database and a simulated ConnectWise; connections come in through its own consumer."""

import secrets
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx

from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.world import World
from contracts import topics
from contracts.events import CommandKind, SetupChecked, SyncCommand
from contracts.values import SiteId, TenantId
from delivery import Pace
from messaging import Consumer
from setup_validation import store
from setup_validation.checking import SetupChecks
from setup_validation.handlers import HANDLERS
from setup_validation.rechecks import Rechecks
from setup_validation.store import Kept
from storage import Database
from tests.factories import facts
from tests.factories.grounds import delivering, until

PACE = Pace(validity=5.0, deadline=5.0, late_apply=0.1, list_lag=0.0, tick=0.02, void_wait=0.05, defect_wait=0.1)
PATIENCE = 30.0

SCENARIO = """
sites:
  - company_id: {company}
    time_zone: America/New_York
    today: 2026-11-07
    keys: [{{public: public, private: private, role: {role}}}]
    roles: {{narrow: {narrow}}}
    companies: [{{id: 101, identifier: AlderFinch, name: Alder & Finch}}]
    catalog:
      - {{id: 501, identifier: Misc}}
      - {{id: 502, identifier: OLD-MISC-2019, inactive: {misc_inactive}}}
      - {{id: 503, identifier: SEAT}}
    agreements: [{{id: 1, name: Cloud, company: AlderFinch, bill_start: 2026-01-01}}]
    setup: {setup}
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
        self.consumer = Consumer(
            self.db, "setup-validation", topics.CONNECTIONS, HANDLERS[topics.CONNECTIONS], copy=True
        )
        self.rechecks = Rechecks(self.db)

    def there_is(
        self, *, role: str = "sync", narrow: str = "{}", setup: str = "{}", misc_inactive: str = "false"
    ) -> None:
        """Set the site up."""
        text = SCENARIO.format(company=self.company, role=role, narrow=narrow, setup=setup, misc_inactive=misc_inactive)
        add_sites(self.world, read_scenario(text, "test"), "test")

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

    async def key(self, **changes: Any) -> None:
        """Somebody changes our key in the office."""
        await self.control("POST", f"/sites/{self.company}/keys", {"public": "public", **changes})

    async def connect(self, **changes: Any) -> None:
        """The console says how the connection is now."""
        told = {"base_url": self.url, "company_id": self.company} | changes
        fact = facts.connection(self.tenant, self.site_id, told.pop("base_url"), told.pop("company_id"), **told)
        record = facts.record(topics.CONNECTIONS, self.tenant, fact.connection_id, fact)
        await self.consumer.handle([record])

    async def ordered(self, command: CommandKind) -> None:
        """Something is ordered of the services that work for a run."""
        said = SyncCommand(run_id=facts.RUN, command=command, requested_by="invoice-push")
        consumer = Consumer(self.db, "setup-validation", topics.SYNC_COMMANDS, HANDLERS[topics.SYNC_COMMANDS])
        await consumer.handle([facts.record(topics.SYNC_COMMANDS, self.tenant, facts.RUN, said)])

    async def connected(self, **changes: Any) -> Kept:
        """Connected and checked."""
        await self.connect(**changes)
        return await self.checked()

    def delivering(self) -> AbstractAsyncContextManager[None]:
        """The service's worker, with clients of its own."""
        return delivering(self.db, SetupChecks, PACE)

    async def checked(self) -> Kept:
        """All checks that wait have been made."""
        async with self.delivering():
            await until(self.is_idle)
        return await self.setup()

    async def is_idle(self) -> bool:
        async with self.db.transaction([self.tenant]) as tx:
            return not await tx.value("select exists (select from operation where state <> 'confirmed')")

    async def setup(self) -> Kept:
        """What is said now."""
        async with self.db.transaction([self.tenant]) as tx:
            found = await store.locked(tx, self.tenant)
        assert found is not None
        return found

    async def history(self) -> list[str]:
        """The states that were said, oldest first."""
        async with self.db.transaction([self.tenant]) as tx:
            return [one.status for one in reversed(await store.history(tx, 0, 100))]

    async def told(self) -> list[SetupChecked]:
        """What was published, oldest first."""
        async with self.db.all_tenants() as tx:
            values = await tx.column(
                "select value from outbox where tenant_id = $1 and topic = $2 order by id",
                self.tenant,
                topics.SETUP.name,
            )
        return [topics.SETUP.decode(value).data for value in values]

    async def last_told(self) -> SetupChecked:
        return (await self.told())[-1]


def found(setup: Kept, state: str) -> dict[str, str]:
    """Findings in a state: check and detail."""
    return {finding.check: finding.detail for finding in setup.findings if finding.state == state}
