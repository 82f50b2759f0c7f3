"""`psabridge reconcile`: what ConnectWise holds, beside what was written and what the suppliers charged."""

from typing import Annotated, Any

import typer

from console.commands import show
from console.commands.client import ApiProblem, Client
from console.commands.failing import NO
from console.commands.runs import run_path
from console.commands.where import Tenant, open_client

_RECONCILIATIONS = "/v1/invoice-push/reconciliations"
_NOT_FOUND = 404


def reconcile(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="The run's id; without one, all that was ever written.")
    ] = None,
    within: Annotated[float, typer.Option(help="Seconds to wait.")] = 300,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Read ConnectWise back and prove a run, or all: exit status 1 where anything differs or is unexplained."""
    with open_client(tenant) as client:
        found = _prove_run(client, run, within) if run else _compare_all(client, within)
    if json:
        show.as_json(found)
    else:
        _show_proof(found["agreements"], found.get("documents", []))
        said = f" {found['step']['message']}" if run else ""
        show.say("The proof holds." if found["holds"] else f"The proof does not hold.{said}")
    if not found["holds"]:
        raise typer.Exit(NO)


def _prove_run(client: Client, run: str, within: float) -> dict[str, Any]:
    before = {one["agreement_id"]: one["read_at"] for one in _read_back(client, run)}
    client.post(f"{run_path(run)}/reconcile")

    def reached() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(run_path(run))
        step = next(one for one in found["steps"] if one["step"] == "reconcile")
        again = all(one["read_at"] != before.get(one["agreement_id"]) for one in _read_back(client, run))
        return step if again and step["state"] in {"done", "failed"} else None

    with show.waiting("reading ConnectWise back"):
        step = client.until(reached, within, "the result of reading back")
    agreements = _read_back(client, run)
    documents = _documents(client, run)
    unexplained = [one for one in documents if show.decimal(one["unexplained"])]
    holds = step["state"] == "done" and not unexplained and not _differing(agreements)
    return {"holds": holds, "step": step, "agreements": agreements, "documents": documents}


def _documents(client: Client, run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = client.get("/v1/invoice-push/proof", run=run, after=after)
        found += page["documents"]
        after = page["next"]
    return found


def _compare_all(client: Client, within: float) -> dict[str, Any]:
    asked_at = show.seconds(client.post(_RECONCILIATIONS)["asked_at"])

    def reached() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = client.get(f"{_RECONCILIATIONS}/last")
        except ApiProblem as problem:
            if problem.status == _NOT_FOUND:
                return None
            raise
        return found if show.seconds(found["began_at"]) >= asked_at else None

    with show.waiting("reading ConnectWise back"):
        client.until(reached, within, "the result of reading back")
    agreements = _read_back(client, "")
    return {"holds": not _differing(agreements), "agreements": agreements}


def _read_back(client: Client, run: str) -> list[dict[str, Any]]:
    return list(client.pages(_RECONCILIATIONS, run=run))


def _differing(agreements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in agreements if one["differences"]]


def _said(difference: dict[str, Any]) -> str:
    """What differs, then what to do, with the operations that would do it."""
    addition = f"addition {difference['remote_id']} " if difference["remote_id"] else ""
    todo = "; ".join(_operation(one) for one in difference["operations"])
    told = f"{addition}{difference['kind']}: {difference['detail']}; {difference['proposal']}"
    return f"{told} ({todo})" if todo else told


def _operation(proposed: dict[str, Any]) -> str:
    where = f"on agreement {proposed['agreement_id']}"
    match proposed["kind"]:
        case "create":
            return f"create {', '.join(f'{name} {value}' for name, value in proposed['addition'].items())} {where}"
        case "patch":
            changes = ", ".join(f"{one['member']} {one['from']} -> {one['to']}" for one in proposed["changes"])
            return f"patch addition {proposed['addition_id']} {where}: {changes}"
        case kind:
            return f"{kind} addition {proposed['addition_id']} {where}"


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
            show.say(f"  agreement {one['agreement_id']}: {show.plain(_said(difference))}")
    for document in documents:
        rows = [(row["part"], row["reason"], row["lines"], show.money(row["cost"])) for row in document["rows"]]
        rows.append(("unexplained", "", "", show.money(document["unexplained"])))
        show.table(
            f"Document {document['number']}: supplier's lines {show.money(document['cost'])} {document['currency']}",
            ["part", "why", ">lines", ">cost"],
            rows,
        )
