"""`make demo`: the main job on real input, from a file to the proof, as a finance person would follow it."""

import argparse
import asyncio
import sys
import time
from typing import Any

import httpx

from console.commands import show
from console.commands.billing import brought_in
from console.commands.client import ApiProblem, Client
from console.commands.connecting import CONNECTION, PROGRAM, checked
from console.commands.runs import Until, followed
from devstack import story
from devstack.errors import DevstackError
from devstack.layout import CHECKOUT
from devstack.progress import progress
from devstack.services import CONSOLE, SIMULATOR
from devstack.stack import Stack

EXAMPLE = CHECKOUT / "examples" / "partner-center"
TENANT = "demo"
SITE = "harbor"
# As a supplier's invoice would say them: each document's lines with tax (docs of examples/README.md).
TOTALS = ["G093150417=3782.47", "G093150418=1020.86"]
MARKUP = "20"
FACTS_WITHIN = 60.0
RUN_WITHIN = 300.0
_CONFLICT = 409
_UNPROCESSABLE = 422


def main() -> int:
    """Run the demo; 0 only if the proof holds."""
    parser = argparse.ArgumentParser(prog="make demo", description="From a reconciliation file to the proof.")
    parser.add_argument("--yes", action="store_true", help="approve without asking")
    options = parser.parse_args()
    began = time.monotonic()
    with progress("starting the stack") as say:
        stack = Stack(CHECKOUT, say=say)
        with stack.exclusive():
            asyncio.run(stack.up())
    simulator = stack.service(SIMULATOR).url
    token = stack.layout.admin_token.read_text().strip()
    with Client(stack.service(CONSOLE).url, token) as console:
        try:
            proven = _run(console, simulator, yes=options.yes)
        except ApiProblem as problem:
            raise DevstackError(
                f"The demo stopped: {problem.detail}\n`make logs` shows what the services say."
            ) from None
    story.where_it_runs({name: service.url for name, service in stack.services.items()})
    show.say(f"{time.monotonic() - began:.0f} s in all")
    return 0 if proven else 1


def _run(console: Client, simulator: str, *, yes: bool) -> bool:
    with show.waiting("connecting the tenant") as now:
        before = _additions_made(simulator)
        client = _connect(console, simulator, now)
    file = EXAMPLE / "nce-recon.csv"
    show.say(f"Importing {file.relative_to(CHECKOUT)}")
    imported = brought_in(client, file, TOTALS, RUN_WITHIN)
    if imported["state"] != "sealed":
        show.say("; ".join(refusal["message"] for refusal in imported["refusals"]))
        return False
    show.say(f"{imported['rows']} lines taken in; {'; '.join(imported['warnings']) or 'no warnings'}")
    run: str = imported["import_id"]
    with show.waiting("mapping customers to agreements") as now:
        mapped = _map(client, now)
    show.say(f"Mappings: {show.plain(mapped)}")
    found = followed(client, run, Until.APPROVAL, RUN_WITHIN)
    if found["state"] == "needs_approval":
        story.plan(client, run)
        if not _approved(yes=yes):
            show.say(f"Nothing was written. To approve it later: psabridge --help, then runs approve {run}")
            return False
        client.post(f"/v1/sync-workflow/runs/{run}/approve")
        found = followed(client, run, Until.CLOSED, RUN_WITHIN)
    elif found["state"] == "closed":
        with show.waiting("reading ConnectWise back"):
            _read_back(client, run)
    made = _additions_made(simulator) - before
    proven = story.tell(client, run)
    show.say(
        f"{made} new additions in ConnectWise, by its own count"
        + ("" if made else ": everything in this file had been written before, and nothing is billed twice")
    )
    closed = found["state"] in ("closed", "closed_with_held")
    show.say(f"The proof {'holds' if proven and closed else 'DOES NOT HOLD'}; the run is {found['state']}.")
    return proven and closed


def _connect(console: Client, simulator: str, now: show.Says) -> Client:
    """A site to rehearse on, and the tenant's way to it through the public API."""
    answer = httpx.post(f"{simulator}/_simulator/sites", content=(EXAMPLE / "site.yaml").read_bytes(), timeout=30)
    if answer.status_code not in (201, _CONFLICT):  # already there from an earlier demo
        raise DevstackError(f"The simulator refuses the site: {answer.text[:500]}")
    console.put(f"/v1/console/tenants/{TENANT}", {"name": "Harbor Managed Services"})
    client = console.of_tenant(TENANT)
    client.put(
        f"/v1/console/connections/{CONNECTION}",
        {
            "site": simulator,
            "company_id": SITE,
            "public_key": "demo-public",
            "private_key": "demo-private",
            "client_id": "psabridge-demo",
            "profile": "sync",
            "name": "ConnectWise simulator",
        },
    )
    rule = {"basis": "list", "markup_percent": MARKUP, "allow_below_cost": False}
    client.put(f"/v1/console/programs/{PROGRAM}", {"name": "Microsoft CSP", "source": PROGRAM, "price_rule": rule})
    now("checking the setup of the site")
    setup = _ready(client, now)
    show.say(f"ConnectWise is ready for {show.plain(setup['features'])}: {len(setup['findings'])} checks passed")
    return client


def _ready(client: Client, now: show.Says) -> dict[str, Any]:
    """The result of the setup's checks; a result from before the connection was known is waited past."""
    checked(client, None, FACTS_WITHIN, now)
    found: list[dict[str, Any]] = []

    def ready() -> dict[str, Any] | None:
        found.append(client.get("/v1/setup-validation/setup"))
        return found[-1] if found[-1]["status"] == "ready" else None

    try:
        return client.until(ready, FACTS_WITHIN)
    except ApiProblem:
        if found:
            story.setup(found[-1])
        raise DevstackError("The site is not ready: see the checks above.") from None


def _map(client: Client, now: show.Says) -> dict[str, Any]:
    """Map by the example's CSV, as soon as the customers of the file and the site's agreements are known."""

    def mapped() -> dict[str, Any] | None:
        try:
            return _counts(client.upload("/v1/customer-import/mappings/import", EXAMPLE / "mappings.csv"))
        except ApiProblem as problem:
            if problem.status not in (_CONFLICT, _UNPROCESSABLE):
                raise
            now(f"mapping customers to agreements: {problem.detail[:100]}")
            refused.append(problem)
            return None

    refused: list[ApiProblem] = []
    try:
        return client.until(mapped, FACTS_WITHIN)
    except ApiProblem as problem:
        raise (refused[-1] if refused else problem) from None


def _read_back(client: Client, run: str) -> None:
    """Nothing was new, so nothing is read back by itself: it is asked for, to prove that all still stands."""
    client.post(f"/v1/sync-workflow/runs/{run}/reconcile")

    def read() -> list[dict[str, Any]] | None:
        return list(client.pages("/v1/invoice-push/reconciliations", run=run)) or None

    client.until(read, FACTS_WITHIN)


def _counts(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if isinstance(value, int)}


def _approved(*, yes: bool) -> bool:
    if yes or not sys.stdin.isatty():
        show.say("Approved (--yes, or nobody to ask).")
        return True
    return input("Write this to ConnectWise? [y/N] ").strip().lower() in ("y", "yes")


def _additions_made(simulator: str) -> int:
    """How many additions ConnectWise has ever created on the site, whatever anybody was told."""
    made, after = 0, 0
    while True:
        query: dict[str, str | int] = {"site": SITE, "type": "additions", "after": after, "limit": 1000}
        page = httpx.get(f"{simulator}/_simulator/history", params=query, timeout=30).json()
        made += sum(effect["before"] is None and effect["after"] is not None for effect in page["effects"])
        if not page["effects"]:
            return made
        after = page["effects"][-1]["seq"]
