"""`psabridge lines`: where each line is, and one line's whole story."""

from itertools import islice
from typing import Annotated, Any

import typer

from console.commands import runs, show
from console.commands.client import ApiProblem, Client, segment
from console.commands.failing import UsageProblem
from console.commands.where import Tenant, open_client

app = typer.Typer(help="Where each line is, and why.", no_args_is_help=True)
_LINES = "/v1/invoice-push/lines"
Line = Annotated[str, typer.Argument(metavar="LINE", help="Its number in `lines list`, or its identity.")]


@app.command("list")
def list_lines(
    run: Annotated[str | None, typer.Option(help="Only of this run.")] = None,
    state: Annotated[str | None, typer.Option(help="received, held, ready, queued, synced, ignored or failed.")] = None,
    customer: Annotated[str | None, typer.Option(help="A customer's key or part of its name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most lines to show.")] = 100,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Lines in the order in which they came."""
    with open_client(tenant) as client:
        size = min(limit + 1, 500)
        asked = client.pages(_LINES, run=run, state=state, customer=customer, size=size)
        found = list(islice(asked, limit + 1))
    shown, more = found[:limit], len(found) > limit
    if json:
        show.as_json({"items": shown, "more": more})
        return
    show.table(
        "Lines",
        [">#", "customer", "product", "charge", "!from", ">quantity", ">cost", "!state", "why"],
        [
            (
                one["position"],
                one["customer_name"],
                one["product_name"],
                one["raw_kind"],
                one["period_start"],
                _number(one["quantity"]),
                f"{show.money(one['source_cost'])} {one['currency']}",
                one["state"],
                one["reason"],
            )
            for one in shown
        ],
    )
    if more:
        show.say(f"There are more than {limit}: --limit shows them.")
    if shown:
        show.say("One line's story: psabridge lines show NUMBER")


@app.command("show")
def show_line(
    line: Line,
    *,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """One line: what was charged, where it went and why, and every request that was made for it."""
    with open_client(tenant) as client:
        found = client.get(f"{_LINES}/{segment(_identity(client, line))}")
    if json:
        show.as_json(found)
        return
    charged = found["line"]
    _show_charge(charged)
    show.facts(
        "What became of it",
        [
            ("state", charged["state"]),
            ("why", charged["reason"]),
            ("in detail", charged["detail"]),
            ("what would free it", found["remedy"]),
            ("agreement", charged["agreement_id"]),
            ("addition", charged["addition_id"]),
            ("changed since by run", charged["amended_by"]),
            ("written cost", show.money(charged["written_cost"]) if charged["addition_id"] else None),
            ("written price", show.money(charged["written_price"]) if charged["addition_id"] else None),
        ],
    )
    if charged["draft"]:
        show.facts("As it is written", [(name, value) for name, value in charged["draft"].items()])
    _show_calls(found)
    for one in found["corrections"]:
        runs.show_corrections([one["correction"]])
        if one["remedy"]:
            show.say(f"What would free it: {one['remedy']}")
        _show_calls(one)
    if _conflicts(found):
        show.say(
            f"ConnectWise says otherwise, and a person decides: psabridge lines decide {charged['position']} --help"
        )


@app.command()
def decide(
    line: Line,
    adopt: Annotated[int | None, typer.Option(min=1, metavar="ADDITION", help="This addition is there for it.")] = None,
    *,
    not_there: Annotated[bool, typer.Option("--not-there", help="No addition is there for it: try again.")] = False,
    tenant: Tenant = "",
    json: show.AsJson = False,
) -> None:
    """Decide a line's conflict. What is tried again is read before it is written: a marker that is there ends it again.

    An addition is adopted as it is; `reconcile` goes on telling how it differs. Exit status 1 where it may not be.
    """
    if (adopt is None) != not_there:
        raise UsageProblem("Say --adopt ADDITION or --not-there.")
    with open_client(tenant) as client:
        keys = _conflicts(client.get(f"{_LINES}/{segment(_identity(client, line))}"))
        if not keys:
            raise ApiProblem(409, "not_in_conflict", "Nothing of this line is in conflict.")
        decision = "adopt" if adopt is not None else "try_again"
        found = client.post("/v1/invoice-push/operations/decide", key=keys[0], decision=decision, addition_id=adopt)
    if json:
        show.as_json(found)
    elif adopt is None:
        show.say(f"It is looked for again, and written where it is not there: psabridge lines show {line}")
    else:
        show.say(f"Addition {adopt} is this line's." + (f" It says {found['message']}." if found["message"] else ""))


def _conflicts(story: dict[str, Any]) -> list[str]:
    """The operations of a line and its corrections that wait for a person's decision: one at most."""
    operations = [one["operation"] for one in (story, *story["corrections"])]
    return [one["key"] for one in operations if one and one["state"] == "conflict"]


def _show_calls(made: dict[str, Any]) -> None:
    operation, attempts, decisions = made["operation"], made["attempts"], made["decisions"]
    if operation:
        show.facts(
            "Operation",
            [
                ("key", operation["key"]),
                ("state", operation["state"]),
                ("marker", operation["marker"]),
                ("why", " ".join(filter(None, (operation["reason"], operation["message"])))),
            ],
        )
    if attempts:
        show.table(
            "Requests",
            [">#", "at", "outcome", ">status", ">seconds", "request id", "what"],
            [
                (
                    one["number"],
                    show.moment(one["at"]),
                    one["outcome"],
                    one["status"],
                    one["seconds"],
                    one["request_id"],
                    " ".join(filter(None, (one["code"], one["message"]))),
                )
                for one in attempts
            ],
        )
    if decisions:
        show.table(
            "Decisions",
            ["at", "who", "what", ">addition"],
            [(show.moment(one["at"]), one["by"], one["decision"], one["remote_id"]) for one in decisions],
        )


def _identity(client: Client, line: str) -> str:
    if not line.isdecimal():
        return line
    number = int(line)
    page = client.get(_LINES, after=str(number - 1), size=1)["items"] if number else []
    if not page or page[0]["position"] != number:
        raise UsageProblem(f"There is no line {number}.")
    return str(page[0]["identity"])


def _show_charge(line: dict[str, Any]) -> None:
    show.facts(
        f"Line {line['position']}",
        [
            ("identity", line["identity"]),
            ("from", f"{line['file']} row {line['row']}"),
            ("run", line["run_id"]),
            ("customer", line["customer_name"]),
            ("product", line["product_name"]),
            ("subscription", line["subscription_id"]),
            ("charge", line["raw_kind"]),
            ("motion", line["motion"]),
            ("period", _period(line)),
            ("quantity", _number(line["quantity"])),
            ("unit price", f"{show.money(line['list_unit'])} list, {show.money(line['effective_unit'])} effective"),
            ("cost", f"{show.money(line['source_cost'])} {line['currency']}"),
            ("tax", f"{show.money(line['tax'])} {line['currency']}"),
        ],
    )


def _period(line: dict[str, Any]) -> str:
    return f"{line['period_start']} to {line['period_end']}" if line["period_start"] else ""


def _number(amount: Any) -> str:
    return f"{show.decimal(amount).normalize():f}"
