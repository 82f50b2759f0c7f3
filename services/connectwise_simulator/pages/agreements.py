"""Agreements; one with its additions, what it has invoiced and what it will."""

from connectwise_simulator.billing import statements
from connectwise_simulator.pages import invoices
from connectwise_simulator.pages.asked import Asked, address
from connectwise_simulator.pages.forms import search
from connectwise_simulator.pages.html import Html, element, html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.paging import SIZE, Page, page_of, turning
from connectwise_simulator.pages.parts import Column, facts, link, table
from connectwise_simulator.pages.records import holding, referring
from connectwise_simulator.pages.values import day, money, name, number, span, yes
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site

SECTION = "agreements"
NEWEST = 12  # invoices shown with their lines: a year


def agreements(asked: Asked) -> View:
    """A page of agreements, those with a text in their name or their company's if one is asked for."""
    found = holding(list(asked.site.tables["agreements"].listed()), asked.text("q"), "name", "company")
    page = page_of(found, asked)
    body = html(search(asked, "Name or company"), listed(asked.site, page), turning(page, asked, SECTION))
    return View("Agreements", body, SECTION)


def listed(site: Site, page: Page[Record]) -> Html:
    """A table of agreements."""
    additions = site.tables["additions"]
    columns: list[Column[Record]] = [
        Column("Id", lambda a: a["id"], is_number=True),
        Column("Name", lambda a: link(a["name"], address(site, SECTION, a["id"]))),
        Column("Company", lambda a: name(a["company"])),
        Column("Type", lambda a: name(a["type"])),
        Column("Status", lambda a: a.get("agreementStatus")),
        Column("Billing cycle", lambda a: name(a.get("billingCycle"))),
        Column("Next invoice", lambda a: day(a.get("nextInvoiceDate"))),
        Column("Additions", lambda a: additions.number_of(a["id"]), is_number=True),
    ]
    return table(f"Agreements ({page.total:,})", columns, page.rows)


def agreement(asked: Asked) -> View:
    """One agreement."""
    record, site = asked.record("agreements", "agreement"), asked.site
    page = page_of(site.tables["additions"].children(record["id"]), asked)
    body = html(
        _about(site, record),
        _additions(record, page),
        turning(page, asked, SECTION, record["id"]),
        element("h2", "Next invoice"),
        _next(site, record, statements.upcoming(site, record)),
        element("h2", "Invoices"),
        _made(site, record),
    )
    return View(record["name"], body, SECTION)


def next_invoice(asked: Asked) -> View:
    """All lines of the next invoice, page by page."""
    record, site = asked.record("agreements", "agreement"), asked.site
    draft = statements.upcoming(site, record)
    page = page_of(draft.get("lines", ()), asked)
    body = html(
        facts({"Agreement": link(record["name"], address(site, SECTION, record["id"]))}),
        _outlook(draft, record),
        invoices.lines(site, page.rows, page.total, record.get("currency")),
        turning(page, asked, SECTION, record["id"], "next-invoice"),
    )
    return View("Next invoice", body, SECTION)


def _about(site: Site, record: Record) -> Html:
    parent = record.get("parentAgreement")
    return facts(
        {
            "Id": record["id"],
            "Company": link(name(record["company"]), address(site, "companies", record["company"]["id"])),
            "Type": name(record["type"]),
            "Status": record.get("agreementStatus"),
            "Parent": link(name(parent), address(site, SECTION, parent["id"])) if parent else None,
            "Billing cycle": name(record.get("billingCycle")),
            "Period": record.get("periodType"),
            "Prorates": yes(record.get("prorateFlag")),
            "One time": yes(record.get("billOneTimeFlag")),
            "Billed from": day(record.get("billStartDate")),
            "Ends": day(record.get("endDate")),
            "Cancelled": day(record.get("dateCancelled")),
            "Next invoice date": day(record.get("nextInvoiceDate")),
            "Own amount": money(record.get("billAmount"), record.get("currency")),
        }
    )


def _additions(record: Record, page: Page[Record]) -> Html:
    currency = record.get("currency")
    columns: list[Column[Record]] = [
        Column("Id", lambda a: a["id"], is_number=True),
        Column("Product", _product, is_wordy=True),
        Column("Status", lambda a: a.get("additionStatus")),
        Column("Quantity", lambda a: number(a.get("quantity")), is_number=True),
        Column("Included", lambda a: number(a.get("lessIncluded")), is_number=True),
        Column("Price", lambda a: money(a.get("unitPrice"), currency), is_number=True),
        Column("Cost", lambda a: money(a.get("unitCost"), currency), is_number=True),
        Column("Amount", lambda a: money(a.get("extPrice"), currency), is_number=True),
        Column("Effective", lambda a: day(a.get("effectiveDate"))),
        Column("Cancelled", lambda a: day(a.get("cancelledDate"))),
        Column("Bill", lambda a: a["billCustomer"]),
        Column("Serial number", lambda a: a.get("serialNumber")),
    ]
    return table(f"Additions ({page.total:,})", columns, page.rows)


def _product(addition: Record) -> Html:
    return html(addition["product"].get("identifier"), " ", element("small", addition.get("description")))


def _next(site: Site, record: Record, draft: Record) -> Html:
    lines = draft.get("lines", ())
    everything = address(site, SECTION, record["id"], "next-invoice")
    return html(
        _outlook(draft, record),
        invoices.lines(site, lines[:SIZE], len(lines), record.get("currency")) if "lines" in draft else None,
        element("p", link(f"All {len(lines):,} lines", everything)) if len(lines) > SIZE else None,
    )


def _outlook(draft: Record, record: Record) -> Html:
    currency = record.get("currency")
    shown = facts(
        {
            "Due": day(draft.get("due")),
            "Period": span(draft["first"], draft["last"]) if "first" in draft else None,
            "Total": money(draft.get("total"), currency),
            "Can be made now": money(draft.get("due_total"), currency) if draft.get("is_due") else None,
        }
    )
    return html(shown, element("p", draft["refused"]) if "refused" in draft else None)


def _made(site: Site, record: Record) -> Html:
    made = referring(site, "invoices", "agreement", record["id"])[::-1]
    if not made:
        return element("p", "None yet.")
    everything = address(site, "invoices", agreement=record["id"])
    shown = [invoices.folded(site, invoice) for invoice in made[:NEWEST]]
    return html(*shown, element("p", link(f"All {len(made):,} invoices", everything)) if len(made) > NEWEST else None)
