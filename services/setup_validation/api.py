"""Whether the site is ready, how that came to be, and a check on demand."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from servicekit import Caller, Page, Paging, Problem, Tx, allow
from setup_validation import checking, store

router = APIRouter()


class Asked(BaseModel):
    """A check that will be made; it is done when `checked_at` of the setup is not before `asked_at`."""

    asked_at: datetime


@router.get("/setup", dependencies=[allow("setup.read")])
async def setup(tx: Tx, caller: Caller) -> store.Setup:
    """What the last check found, each finding with its screen and fix (R1, R6)."""
    found = await store.setup(tx, caller.tenant_id)
    if found is None:
        raise Problem(404, "not_checked", "no connection of this tenant has been checked yet")
    return found


@router.get("/setup/history", dependencies=[allow("setup.read")])
async def history(tx: Tx, page: Paging) -> Page[store.Checked]:
    """What earlier checks found, newest first."""
    return page.of(await store.history(tx, page.after_number, page.size), lambda checked: checked.number)


@router.post("/checks", dependencies=[allow("setup.check")], status_code=202)
async def check(tx: Tx, caller: Caller) -> Asked:
    """Have the site checked now (R6, R7)."""
    if not await checking.ask(tx, caller.tenant_id):
        raise Problem(409, "not_connected", "this tenant has no ConnectWise connection that is switched on")
    return Asked(asked_at=await store.now(tx))
