"""Questions about lines and their way, and what a person does to what is stuck."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from connectwise import AddressRefused
from contracts import topics
from contracts.values import RunId
from delivery import OperationKey, Scope, State, pause, pauses, resume
from delivery.queue import PERSON, DecidedError, Pause, TakenError
from delivery.records import Attempt, Decided, Progress, Question, Recorded, decisions, progress, questions, timeline
from httpkit import ApiError, Outcome
from invoice_push import corrections, deciding, proving, readings, reconciling, store
from invoice_push.corrections import Correction
from invoice_push.domain.values import Reason
from invoice_push.lines import Line
from invoice_push.resolver import SIGNAL
from messaging import copies
from servicekit import Caller, Page, Paging, Problem, Tx, allow
from storage import Transaction
from tenancy import NotConnectedError, UnsealError

router = APIRouter()

Filter = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Story:
    """One line from its source to its addition: what it is, what was decided and why, every call that was made."""

    line: Line
    remedy: str
    operation: Recorded | None
    attempts: list[Attempt]
    decisions: list[Decided]
    corrections: list["Corrected"]


@dataclass(frozen=True, slots=True)
class Corrected:
    """One correction of a line, with every call that was made for it."""

    correction: Correction
    remedy: str
    operation: Recorded | None
    attempts: list[Attempt]
    decisions: list[Decided]


@dataclass(frozen=True, slots=True)
class PlannedAgreement:
    """What approval would write on one agreement."""

    agreement_id: int
    agreement_name: str
    company_id: int
    currency: str
    lines: int
    corrections: int
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
    history = await corrections.of_lines(tx, found.tenant_id, [found.identity])
    corrected = [Corrected(one, _remedy(one), *await _calls(tx, one)) for one in history[found.identity]]
    return Story(found, _remedy(found), *await _calls(tx, found), corrected)


@router.get("/corrections", dependencies=[allow("lines.read")])
async def list_corrections(tx: Tx, page: Paging, run: Filter = "", state: Filter = "") -> Page[Correction]:
    """What suppliers changed after it was written, as additions of their own, in the order in which they came."""
    found = await corrections.page(tx, page.after_number, run, state, page.size)
    return page.of(found, lambda one: one.position)


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
                one.corrections,
                one.cost,
                one.price,
            )
            for one in planned
        ]
    }


@router.get("/proof", dependencies=[allow("lines.read")])
async def proof(tx: Tx, caller: Caller, run: Filter = "", after: Filter = "") -> dict[str, Any]:
    """Per document and currency: supplier's lines = pushed + held + ignored, by reason (B3)."""
    found = await proving.proof(tx, caller.tenant_id, RunId(run), after)
    last = found[-1].document_id if len(found) == proving.PAGE else None
    return {"documents": [one.told() for one in found], "next": last}


@router.get("/reconciliations", dependencies=[allow("lines.read")])
async def reconciliations(
    tx: Tx, page: Paging, run: Annotated[str, Query(max_length=100)] = ""
) -> Page[readings.Reconciliation]:
    """What ConnectWise held on each agreement of a run when it was read back; of all agreements without a run."""
    found = await readings.reconciliations(tx, run, page.after_number, page.size)
    return page.of(found, lambda one: one.agreement_id)


@router.post("/reconciliations", dependencies=[allow("runs.approve")], status_code=202)
async def reconcile(tx: Tx, caller: Caller) -> dict[str, datetime]:
    """Have all that was ever written read back; done when the last one's `began_at` is after `asked_at`."""
    if not await reconciling.ask(tx, caller.tenant_id):
        raise Problem(409, "not_connected", "this tenant has no ConnectWise connection")
    return {"asked_at": await store.now(tx)}


@router.get("/reconciliations/last", dependencies=[allow("lines.read")])
async def last_reconciliation(
    tx: Tx, caller: Caller, run: Annotated[str, Query(max_length=100)] = ""
) -> readings.Reconciled:
    """When a run, or everything, was last read back, how much differed, and the proof as it stood then (B3)."""
    found = await readings.reconciled(tx, caller.tenant_id, run)
    if found is None:
        raise Problem(404, "not_reconciled", "nothing was read back yet")
    return found


@router.get("/runs/{run_id}/progress", dependencies=[allow("lines.read")])
async def run_progress(tx: Tx, caller: Caller, run_id: str) -> Progress:
    """How far a run is, how fast it went lately, and when it will be done at that rate."""
    return await progress(tx, caller.tenant_id, RunId(run_id))


@router.get("/operations", dependencies=[allow("lines.read")])
async def open_questions(
    tx: Tx, caller: Caller, page: Paging, state: Literal["ambiguous", "rejected", "conflict"]
) -> Page[Question]:
    """Calls in doubt (they settle by themselves), refused, or in conflict (a person decides)."""
    found = await questions(tx, caller.tenant_id, State(state), page.after_number, page.size)
    return page.of(found, lambda one: one.seq)


@router.post("/operations/decide", dependencies=[allow("runs.approve")])
async def decide_conflict(
    request: Request,
    caller: Caller,
    key: Annotated[str, Query(min_length=1, max_length=1000)],
    decision: Literal["adopt", "try_again"],
    addition_id: Annotated[int | None, Query(gt=0, lt=2**31)] = None,
) -> Recorded:
    """Say of a conflict which addition is there for it, or that none is; that it is so is read at ConnectWise."""
    if (decision == "adopt") != (addition_id is not None):
        raise Problem(422, "addition_id", "an addition is adopted by its id, and none is named to try again")
    additions, operation = request.app.state.resources["additions"], OperationKey(key)
    try:
        if addition_id is None:
            return await deciding.try_again(additions, caller.tenant_id, operation, caller.subject)
        return await deciding.adopt(additions, caller.tenant_id, operation, addition_id, caller.subject)
    except DecidedError as error:
        raise Problem(409, "not_in_conflict", str(error)) from error
    except (TakenError, deciding.UnmarkedError) as error:
        raise Problem(409, "not_adoptable", str(error)) from error
    except (AddressRefused, NotConnectedError, UnsealError) as error:
        raise Problem(409, "not_connected", str(error)) from error
    except ApiError as error:
        if error.outcome is Outcome.NOT_FOUND:
            said = f"the operation's agreement has no addition {addition_id}"
            raise Problem(409, "not_adoptable", said) from error
        raise Problem(502, "connectwise", f"the addition could not be read: {error}") from error


@router.get("/pauses", dependencies=[allow("lines.read")])
async def list_pauses(tx: Tx, caller: Caller) -> dict[str, list[Pause]]:
    """What waits for a person: the whole tenant (401), an agreement's lane (403) or a run, and why."""
    return {"items": await pauses(tx, caller.tenant_id)}


@router.post("/pauses", dependencies=[allow("runs.approve")])
async def pause_by_hand(
    tx: Tx, caller: Caller, scope: Scope, name: Filter = "", message: Annotated[str, Query(max_length=500)] = ""
) -> dict[str, list[Pause]]:
    """Stop the tenant (without a name), a lane (as `agreement-12`) or a run; what is being sent is finished."""
    if (scope is Scope.TENANT) != (name == ""):
        raise Problem(422, "name", "a lane or a run is paused by its name, the tenant without one")
    await pause(tx, caller.tenant_id, scope, name, PERSON, message or "paused by hand")
    return {"items": await pauses(tx, caller.tenant_id)}


@router.post("/pauses/resume", dependencies=[allow("runs.approve")])
async def resume_paused(
    tx: Tx,
    caller: Caller,
    scope: Annotated[Scope | None, Query()] = None,
    name: Annotated[str | None, Query(max_length=200)] = None,
) -> dict[str, int]:
    """Let the tenant, a lane or a run go on; everything of the tenant where nothing is named."""
    return {"resumed": await resume(tx, caller.tenant_id, scope, name)}


@router.post("/runs/{run_id}/retry", dependencies=[allow("runs.approve")])
async def retry(tx: Tx, caller: Caller, run_id: str) -> dict[str, int]:
    """Have what of a run failed looked at again; it waits for approval as before. Conflicts are decided one by one."""
    again = await store.retry(tx, caller.tenant_id, RunId(run_id))
    again += await corrections.retry(tx, caller.tenant_id, RunId(run_id))
    await store.ask_resolution(tx, [caller.tenant_id])
    tx.signal(SIGNAL)
    return {"lines": again}


@router.post("/runs/{run_id}/credits", dependencies=[allow("runs.approve")])
async def let_credits_pass(tx: Tx, caller: Caller, run_id: str) -> dict[str, int]:
    """Have a run's corrections below zero billed; they then wait for the run's approval like all of it (B12, B19)."""
    allowed = await corrections.allow(tx, caller.tenant_id, RunId(run_id), caller.subject)
    await store.report_due(tx, {(caller.tenant_id, RunId(run_id))})
    tx.signal(SIGNAL)
    return {"corrections": allowed}


def _remedy(found: Line | Correction) -> str:
    return Reason(found.reason).remedy if found.state == "held" else ""


async def _calls(tx: Transaction, found: Line | Correction) -> tuple[Recorded | None, list[Attempt], list[Decided]]:
    told = await timeline(tx, found.tenant_id, found.operation_key) if found.operation_key else None
    if told is None:
        return None, [], []
    return *told, await decisions(tx, found.tenant_id, told[0].key)
