"""Questions about lines and their way, and the two things a person does to what is stuck."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query

from contracts import topics
from contracts.values import RunId
from delivery import pauses, resume
from delivery.queue import Attempt, Pause, Recorded, timeline
from invoice_push import store
from invoice_push.domain.proof import bridge, by_document
from invoice_push.domain.values import Reason
from invoice_push.lines import Line
from invoice_push.resolver import SIGNAL
from messaging import copies
from servicekit import Caller, Page, Paging, Problem, Tx, allow

router = APIRouter()

Filter = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Story:
    """One line from its source to its addition: what it is, what was decided and why, every call that was made."""

    line: Line
    remedy: str
    operation: Recorded | None
    attempts: list[Attempt]


@dataclass(frozen=True, slots=True)
class PlannedAgreement:
    """What approval would write on one agreement."""

    agreement_id: int
    agreement_name: str
    company_id: int
    currency: str
    lines: int
    cost: Decimal
    price: Decimal


@router.get("/lines", dependencies=[allow("lines.read")])
async def lines(
    tx: Tx, page: Paging, run: Filter = "", state: Filter = "", customer: Filter = "", document: Filter = ""
) -> Page[Line]:
    """Lines in the order in which they came; `customer` is a key or part of a name (R104)."""
    found = await store.lines(tx, page.after_number, run, state, customer, document, page.size)
    return page.of(found, lambda line: line.position)


@router.get("/lines/{identity}", dependencies=[allow("lines.read")])
async def line(tx: Tx, identity: str) -> Story:
    """Why a line is where it is, and every request made for it."""
    found = await store.line(tx, identity)
    if found is None:
        raise Problem(404, "not_found", f"there is no line {identity[:100]}")
    told = await timeline(tx, found.tenant_id, found.operation_key) if found.operation_key else None
    remedy = Reason(found.reason).remedy if found.state == "held" else ""
    return Story(found, remedy, *(told or (None, [])))


@router.get("/plan", dependencies=[allow("lines.read")])
async def plan(tx: Tx, caller: Caller, run: Annotated[str, Query(min_length=1, max_length=100)]) -> dict[str, Any]:
    """What approval of a run would write, by agreement, in money."""
    planned = await store.plan(tx, caller.tenant_id, run)
    known = await copies.some(tx, topics.AGREEMENTS, caller.tenant_id, [str(one.agreement_id) for one in planned])
    return {
        "agreements": [
            PlannedAgreement(
                one.agreement_id,
                known[str(one.agreement_id)].name if str(one.agreement_id) in known else "",
                known[str(one.agreement_id)].company_id if str(one.agreement_id) in known else 0,
                one.currency,
                one.lines,
                one.cost,
                one.price,
            )
            for one in planned
        ]
    }


@router.get("/proof", dependencies=[allow("lines.read")])
async def proof(tx: Tx, caller: Caller, run: Filter = "") -> dict[str, Any]:
    """Per document and currency: supplier's lines = pushed + held + ignored, by reason (B3)."""
    documents = await store.documents_of_run(tx, caller.tenant_id, run)
    sums = by_document(await store.sums(tx, caller.tenant_id, [document.document_id for document in documents]))
    bridges = [bridge(document, sums.get(document.document_id, ())) for document in documents]
    return {
        "documents": [
            {
                "document_id": one.document_id,
                "number": one.number,
                "currency": one.currency,
                "tied": one.tied,
                "cost": one.cost,
                "tax": one.tax,
                "price": one.price,
                "rows": one.rows,
                "unexplained": one.unexplained,
            }
            for one in bridges
        ]
    }


@router.get("/reconciliations", dependencies=[allow("lines.read")])
async def reconciliations(
    tx: Tx, page: Paging, run: Annotated[str, Query(min_length=1, max_length=100)]
) -> Page[store.Reconciliation]:
    """What ConnectWise held on each agreement of a run when it was read back."""
    found = await store.reconciliations(tx, run, page.after_number, page.size)
    return page.of(found, lambda one: one.agreement_id)


@router.get("/pauses", dependencies=[allow("lines.read")])
async def list_pauses(tx: Tx, caller: Caller) -> dict[str, list[Pause]]:
    """What waits for a person: the whole tenant (401) or an agreement (403), and why."""
    return {"items": await pauses(tx, caller.tenant_id)}


@router.post("/pauses/resume", dependencies=[allow("runs.approve")])
async def resume_paused(
    tx: Tx, caller: Caller, lane: Annotated[str | None, Query(max_length=200)] = None
) -> dict[str, int]:
    """Let a lane, or everything of the tenant, go on."""
    return {"resumed": await resume(tx, caller.tenant_id, lane)}


@router.post("/runs/{run_id}/retry", dependencies=[allow("runs.approve")])
async def retry(tx: Tx, caller: Caller, run_id: str) -> dict[str, int]:
    """Have a run's failed lines looked at again; they wait for approval as before. Conflicts stay questions."""
    again = await store.retry(tx, caller.tenant_id, RunId(run_id))
    await store.ask_resolution(tx, [caller.tenant_id])
    tx.signal(SIGNAL)
    return {"lines": again}
