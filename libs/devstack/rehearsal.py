"""The main job on a simulated site, step by step, through the public API: what the demo tells and the tests disturb."""

import csv
import time
from pathlib import Path
from typing import Any

import httpx
import yaml

from console.commands import show
from console.commands.billing import brought_in
from console.commands.client import ApiProblem, Client
from console.commands.connecting import CONNECTION, PROGRAM
from console.commands.runs import Until, followed
from devstack.errors import DevstackError
from devstack.layout import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "partner-center"
# As the supplier's invoices would say them: each document's lines with tax (examples/README.md).
TOTALS = ["G093150417=3782.47", "G093150418=1020.86"]
LINES = 37
MARKUP = "20"
FACTS_WITHIN = 90.0
RUN_WITHIN = 300.0

_LINES = "/v1/invoice-push/lines"
# What the lines of a mapped customer are held for while facts of other services are still on their way.
_ON_THEIR_WAY = {
    "customer not mapped",
    "agreement not known",
    "no ConnectWise connection",
    "no program for this source",
    "catalog item being made",
}
_CREATED = 201
_CONFLICT = 409
_UNPROCESSABLE = 422


class Rehearsal:
    """One tenant with one simulated site of its own."""

    def __init__(self, console: Client, simulator: str, tenant: str, site: str) -> None:
        self.client = console.of_tenant(tenant)
        self.simulator = simulator
        self.tenant = tenant
        self.site = site
        self._console = console

    def close(self) -> None:
        """Close the connection to the console."""
        self.client.close()

    def written(self, additions: int) -> None:
        """Return once ConnectWise has at least that many."""
        self.client.until(lambda: True if len(self.additions_made()) >= additions else None, FACTS_WITHIN)

    def connect(self, now: show.Says = lambda _: None) -> dict[str, Any]:
        """Make the site and the tenant's way to it; the result of the setup's checks, or SiteNotReadyError."""
        scenario = yaml.safe_load((EXAMPLE / "site.yaml").read_text())
        scenario["sites"][0]["company_id"] = self.site
        answer = httpx.post(f"{self.simulator}/_simulator/sites", content=yaml.safe_dump(scenario), timeout=30)
        if answer.status_code not in (_CREATED, _CONFLICT):  # there already from an earlier rehearsal
            raise DevstackError(f"The simulator refuses the site: {answer.text[:500]}")
        self._console.put(f"/v1/console/tenants/{self.tenant}", {"name": "Harbor Managed Services"})
        self.client.put(
            f"/v1/console/connections/{CONNECTION}",
            {
                "site": self.simulator,
                "company_id": self.site,
                "public_key": "demo-public",
                "private_key": "demo-private",
                "client_id": "psabridge-demo",
                "profile": "sync",
                "name": "ConnectWise simulator",
            },
        )
        rule = {"basis": "list", "markup_percent": MARKUP, "allow_below_cost": False}
        program = {"name": "Microsoft CSP", "source": PROGRAM, "price_rule": rule}
        self.client.put(f"/v1/console/programs/{PROGRAM}", program)
        now("checking the setup of the site")
        return self._ready(now)

    def bring_in(self, file: Path = EXAMPLE / "nce-recon.csv") -> dict[str, Any]:
        """Import the file, tied to the supplier's totals."""
        return brought_in(self.client, file, TOTALS, RUN_WITHIN)

    def map(self, now: show.Says = lambda _: None) -> dict[str, Any]:
        """Map by the example's CSV, as soon as the file's customers and the site's agreements are known."""
        refused: list[ApiProblem] = []

        def mapped() -> dict[str, Any] | None:
            try:
                answer = self.client.upload("/v1/customer-import/mappings/import", EXAMPLE / "mappings.csv")
            except ApiProblem as problem:
                if problem.status not in (_CONFLICT, _UNPROCESSABLE):
                    raise
                now("mapping: waiting for the file's customers and the site's agreements")
                refused.append(problem)
                return None
            return {name: value for name, value in answer.items() if isinstance(value, int)}

        try:
            return self.client.until(mapped, FACTS_WITHIN)
        except ApiProblem as problem:
            raise (refused[-1] if refused else problem) from None

    def decided(self, run: str) -> list[str]:
        """The runs that wait for approval, when every line of the file is ready, written, ignored or held for good.

        Lines that an earlier import brought and nobody approved belong to that import's run.
        """
        with (EXAMPLE / "mappings.csv").open(newline="") as rows:
            mapped = {row["customer_id"] for row in csv.DictReader(rows)}

        def waits(line: dict[str, Any]) -> bool:
            known = line["customer_key"].rpartition(":")[2] in mapped
            return line["state"] in ("received", "queued") or (line["reason"] in _ON_THEIR_WAY and known)

        def settled() -> list[dict[str, Any]] | None:
            lines = self._lines(run)
            return None if not lines or any(map(waits, lines)) else lines

        with show.waiting("deciding where each line goes"):
            lines = self.client.until(settled, FACTS_WITHIN)
        waiting = sorted({line["run_id"] for line in lines if line["state"] == "ready"})
        for one in waiting:
            self.client.until(lambda one=one: self._needs_approval(one), RUN_WITHIN)  # type: ignore[misc]
        return waiting

    def _lines(self, run: str) -> list[dict[str, Any]]:
        """Every line of the run's documents, whichever run brought it; none until all of them are there."""
        documents = self.client.get("/v1/invoice-push/proof", run=run)["documents"]
        lines = [line for one in documents for line in self.client.pages(_LINES, document=one["document_id"])]
        return lines if len(documents) == len(TOTALS) and len(lines) == LINES else []

    def _needs_approval(self, run: str) -> bool | None:
        # A run that the mappings have just freed may still say how it stood before.
        found = followed(self.client, run, Until.APPROVAL, RUN_WITHIN)
        return True if found["state"] == "needs_approval" else None

    def approve(self, run: str) -> None:
        """Have the ready lines written."""
        self.client.post(f"/v1/sync-workflow/runs/{run}/approve")

    def closed(self, run: str) -> dict[str, Any]:
        """The run, when all of it is written and read back."""
        return followed(self.client, run, Until.CLOSED, RUN_WITHIN)

    def read_back(self, run: str) -> list[dict[str, Any]]:
        """Have ConnectWise read back now, and what it holds on each agreement."""
        self.closed(run)  # a run is known a moment after its import
        asked = time.time()
        self.client.post(f"/v1/sync-workflow/runs/{run}/reconcile")

        def read() -> list[dict[str, Any]] | None:
            found = list(self.client.pages("/v1/invoice-push/reconciliations", run=run))
            return found if found and all(show.seconds(one["read_at"]) >= asked for one in found) else None

        return self.client.until(read, FACTS_WITHIN)

    def additions_made(self) -> list[dict[str, Any]]:
        """Every addition that ConnectWise has ever created on the site, whatever anybody was told: its own history."""
        made: list[dict[str, Any]] = []
        after = 0
        while True:
            query: dict[str, str | int] = {"site": self.site, "type": "additions", "after": after, "limit": 1000}
            page = httpx.get(f"{self.simulator}/_simulator/history", params=query, timeout=30).json()
            if not page["effects"]:
                return made
            made.extend(effect["after"] for effect in page["effects"] if effect["before"] is None)
            after = page["effects"][-1]["seq"]

    def _ready(self, now: show.Says) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def ready() -> dict[str, Any] | None:
            try:
                if not found:
                    self.client.post("/v1/setup-validation/checks")
                found.append(self.client.get("/v1/setup-validation/setup"))
            except ApiProblem as problem:
                # It has not heard of the connection yet: that takes a moment.
                now(f"checking the setup: {problem.detail}")
                return None
            return found[-1] if found[-1]["status"] == "ready" else None

        try:
            return self.client.until(ready, FACTS_WITHIN)
        except ApiProblem:
            raise SiteNotReadyError(found[-1] if found else {"findings": []}) from None


class SiteNotReadyError(DevstackError):
    """The setup's checks did not pass."""

    def __init__(self, setup: dict[str, Any]) -> None:
        super().__init__("The site is not ready: see the checks above.")
        self.setup = setup
