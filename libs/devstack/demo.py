"""`make demo`: the main job on real input, from a file to the proof, as a finance person would follow it."""

import argparse
import asyncio
import sys
import time
from contextlib import closing

from console.commands import show
from console.commands.client import ApiProblem, Client
from devstack import story
from devstack.errors import DevstackError
from devstack.layout import CHECKOUT
from devstack.progress import progress
from devstack.rehearsal import EXAMPLE, Rehearsal, SiteNotReadyError
from devstack.services import CONSOLE, SIMULATOR
from devstack.stack import Stack

TENANT = "demo"
SITE = "harbor"


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
    token = stack.layout.admin_token.read_text().strip()
    with (
        Client(stack.service(CONSOLE).url, token) as console,
        closing(Rehearsal(console, stack.service(SIMULATOR).url, TENANT, SITE)) as rehearsal,
    ):
        try:
            proven = tell(rehearsal, yes=options.yes)
        except SiteNotReadyError as error:
            story.setup(error.setup)
            raise
        except ApiProblem as problem:
            raise DevstackError(
                f"The demo stopped: {problem.detail}\n`make logs` shows what the services say."
            ) from None
    story.where_it_runs({name: service.url for name, service in stack.services.items()})
    show.say(f"{time.monotonic() - began:.0f} s in all")
    return 0 if proven else 1


def tell(rehearsal: Rehearsal, *, yes: bool) -> bool:
    """Do the job and say each step; whether everything is explained and ConnectWise holds it as written."""
    client = rehearsal.client
    with show.waiting("connecting the tenant") as now:
        setup = rehearsal.connect(now)
    show.say(f"ConnectWise is ready for {show.plain(setup['features'])}: {len(setup['findings'])} checks passed")
    before = len(rehearsal.additions_made())
    show.say(f"Importing {(EXAMPLE / 'nce-recon.csv').relative_to(CHECKOUT)}")
    imported = rehearsal.bring_in()
    if imported["state"] != "sealed":
        show.say("; ".join(refusal["message"] for refusal in imported["refusals"]))
        return False
    show.say(f"{imported['rows']} lines taken in; {'; '.join(imported['warnings']) or 'no warnings'}")
    run: str = imported["import_id"]
    with show.waiting("mapping customers to agreements") as now:
        mapped = rehearsal.map(now)
    show.say(f"Customers mapped to agreements: {show.plain(mapped)}")
    waiting = rehearsal.decided(run)
    for one in waiting:
        story.plan(client, one)
    if waiting and not _approved(yes=yes):
        show.say("Nothing was written. The same command asks again.")
        return False
    for one in waiting:
        rehearsal.approve(one)
    ended = {rehearsal.closed(one)["state"] for one in waiting}
    if run not in waiting:
        with show.waiting("reading ConnectWise back"):
            rehearsal.read_back(run)
    made = len(rehearsal.additions_made()) - before
    proven = story.tell(client, run)
    show.say(
        f"{made} new additions in ConnectWise, by its own count"
        + ("" if made else ": everything in this file had been written before, and nothing is billed twice")
    )
    holds = proven and ended <= {"closed", "closed_with_held"}
    show.say(f"The proof {'holds' if holds else 'DOES NOT HOLD'}.")
    return holds


def _approved(*, yes: bool) -> bool:
    if yes or not sys.stdin.isatty():
        show.say("Approved (--yes, or nobody to ask).")
        return True
    return input("Write this to ConnectWise? [y/N] ").strip().lower() in ("y", "yes")
