"""`psabridge runs` and `psabridge reconcile`: how far an import is, what it would write, whether it holds."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from console.commands import show
from console.commands.client import ApiProblem, Client, segment
from console.commands.failing import NO
from console.commands.where import Tenant, open_client

app = typer.Typer(help="How far imports are, and the one approval each needs.", no_args_is_help=True)
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
    """One run: its documents, its steps and why each stands where it does; what approval would write."""
    with open_client(tenant) as client:
        found = client.get(_path(run))
        planned = _plan(client, run) if found["state"] == "needs_approval" else []
    if json:
        show.as_json({**found, "plan": planned})
        return
    _show(found)
    if planned:
        _show_plan(planned)
        show.say(f"To have this written: psabridge runs approve {run}")


@app.command()
def approve(run: Run, *, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """Have a run's ready lines written, as `runs show` shows them; exit status 1 where none wait."""
    with open_client(tenant) as client:
        planned = _plan(client, run)
        found = client.post(f"{_path(run)}/approve")
    if json:
        show.as_json({**found, "plan": planned})
        return
    _show_plan(planned)
    show.say(f"Approved. To follow it: psabridge runs wait {run} --until closed")


@app.command()
def retry(run: Run, *, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """Have a run's failed lines looked at again; what is ready then waits for approval. Conflicts stay questions."""
    with open_client(tenant) as client:
        found = client.post(f"/v1/invoice-push/runs/{segment(run)}/retry")
    if json:
        show.as_json(found)
        return
    show.say(f"{found['lines']} lines are looked at again: psabridge runs show {run}")
    if not found["lines"]:
        raise typer.Exit(NO)


@app.command()
def resume(
    agreement: Annotated[str | None, typer.Option(help="Only this lane, as `agreement-12`; else all of it.")] = None,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Go on after a revoked key or a missing right was mended; exit status 1 where nothing was paused."""
    with open_client(tenant) as client:
        waiting = client.get("/v1/invoice-push/pauses")["items"]
        found = client.post("/v1/invoice-push/pauses/resume", lane=agreement)
    if json:
        show.as_json({**found, "paused": waiting})
        return
    show.table(
        "Was paused",
        ["what", "why", "since"],
        [(one["lane"] or "everything", one["message"], show.moment(one["paused_at"])) for one in waiting],
        empty="nothing",
    )
    if not found["resumed"]:
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


def reconcile(run: Run, within: Within = 300, *, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """Read ConnectWise back and prove a run: exit status 1 where anything differs or is unexplained."""
    with open_client(tenant) as client:
        before = {one["agreement_id"]: one["read_at"] for one in _read_back(client, run)}
        client.post(f"{_path(run)}/reconcile")

        def reached() -> dict[str, Any] | None:
            found: dict[str, Any] = client.get(_path(run))
            step = next(one for one in found["steps"] if one["step"] == "reconcile")
            again = all(one["read_at"] != before.get(one["agreement_id"]) for one in _read_back(client, run))
            return step if again and step["state"] in {"done", "failed"} else None

        with show.waiting("reading ConnectWise back"):
            step = client.until(reached, within, "the result of reading back")
        agreements = _read_back(client, run)
        documents = client.get("/v1/invoice-push/proof", run=run)["documents"]
    unexplained = [one for one in documents if show.decimal(one["unexplained"])]
    differing = [one for one in agreements if one["differences"]]
    holds = step["state"] == "done" and not unexplained and not differing
    if json:
        show.as_json({"holds": holds, "step": step, "agreements": agreements, "documents": documents})
    else:
        _show_proof(agreements, documents)
        show.say("The proof holds." if holds else f"The proof does not hold. {step['message']}")
    if not holds:
        raise typer.Exit(NO)


def _path(run: str) -> str:
    return f"/v1/sync-workflow/runs/{segment(run)}"


def _or_none(client: Client, run: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get(_path(run))
    except ApiProblem as problem:
        if problem.status == _NOT_FOUND:
            return None
        raise
    return found


def _plan(client: Client, run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/invoice-push/plan", run=run)["agreements"]
    return found


def _read_back(client: Client, run: str) -> list[dict[str, Any]]:
    return list(client.pages("/v1/invoice-push/reconciliations", run=run))


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


def _show_plan(planned: list[dict[str, Any]]) -> None:
    show.table(
        "What is written on approval",
        ["agreement", ">id", ">lines", "currency", ">cost", ">price", ">margin"],
        [
            (
                one["agreement_name"],
                one["agreement_id"],
                one["lines"],
                one["currency"],
                show.money(one["cost"]),
                show.money(one["price"]),
                show.money(show.decimal(one["price"]) - show.decimal(one["cost"])),
            )
            for one in planned
        ],
        empty="nothing",
    )


def _show_proof(agreements: list[dict[str, Any]], documents: list[dict[str, Any]]) -> None:
    show.table(
        "ConnectWise holds",
        ["agreement", ">id", ">additions", ">expected", ">cost", ">price", "differences"],
        [
            (
                one["agreement_name"],
                one["agreement_id"],
                one["additions"],
                one["expected"],
                show.money(one["cost"]),
                show.money(one["price"]),
                len(one["differences"]) or "none",
            )
            for one in agreements
        ],
    )
    for one in agreements:
        for difference in one["differences"]:
            show.say(f"  agreement {one['agreement_id']}: {show.plain(difference)}")
    for document in documents:
        rows = [(row["part"], row["reason"], row["lines"], show.money(row["cost"])) for row in document["rows"]]
        rows.append(("unexplained", "", "", show.money(document["unexplained"])))
        show.table(
            f"Document {document['number']}: supplier's lines {show.money(document['cost'])} {document['currency']}",
            ["part", "why", ">lines", ">cost"],
            rows,
        )
