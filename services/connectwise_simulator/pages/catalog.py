"""The catalog of a site."""

from connectwise_simulator.pages.asked import Asked
from connectwise_simulator.pages.forms import search
from connectwise_simulator.pages.html import html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.paging import page_of, turning
from connectwise_simulator.pages.parts import Column, table
from connectwise_simulator.pages.records import currency_of, holding
from connectwise_simulator.pages.values import money, name, yes
from connectwise_simulator.schema import Record

SECTION = "catalog"


def catalog(asked: Asked) -> View:
    """A page of items, those with a text in identifier, description or vendor's number if one is asked for."""
    items, currency = list(asked.site.tables["catalog"].listed()), currency_of(asked.site)
    page = page_of(holding(items, asked.text("q"), "identifier", "description", "vendorSku"), asked)
    columns: list[Column[Record]] = [
        Column("Id", lambda i: i["id"], is_number=True),
        Column("Identifier", lambda i: i["identifier"]),
        Column("Description", lambda i: i.get("description")),
        Column("Class", lambda i: i.get("productClass")),
        Column("Category", lambda i: name(i.get("category"))),
        Column("Subcategory", lambda i: name(i.get("subcategory"))),
        Column("Vendor SKU", lambda i: i.get("vendorSku")),
        Column("Price", lambda i: money(i.get("price"), currency), is_number=True),
        Column("Cost", lambda i: money(i.get("cost"), currency), is_number=True),
        Column("Inactive", lambda i: yes(i.get("inactiveFlag"))),
    ]
    shown = table(f"Catalog items ({page.total:,})", columns, page.rows)
    box = search(asked, "Identifier, description or vendor SKU")
    return View("Catalog", html(box, shown, turning(page, asked, SECTION)), SECTION)
