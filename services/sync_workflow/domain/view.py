"""A run as people see it: its state and its seven steps, derived from what is known."""

from dataclasses import dataclass, field
from enum import StrEnum

from sync_workflow.domain.run import Report, Run, StepName, StepState


class RunState(StrEnum):
    """Where a run stands; closed ones open again when a line is freed."""

    RUNNING = "running"
    NEEDS_APPROVAL = "needs_approval"
    CLOSED = "closed"
    CLOSED_WITH_HELD = "closed_with_held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step, in words for people."""

    step: StepName
    state: StepState
    done: int = 0
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    message: str = ""


def state(run: Run) -> RunState:
    """What the run waits for, or how it ended."""
    if run.waits_for_approval:
        return RunState.NEEDS_APPROVAL
    working = (run.report(StepName.LINES), run.report(StepName.WRITE))
    if any(report is not None and report.state is StepState.FAILED for report in working):
        return RunState.FAILED
    if not run.is_settled:
        return RunState.RUNNING
    if run.is_empty:
        return RunState.CLOSED
    match run.proof:
        case Report(state=StepState.FAILED):
            return RunState.FAILED
        case Report(state=StepState.DONE):
            lines = run.lines
            left = lines.count("held") + lines.count("failed") if lines else 0
            return RunState.CLOSED_WITH_HELD if left else RunState.CLOSED
        case _:
            return RunState.RUNNING


def counts(run: Run) -> dict[str, int]:
    """How many lines are where."""
    lines = run.report(StepName.LINES)
    return dict(lines.counts) if lines else {}


def steps(run: Run) -> tuple[Step, ...]:
    """All seven, in order."""
    return (
        _import(run),
        _as_reported(run, StepName.SETUP),
        _as_reported(run, StepName.CATALOG),
        _lines(run),
        _approve(run),
        _write(run),
        _reconcile(run),
    )


def _as_reported(run: Run, name: StepName) -> Step:
    found = run.report(name)
    if found is None:
        return Step(name, StepState.WAITING)
    return Step(name, found.state, found.done, found.total, found.counts, found.message)


def _import(run: Run) -> Step:
    if not run.documents:
        return Step(StepName.IMPORT, StepState.WAITING)
    lines = sum(document.lines for document in run.documents)
    new = sum(document.new for document in run.documents)
    said = f"{len(run.documents)} documents, {lines} lines"
    return Step(
        StepName.IMPORT,
        StepState.DONE,
        len(run.documents),
        len(run.documents),
        {"lines": lines},
        said if new else f"{said}, all known already",
    )


def _lines(run: Run) -> Step:
    found = _as_reported(run, StepName.LINES)
    if found.state is not StepState.DONE or run.lines_are_there:
        return found
    return Step(StepName.LINES, StepState.RUNNING, found.done, found.total, found.counts, "lines are still arriving")


def _approve(run: Run) -> Step:
    lines = run.report(StepName.LINES)
    ready = lines.count("ready") if lines else 0
    if run.waits_for_approval:
        return Step(
            StepName.APPROVE, StepState.BLOCKED, 0, ready, message=f"{ready} lines are ready and wait for approval"
        )
    if run.approval is not None:
        return Step(StepName.APPROVE, StepState.DONE, message=f"approved by {run.approval.by}")
    if run.is_settled:
        return Step(StepName.APPROVE, StepState.DONE, message="nothing to approve")
    return Step(StepName.APPROVE, StepState.WAITING)


def _write(run: Run) -> Step:
    found = _as_reported(run, StepName.WRITE)
    if run.is_settled and not found.total:
        return Step(StepName.WRITE, StepState.DONE, message="nothing to write")
    return found


def _reconcile(run: Run) -> Step:
    if run.is_settled and run.is_empty:
        return Step(StepName.RECONCILE, StepState.DONE, message="nothing to read back")
    if run.proof is not None:
        return _as_reported(run, StepName.RECONCILE)
    return Step(StepName.RECONCILE, StepState.RUNNING if run.is_settled else StepState.WAITING)
