"""Companies of a site, and one with its agreements."""

from connectwise_simulator.pages import agreements
from connectwise_simulator.pages.asked import Asked, address
from connectwise_simulator.pages.forms import search
from connectwise_simulator.pages.html import html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.paging import page_of, turning
from connectwise_simulator.pages.parts import Column, facts, link, table
from connectwise_simulator.pages.records import holding, referring
from connectwise_simulator.pages.values import name
from connectwise_simulator.schema import Record

SECTION = "companies"


def companies(asked: Asked) -> View:
    """A page of companies, those with a text in identifier or name if one is asked for."""
    site = asked.site
    found = holding(list(site.tables["companies"].listed()), asked.text("q"), "identifier", "name")
    page = page_of(found, asked)
    columns: list[Column[Record]] = [
        Column("Id", lambda c: c["id"], is_number=True),
        Column("Identifier", lambda c: c["identifier"]),
        Column("Name", lambda c: link(c["name"], address(site, SECTION, c["id"]))),
        Column("Status", lambda c: name(c.get("status"))),
        Column("Types", lambda c: ", ".join(map(name, c.get("types") or ()))),
        Column("City", lambda c: c.get("city")),
        Column("Agreements", lambda c: len(referring(site, "agreements", "company", c["id"])), is_number=True),
    ]
    shown = table(f"Companies ({page.total:,})", columns, page.rows)
    return View("Companies", html(search(asked, "Identifier or name"), shown, turning(page, asked, SECTION)), SECTION)


def company(asked: Asked) -> View:
    """One company."""
    record, site = asked.record("companies", "company"), asked.site
    page = page_of(referring(site, "agreements", "company", record["id"]), asked)
    about = facts(
        {
            "Id": record["id"],
            "Identifier": record["identifier"],
            "Status": name(record.get("status")),
            "Types": ", ".join(map(name, record.get("types") or ())),
            "City": record.get("city"),
            "Currency": name(record.get("currency")),
            "Invoices": link("of this company", address(site, "invoices", company=record["id"])),
        }
    )
    listed = agreements.listed(site, page)
    return View(record["name"], html(about, listed, turning(page, asked, SECTION, record["id"])), SECTION)
