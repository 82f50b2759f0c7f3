"""Invoices and their lines, those made and those to come."""

from collections.abc import Sequence

from connectwise_simulator.billing import statements
from connectwise_simulator.pages.asked import Asked, Problem, address
from connectwise_simulator.pages.forms import search
from connectwise_simulator.pages.html import Html, element, html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.paging import SIZE, page_of, turning
from connectwise_simulator.pages.parts import Column, facts, link, table
from connectwise_simulator.pages.records import holding, referring
from connectwise_simulator.pages.values import day, money, name, number, span
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site

SECTION = "invoices"


def invoices(asked: Asked) -> View:
    """A page of invoices, the newest first; of one agreement or company if asked for."""
    site = asked.site
    found, only = _found(asked)
    page = page_of(holding(found[::-1], asked.text("q"), "invoiceNumber", "company"), asked)
    columns: list[Column[Record]] = [
        Column("Id", lambda i: i["id"], is_number=True),
        Column("Number", lambda i: link(i["invoiceNumber"], address(site, SECTION, i["id"]))),
        Column("Date", lambda i: day(i.get("date"))),
        Column("Type", lambda i: i["type"]),
        Column("Company", lambda i: link(name(i["company"]), address(site, "companies", i["company"]["id"]))),
        Column("Agreement", lambda i: _agreement(site, i)),
        Column("Status", lambda i: name(i.get("status"))),
        Column("Total", lambda i: money(i.get("total"), i.get("currency")), is_number=True),
    ]
    box = None if only else search(asked, "Number or company")
    shown = table(f"Invoices ({page.total:,})", columns, page.rows)
    return View("Invoices", html(only, box, shown, turning(page, asked, SECTION)), SECTION)


def invoice(asked: Asked) -> View:
    """One invoice with its lines."""
    site = asked.site
    shown = statements.invoice(site, asked.record("invoices", "invoice"))
    page = page_of(shown["lines"], asked)
    body = html(
        facts(
            {
                "Id": shown["id"],
                "Type": shown["type"],
                "Company": link(name(shown["company"]), address(site, "companies", shown["company"]["id"])),
                "Agreement": _agreement(site, shown),
                "Status": name(shown.get("status")),
                "Date": day(shown.get("date")),
                "Due": day(shown.get("dueDate")),
                "Period": _period(shown),
                "Total": money(shown.get("total"), shown.get("currency")),
            }
        ),
        lines(site, page.rows, page.total, shown.get("currency")),
        turning(page, asked, SECTION, shown["id"]),
    )
    return View(f"Invoice {shown['invoiceNumber']}", body, SECTION)


def folded(site: Site, record: Record) -> Html:
    """An invoice in one line that opens to all of it."""
    shown = statements.invoice(site, record)
    total, entries = money(shown.get("total"), shown.get("currency")), shown["lines"]
    summary = element("summary", f"{shown['invoiceNumber']} of ", day(shown.get("date")), f", {total}")
    more = "Open the invoice" if len(entries) <= SIZE else f"All {len(entries):,} lines"
    return element(
        "details",
        summary,
        element("p", "Period ", _period(shown)) if "first" in shown else None,
        lines(site, entries[:SIZE], len(entries), shown.get("currency")),
        element("p", link(more, address(site, SECTION, shown["id"]))),
    )


def lines(site: Site, rows: Sequence[Record], total: int, currency: Record | None) -> Html:
    """A table of lines as `billing.statements` gives them."""
    columns: list[Column[Record]] = [
        Column("Description", lambda x: x.get("description"), is_wordy=True),
        Column("Product", lambda x: (x.get("product") or {}).get("identifier")),
        Column("Agreement", lambda x: link(x["agreementId"], address(site, "agreements", x["agreementId"]))),
        Column("First day", lambda x: day(x["first"])),
        Column("Last day", lambda x: day(x["last"])),
        Column("Days", lambda x: f"{x['days']} of {x['periodDays']}", is_number=True),
        Column("Quantity", lambda x: number(x["quantity"]), is_number=True),
        Column("Unit", lambda x: money(x["unitPrice"], currency), is_number=True),
        Column("Amount", lambda x: money(x["amount"], currency), is_number=True),
        Column("Bill", lambda x: "Credit" if x["creditFlag"] else x["billCustomer"]),
    ]
    return table(f"Lines ({total:,})", columns, rows)


def _found(asked: Asked) -> tuple[Sequence[Record], Html | None]:
    """Invoices, the oldest first, and whose they are where one agreement's or company's are asked for."""
    site = asked.site
    for one, table_name in (("agreement", "agreements"), ("company", "companies")):
        record_id = asked.whole(one)
        if record_id is not None:
            record = site.find(table_name, record_id)
            if record is None:
                raise Problem(404, f"There is no {one} {record_id}.")
            whose = element("p", "Of ", link(record["name"], address(site, table_name, record_id)), ".")
            return referring(site, "invoices", one, record_id), whose
    return list(site.tables["invoices"].listed()), None


def _agreement(site: Site, record: Record) -> Html | None:
    agreement = record.get("agreement")
    return link(name(agreement), address(site, "agreements", agreement["id"])) if agreement else None


def _period(shown: Record) -> Html | None:
    return span(shown["first"], shown["last"]) if "first" in shown else None
