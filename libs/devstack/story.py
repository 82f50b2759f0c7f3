"""What the demo tells: what will be written, what one customer pays and why, the bridge, what is held."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rich.text import Text

from console.commands import show
from console.commands.client import Client, segment

_PUSH = "/v1/invoice-push"
_SHOWN_CUSTOMER = "Alder & Finch"


def plan(client: Client, run: str) -> None:
    """What approval would write, by agreement and in all."""
    planned = client.get(f"{_PUSH}/plan", run=run)["agreements"]
    companies = {one["company_id"]: one["name"] for one in client.pages("/v1/customer-import/companies")}
    _heading("What will be written to ConnectWise")
    show.table(
        "",
        ["company", "agreement", ">additions", ">cost", ">price", ">margin", ""],
        [
            (
                companies.get(one["company_id"], ""),
                one["agreement_name"],
                one["lines"],
                show.money(one["cost"]),
                show.money(one["price"]),
                show.money(show.decimal(one["price"]) - show.decimal(one["cost"])),
                one["currency"],
            )
            for one in planned
        ],
    )


def tell(client: Client, run: str) -> bool:
    """Everything a finance person asks about; whether every figure is explained and as written."""
    proof = client.get(f"{_PUSH}/proof", run=run)["documents"]
    lines = [line for document in proof for line in client.pages(f"{_PUSH}/lines", document=document["document_id"])]
    _customer(lines)
    for document in proof:
        _bridge(document)
    explained = bool(proof) and all(show.decimal(document["unexplained"]) == 0 for document in proof)
    held = _held_by_connectwise(client, run)
    _held(client, lines)
    return explained and held


def setup(found: Mapping[str, Any]) -> None:
    """The checks that did not pass, and what to do about them."""
    show.table(
        "Setup",
        ["check", "state", "where", "what to do"],
        [
            (one["title"], one["state"], one["screen"], one["fix"])
            for one in found["findings"]
            if one["state"] != "passed"
        ],
    )


def where_it_runs(urls: Mapping[str, str]) -> None:
    """What is running, and how to look at it and stop it."""
    _heading("Running")
    show.facts("", urls.items())
    show.say("Look further: .venv/bin/psabridge --tenant demo runs list | lines list | status")
    show.say("Stop it: make down    Start over from nothing: make reset")


def _heading(text: str) -> None:
    console = show.out()
    console.print()
    console.print(Text(show.plain(text), style="bold"))


def _customer(lines: list[dict[str, Any]]) -> None:
    shown = sorted((line for line in lines if _SHOWN_CUSTOMER in line["customer_name"]), key=lambda line: line["row"])
    total_cost, total_price = Decimal(0), Decimal(0)
    rows: list[tuple[Any, ...]] = []
    for line in shown:
        cost, price = show.decimal(line["source_cost"]), show.decimal(line["written_price"])
        written = line["state"] in ("synced", "queued")
        if written:
            total_cost, total_price = total_cost + cost, total_price + price
        draft = line["draft"] or {}
        rows.append(
            (
                line["row"],
                line["product_name"][:34],
                line["raw_kind"],
                f"{draft['quantity']} x {show.money(draft['unit_price'])}" if written else "",
                show.money(cost),
                show.money(price) if written else "",
                show.money(price - cost) if written else "",
                line["state"],
                f"addition {line['addition_id']}" if line["addition_id"] else line["reason"],
            )
        )
    rows.append(
        ("", "written in all", "", "", *map(show.money, (total_cost, total_price, total_price - total_cost)), "", "")
    )
    name = shown[0]["customer_name"] if shown else _SHOWN_CUSTOMER
    _heading(f"One customer: {name}, {shown[0]['currency'] if shown else ''}")
    show.table(
        "",
        [">row", "product", "charge", ">quantity x price", ">cost", ">price", ">margin", "state", "where or why"],
        rows,
    )


def _bridge(document: dict[str, Any]) -> None:
    rows: list[tuple[Any, ...]] = [
        (f"= {row['part']}" if at == 0 else f"+ {row['part']}", row["reason"], row["lines"], show.money(row["cost"]))
        for at, row in enumerate(document["rows"])
    ]
    rows.append(("unexplained", "", "", show.money(document["unexplained"])))
    tied = "compared with the invoice" if document["tied"] else "not compared with the invoice"
    _heading(
        f"Document {document['number']}: supplier's lines {show.money(document['cost'])} {document['currency']}"
        f" and {show.money(document['tax'])} tax ({tied})"
    )
    show.table(
        "",
        ["part", "why", ">lines", ">cost"],
        rows,
    )


def _held_by_connectwise(client: Client, run: str) -> bool:
    read = list(client.pages(f"{_PUSH}/reconciliations", run=run))
    companies = {one["company_id"]: one["name"] for one in client.pages("/v1/customer-import/companies")}
    _heading("Read back from ConnectWise: what it holds of ours")
    show.table(
        "",
        ["company", "agreement", ">additions", ">cost", ">price", "differences"],
        [
            (
                companies.get(one["company_id"], ""),
                one["agreement_name"],
                one["additions"],
                show.money(one["cost"]),
                show.money(one["price"]),
                _counted([difference["detail"] for difference in one["differences"]]) or "none",
            )
            for one in read
        ],
        empty="no agreement was written to",
    )
    return all(
        not one["differences"]
        and (one["additions"], one["cost"], one["price"])
        == (one["expected"], one["expected_cost"], one["expected_price"])
        for one in read
    )


def _counted(sentences: list[str]) -> str:
    return "; ".join(f"{times} x {said}" if times > 1 else said for said, times in Counter(sentences).items())


def _held(client: Client, lines: list[dict[str, Any]]) -> None:
    by_reason: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if line["state"] in ("held", "failed"):
            by_reason[line["reason"], line["customer_name"]].append(line)
    rows = []
    for (reason, customer), held in sorted(by_reason.items()):
        remedy = client.get(f"{_PUSH}/lines/{segment(held[0]['identity'])}")["remedy"]
        cost = sum((show.decimal(line["source_cost"]) for line in held), Decimal(0))
        rows.append((reason, customer, len(held), show.money(cost), held[0]["currency"], remedy or held[0]["detail"]))
    _heading("Held, and what would free it")
    show.table("", ["why", "customer", ">lines", ">cost", "", "what frees it"], rows)
