"""`psabridge import` and `psabridge map`: files in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console.commands import show
from console.commands.client import ApiProblem, Client, segment
from console.commands.failing import NO
from console.commands.where import Tenant, open_client

_IMPORTS = "/v1/billing-intake/imports"
_REFUSAL = (">row", "column", "value", "rule", "what")
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
Within = Annotated[float, typer.Option(help="Seconds to wait until it is read.")]


def import_file(
    file: File,
    expect_total: Annotated[
        list[str] | None,
        typer.Option(help="The supplier's total with tax: NUMBER=AMOUNT, CURRENCY=AMOUNT or AMOUNT; repeatable."),
    ] = None,
    within: Within = 900,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Bring in a reconciliation file, and wait until it is taken in or refused; exit status 1 for refused."""
    with open_client(tenant) as client:
        found = brought_in(client, file, expect_total, within)
        taken = found["state"] == "sealed"
        documents = list(_documents(client, found["import_id"])) if taken else []
    if json:
        show.as_json({"import": found, "documents": documents})
    elif taken:
        _show_sealed(found, documents)
    else:
        _show_refused(file.name, found)
    if not taken:
        raise typer.Exit(NO)


def brought_in(client: Client, file: Path, expect_total: list[str] | None, within: float) -> dict[str, Any]:
    """Send a file and wait until it is sealed or refused."""
    with show.sending(file) as progress:
        received = client.upload(
            _IMPORTS,
            file,
            lambda count: progress.advance(progress.task_ids[0], count),
            file=file.name,
            expect_total=expect_total,
        )
    path = f"{_IMPORTS}/{segment(received['import_id'])}"

    def finished() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(path)
        return None if found["state"] == "received" else found

    with show.waiting(f"reading {file.name}"):
        return client.until(finished, within, f"the end of reading {file.name}")


def map_file(
    file: File,
    within: Annotated[float, typer.Option(help="Seconds to wait until the site's agreements have been read.")] = 120,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Map customers to agreements by a CSV file, all of it or nothing; exit status 1 where a row is refused."""
    with open_client(tenant) as client:
        try:
            found = mapped(client, file, within)
        except ApiProblem as problem:
            if not problem.more.get("refusals"):
                raise
            if json:
                show.as_json({"detail": problem.detail, **problem.more})
            else:
                show.table(f"Refused: {file.name}", _REFUSAL, _refusals(problem.more["refusals"]))
                show.say("Nothing of the file was taken in.")
            raise typer.Exit(NO) from None
    if json:
        show.as_json(found)
        return
    show.say(f"{file.name}: {found['new']} new, {found['changed']} changed, {found['unchanged']} as before")
    for advice in found["advice"]:
        show.say(f"note: {advice}")


def mapped(client: Client, file: Path, within: float) -> dict[str, Any]:
    """Send mappings; right after a connection was made, wait until companies and agreements have been read."""
    with show.waiting(f"mapping by {file.name}") as now:

        def taken() -> dict[str, Any] | None:
            try:
                found: dict[str, Any] = client.upload("/v1/customer-import/mappings/import", file)
            except ApiProblem as problem:
                if problem.code != "not_read":
                    raise
                state = client.get("/v1/customer-import/refresh")
                now(f"reading companies and agreements: {state['blocked'] or state['error'] or state['state']}")
                return None
            return found

        return client.until(taken, within, "the agreements of the site")


def _documents(client: Client, import_id: str) -> list[dict[str, Any]]:
    found = client.pages("/v1/billing-intake/documents")
    return [document for document in found if document["import_id"] == import_id]


def _show_sealed(found: dict[str, Any], documents: list[dict[str, Any]]) -> None:
    show.table(
        f"Import {found['import_id']}: {found['rows']:,} lines",
        ["!document", "currency", ">lines", ">cost", ">tax", ">total", "compared with the invoice"],
        [
            (
                one["number"],
                one["currency"],
                f"{one['lines']:,}",
                show.money(one["cost_total"]),
                show.money(one["tax_total"]),
                _sum(one["cost_total"], one["tax_total"]),
                one["tied"],
            )
            for one in documents
        ],
        empty="no new document, all of it is known already",
    )
    for warning in found.get("warnings", []):
        show.say(f"note: {warning}")
    show.say(f"Its run has the same id: psabridge runs wait {found['import_id']}")


def _show_refused(file: str, found: dict[str, Any]) -> None:
    refusals = found.get("refusals", [])
    show.table(f"Refused: {file}", _REFUSAL, _refusals(refusals))
    show.say("Nothing of the file was taken in; its bytes are kept.")


def _refusals(refusals: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("row", "column", "value", "rule", "message")
    return [tuple(one.get(name) for name in names) for one in refusals]


def _sum(*amounts: Any) -> str:
    return show.money(sum(map(show.decimal, amounts)))
