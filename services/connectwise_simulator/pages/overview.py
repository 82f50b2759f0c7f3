"""The sites of this simulator."""

from collections.abc import Callable

from connectwise_simulator.pages.asked import address
from connectwise_simulator.pages.html import html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.parts import Column, link, table
from connectwise_simulator.pages.values import day
from connectwise_simulator.records import members
from connectwise_simulator.site import Site
from connectwise_simulator.world import World

COUNTED = ("companies", "agreements", "additions", "catalog", "invoices")


def overview(world: World) -> View:
    """Every site in a row. Of keys only the public half is shown."""
    columns: list[Column[Site]] = [
        Column("Company id", lambda s: link(s.company_id, address(s, "companies"))),
        Column("Name", lambda s: s.name),
        Column("Today", lambda s: day(str(s.clock.today()))),
        Column("Time zone", lambda s: s.clock.zone.key),
        *[Column(name.capitalize(), _counter(name), is_number=True) for name in COUNTED],
        Column("Public keys", _keys),
    ]
    return View("Sites", html(table("Sites", columns, list(world.sites.values()))))


def _counter(table_name: str) -> Callable[[Site], str]:
    return lambda site: f"{len(site.tables[table_name]):,}"


def _keys(site: Site) -> str:
    return ", ".join(
        f"{key.public} ({'revoked' if key.revoked else members.role_of(site, key).name})" for key in site.keys.values()
    )
