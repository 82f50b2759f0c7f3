"""`psabridge runs`: how far an import is, what it would write, and its approval."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from console.commands import pausing, show
from console.commands.client import ApiProblem, Client, segment
from console.commands.failing import NO
from console.commands.where import Tenant, open_client

app = typer.Typer(help="How far imports are, and the one approval each needs.", no_args_is_help=True)
app.command()(pausing.pause)
app.command()(pausing.resume)
app.command()(pausing.pauses)
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, which is its import's.")]
Within = Annotated[float, typer.Option(help="Seconds to wait.")]

_NOT_FOUND = 404
_CLOSED = frozenset({"closed", "closed_with_held"})


class Until(StrEnum):
    """What to wait for."""

    APPROVAL = "approval"
    CLOSED = "closed"


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20, *, tenant: Tenant = "", json: show.AsJson = False
) -> None:
    """Runs, newest first."""
    with open_client(tenant) as client:
        found = client.get("/v1/sync-workflow/runs", size=limit)
    if json:
        show.as_json(found)
        return
    show.table(
        "Runs",
        ["!run", "!state", "files", "lines", "begun"],
        [
            (one["run_id"], one["state"], one["files"], one["counts"], show.moment(one["created_at"]))
            for one in found["items"]
        ],
    )


@app.command("show")
def show_run(run: Run, *, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """One run: its documents, its steps and why each stands where it does; how fast it goes; what it corrects."""
    with open_client(tenant) as client:
        found = client.get(run_path(run))
        planned = _plan(client, run) if found["state"] == "needs_approval" else []
        progress = client.get(f"/v1/invoice-push/runs/{segment(run)}/progress")
        corrections = list(client.pages("/v1/invoice-push/corrections", run=run))
    if json:
        show.as_json({**found, "plan": planned, "progress": progress, "corrections": corrections})
        return
    _show(found)
    _show_progress(progress)
    if corrections:
        show_corrections(corrections)
    if planned:
        _show_plan(planned)
        show.say(f"To have this written: psabridge runs approve {run}")


@app.command()
def approve(
    run: Run,
    within: Within = 60,
    *,
    with_credits: Annotated[bool, typer.Option("--credits", help="Also corrections below zero.")] = False,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Have a run's ready lines written, as `runs show` shows them; exit status 1 where none wait."""
    with open_client(tenant) as client:
        if with_credits:
            _let_credits_pass(client, run, within)
        planned = _plan(client, run)
        found = client.post(f"{run_path(run)}/approve")
    if json:
        show.as_json({**found, "plan": planned})
        return
    _show_plan(planned)
    show.say(f"Approved. To follow it: psabridge runs wait {run} --until closed")


@app.command()
def retry(run: Run, *, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """Have a run's failed lines looked at again; what is ready then waits for approval. Conflicts: `lines decide`."""
    with open_client(tenant) as client:
        found = client.post(f"/v1/invoice-push/runs/{segment(run)}/retry")
    if json:
        show.as_json(found)
        return
    show.say(f"{found['lines']} lines are looked at again: psabridge runs show {run}")
    if not found["lines"]:
        raise typer.Exit(NO)


@app.command()
def wait(
    run: Run,
    until: Annotated[Until, typer.Option(help="`approval` ends at closed, too.")] = Until.APPROVAL,
    within: Within = 900,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Wait until a run needs approval or is closed; exit status 1 where it failed, or waits for a person instead."""
    with open_client(tenant) as client:
        found = followed(client, run, until, within)
    if json:
        show.as_json(found)
    else:
        _show(found)
    if found["state"] not in _CLOSED and not (until is Until.APPROVAL and found["state"] == "needs_approval"):
        raise typer.Exit(NO)


def followed(client: Client, run: str, until: Until, within: float) -> dict[str, Any]:
    """Wait for a run and say how it goes on."""
    ends = {*_CLOSED, "failed", "needs_approval"}

    with show.waiting(f"run {run}") as now:

        def reached() -> dict[str, Any] | None:
            # A run is made when its import is sealed, a moment after the import says so.
            found = _or_none(client, run)
            if found is None:
                return None
            now(_progress(found))
            if found["state"] == "needs_approval" and until is Until.CLOSED and _is_approved(found):
                return None
            return found if found["state"] in ends else None

        return client.until(reached, within, f"the end of run {run}")


def _let_credits_pass(client: Client, run: str, within: float) -> None:
    """Have what is below zero wait for approval like everything else."""
    allowed = client.post(f"/v1/invoice-push/runs/{segment(run)}/credits")["corrections"]

    def waits() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(run_path(run))
        return found if found["state"] == "needs_approval" else None

    if allowed:
        client.until(waits, within, f"run {run} to wait for approval")


def run_path(run: str) -> str:
    """Where the API has a run."""
    return f"/v1/sync-workflow/runs/{segment(run)}"


def _or_none(client: Client, run: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get(run_path(run))
    except ApiProblem as problem:
        if problem.status == _NOT_FOUND:
            return None
        raise
    return found


def _plan(client: Client, run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/invoice-push/plan", run=run)["agreements"]
    return found


def _is_approved(found: dict[str, Any]) -> bool:
    return any(step["step"] == "approve" and step["state"] == "done" for step in found["steps"])


def _progress(found: dict[str, Any]) -> str:
    at = next((step for step in found["steps"] if step["state"] not in {"done", "waiting"}), None)
    if at is None:
        return f"run: {found['state']}"
    amount = f" {at['done']} of {at['total']}" if at["total"] else ""
    said = f": {at['message']}" if at["message"] else ""
    return f"{at['step']} {at['state']}{amount}{said}"


def _show(found: dict[str, Any]) -> None:
    show.facts(
        f"Run {found['run_id']}",
        [("state", found["state"]), ("lines", found["counts"]), ("begun", show.moment(found["created_at"]))],
    )
    show.table(
        "Documents",
        ["!document", "currency", ">lines", ">cost", "file", "compared with the invoice"],
        [
            (one["number"], one["currency"], one["lines"], show.money(one["cost_total"]), one["file"], one["tied"])
            for one in found["documents"]
        ],
    )
    show.table(
        "Steps",
        ["!step", "!state", ">done", "lines", "why"],
        [
            (
                one["step"],
                one["state"],
                f"{one['done']}/{one['total']}" if one["total"] else "",
                one["counts"],
                one["message"],
            )
            for one in found["steps"]
        ],
    )


def _show_progress(progress: dict[str, Any]) -> None:
    if not (progress["done"] or progress["left"] or progress["failed"] or progress["waiting"]):
        return
    show.facts(
        "Writing",
        [
            ("done", progress["done"]),
            ("left", progress["left"]),
            ("failed", progress["failed"] or None),
            ("waits for a person", progress["waiting"] or None),
            ("in doubt, settles by itself", progress["ambiguous"] or None),
            ("a minute, lately", progress["per_minute"] or None),
            ("expected end", show.moment(progress["ends_at"]) if progress["ends_at"] else None),
            ("held", progress["held"]),
        ],
    )


def show_corrections(corrections: list[dict[str, Any]]) -> None:
    """What suppliers changed after it was written."""
    show.table(
        "Corrections of what was written before",
        ["line", "!part", ">agreement", "currency", ">cost", ">price", "!state", "why"],
        [
            (
                one["identity"],
                one["component"],
                one["agreement_id"],
                one["currency"],
                show.money(one["cost"]),
                show.money(one["price"]),
                one["state"],
                ": ".join(filter(None, (one["reason"], one["detail"]))),
            )
            for one in corrections
        ],
    )


def _show_plan(planned: list[dict[str, Any]]) -> None:
    show.table(
        "What is written on approval",
        ["agreement", ">id", ">lines", ">corrections", "currency", ">cost", ">price", ">margin"],
        [
            (
                one["agreement_name"],
                one["agreement_id"],
                one["lines"],
                one["corrections"] or "",
                one["currency"],
                show.money(one["cost"]),
                show.money(one["price"]),
                show.money(show.decimal(one["price"]) - show.decimal(one["cost"])),
            )
            for one in planned
        ],
        empty="nothing",
    )
