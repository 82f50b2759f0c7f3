"""The records a page lists: found by an index where one answers, otherwise by a text they hold."""

from collections.abc import Sequence

from connectwise_simulator.billing.agreements import first_default
from connectwise_simulator.filters.matching import wanted
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site


def referring(site: Site, table: str, name: str, record_id: int) -> list[Record]:
    """The records that name another one, in the order of their ids."""
    found = site.tables[table]
    return list(
        found.listed(wanted=wanted(found.model, f"{name}/id = {record_id}"))
    )  # one condition: no other to judge


def holding(records: Sequence[Record], text: str, *names: str) -> Sequence[Record]:
    """Those with a text, in any case, in one of some members or in the name a reference shows."""
    text = text.lower()
    return [record for record in records if any(text in _text(record.get(name)) for name in names)] if text else records


def currency_of(site: Site) -> Record | None:
    """The site's own currency: what prices are in that belong to no agreement."""
    return first_default(site, "currencies", "CurrencyReference")


def _text(value: object) -> str:
    shown = value.get("name", "") if isinstance(value, dict) else value
    return "" if shown is None else str(shown).lower()
