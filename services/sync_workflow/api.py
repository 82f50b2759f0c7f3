"""How far runs are, and the two things a person asks of one."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from contracts.values import RunId
from servicekit import Caller, Page, Paging, Problem, Tx, allow
from servicekit.access import Principal
from storage import Transaction
from sync_workflow import runs, store
from sync_workflow.domain import view
from sync_workflow.domain.run import Approval, Document, ReconcileAsked, Run, StepName
from sync_workflow.domain.view import RunState, Step
from sync_workflow.store import Stored

router = APIRouter()


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list; `counts` says how many lines are where."""

    run_id: RunId
    state: RunState
    files: list[str]
    counts: dict[str, int]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RunStory:
    """A run with its documents and steps."""

    run_id: RunId
    state: RunState
    documents: tuple[Document, ...]
    steps: tuple[Step, ...]
    counts: dict[str, int]
    created_at: datetime
    updated_at: datetime


@router.get("/runs", dependencies=[allow("runs.read")])
async def list_runs(tx: Tx, caller: Caller, page: Paging) -> Page[RunRow]:
    """One run per import, newest first."""
    found = await store.runs(tx, caller.tenant_id, page.after, page.size)
    return page.of([_row(stored) for stored in found], lambda row: row.run_id)


@router.get("/runs/{run_id}", dependencies=[allow("runs.read")])
async def one_run(tx: Tx, caller: Caller, run_id: str) -> RunStory:
    """One of them: every step with its state and why."""
    found = await store.run(tx, caller.tenant_id, run_id)
    if found is None:
        raise Problem(404, "not_found", f"there is no run {run_id[:100]}")
    return _story(found, found.known)


@router.post("/runs/{run_id}/approve", dependencies=[allow("runs.approve")], status_code=202)
async def approve(tx: Tx, caller: Caller, run_id: str) -> RunStory:
    """Have the ready lines written, exactly as they are shown; 409 where none wait (R103)."""
    stored = await _locked(tx, caller, run_id)
    lines = stored.known.report(StepName.LINES)
    if lines is None or not stored.known.waits_for_approval:
        step = next(step for step in view.steps(stored.known) if step.step is StepName.APPROVE)
        said = f": {step.message}" if step.message else ""
        raise Problem(
            409, "nothing_waits", f"no line of run {run_id[:100]} waits for approval{said}", state=stored.state
        )
    return _story(stored, await runs.advance(tx, stored, [Approval(lines.version, caller.subject)]))


@router.post("/runs/{run_id}/reconcile", dependencies=[allow("runs.approve")], status_code=202)
async def reconcile(tx: Tx, caller: Caller, run_id: str) -> RunStory:
    """Have ConnectWise read back and compared once more."""
    stored = await _locked(tx, caller, run_id)
    return _story(stored, await runs.advance(tx, stored, [ReconcileAsked(caller.subject)]))


async def _locked(tx: Transaction, caller: Principal, run_id: str) -> Stored:
    if await store.run(tx, caller.tenant_id, run_id) is None:
        raise Problem(404, "not_found", f"there is no run {run_id[:100]}")
    return await store.lock(tx, caller.tenant_id, RunId(run_id))


def _row(stored: Stored) -> RunRow:
    return RunRow(
        run_id=stored.run_id,
        state=stored.state,
        files=sorted({document.file for document in stored.known.documents}),
        counts=view.counts(stored.known),
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )


def _story(stored: Stored, known: Run) -> RunStory:
    return RunStory(
        run_id=stored.run_id,
        state=view.state(known),
        documents=known.documents,
        steps=view.steps(known),
        counts=view.counts(known),
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )
