"""How often a site was called, by route."""

from collections.abc import Mapping

from connectwise_simulator.pages.asked import Asked
from connectwise_simulator.pages.forms import button, form
from connectwise_simulator.pages.html import element, html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.parts import Column, table

SECTION = "calls"


def calls(asked: Asked) -> View:
    """The counter: API calls only, with `{}` for ids."""
    name = asked.site.company_id.lower()
    counted = [(method, route, n) for (site, method, route), n in sorted(asked.world.calls.items()) if site == name]
    columns: list[Column[tuple[str, str, int]]] = [
        Column("Call", lambda c: f"{c[0]} {c[1]}"),
        Column("Times", lambda c: f"{c[2]:,}", is_number=True),
    ]
    total = sum(n for _, _, n in counted)
    again = form("Begin again", element("p", button("Set the counter to nothing", "do", "forget"))) if counted else None
    return View("Calls", html(table(f"API calls ({total:,})", columns, counted), again), SECTION)


def forget(asked: Asked, _given: Mapping[str, str]) -> None:
    """Count the site's calls anew."""
    for key in [key for key in asked.world.calls if key[0] == asked.site.company_id.lower()]:
        del asked.world.calls[key]
