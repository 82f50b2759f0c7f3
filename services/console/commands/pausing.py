"""`psabridge runs pause`, `resume` and `pauses`: stopping what is sent, and letting it go on."""

from typing import Annotated, Any

import typer

from console.commands import show
from console.commands.failing import NO, UsageProblem
from console.commands.where import Tenant, open_client

_PAUSES = "/v1/invoice-push/pauses"
Run = Annotated[str | None, typer.Argument(metavar="RUN", help="Only this run; without it and --agreement, all of it.")]
Agreement = Annotated[str | None, typer.Option(help="Only this agreement: its id, or its lane as `agreement-12`.")]


def pause(
    run: Run = None,
    agreement: Agreement = None,
    why: Annotated[str, typer.Option(help="Shown to everyone who asks why nothing goes on.")] = "",
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Send nothing more for a run, an agreement or all of it; what is being sent is finished, nothing is lost."""
    scope, name = _named(run, agreement)
    with open_client(tenant) as client:
        found = client.post(_PAUSES, scope=scope or "tenant", name=name, message=why)
    _show(found, json=json)


def resume(run: Run = None, agreement: Agreement = None, *, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """Go on: by default everything, after a revoked key or a missing right too; exit status 1 if nothing was paused."""
    scope, name = _named(run, agreement)
    with open_client(tenant) as client:
        waiting = client.get(_PAUSES)["items"]
        found = client.post(f"{_PAUSES}/resume", scope=scope, name=name)
    if json:
        show.as_json({**found, "paused": waiting})
    else:
        _table("Was paused", waiting)
    if not found["resumed"]:
        raise typer.Exit(NO)


def pauses(*, tenant: Tenant = "", json: show.AsJson = False) -> None:
    """What waits for a person, and why: all of it, agreements and runs."""
    with open_client(tenant) as client:
        found = client.get(_PAUSES)
    _show(found, json=json)


def _named(run: str | None, agreement: str | None) -> tuple[str | None, str | None]:
    if run and agreement:
        raise UsageProblem("Name a run or an agreement, not both.")
    if agreement:
        return "lane", f"agreement-{agreement}" if agreement.isdecimal() else agreement
    return ("run", run) if run else (None, None)


def _show(found: dict[str, Any], *, json: bool) -> None:
    if json:
        show.as_json(found)
    else:
        _table("Paused", found["items"])


def _table(title: str, paused: list[dict[str, Any]]) -> None:
    rows = [(one["scope"], one["name"], one["message"], show.moment(one["paused_at"])) for one in paused]
    show.table(title, ["!what", "name", "why", "since"], rows, empty="nothing")
