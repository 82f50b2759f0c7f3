"""Which existing catalog item stands for a product (C10): one is adopted, several are a question, never a guess.

An item stands for one product only. One that names no billing plan goes to the product that was wanted first; the
other products of its SKU get items of their own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog_sync.domain.items import other_plans_identifiers, plain_identifier
from contracts.values import BillingPlan

_MARKER = re.compile(r"[A-Z2-7]{32}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item of the site's catalog, as far as it matters here."""

    item_id: int
    identifier: str
    vendor_sku: str = ""
    marker: str = ""
    inactive: bool = False
    taxable: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product that needs an item; `markers` are those of every creation we ever queued for it."""

    product_key: str
    sku: str
    plan: BillingPlan
    identifier: str
    markers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Several:
    """More than one item could stand for the product."""

    by: str
    items: tuple[Candidate, ...]

    @property
    def question(self) -> str:
        """What a person has to decide."""
        listed = ", ".join(f"{item.identifier} (id {item.item_id})" for item in self.items)
        return f"several items have its {self.by}: {listed}; leave one, then check the setup again"


def adopt(wanted: Wanted, candidates: Iterable[Candidate], linked: Mapping[int, str]) -> Candidate | Several | None:
    """The item that stands for the product, or None where one is to be created.

    Looked for by our marker, then vendor SKU, then identifier; the first that finds any decides. `linked` says which
    product an item stands for already.
    """
    free = [one for one in candidates if _is_free(wanted, one, linked)]
    sku, others = wanted.sku.casefold(), other_plans_identifiers(wanted.sku, wanted.plan)
    names = {plain_identifier(wanted.sku).casefold(), wanted.identifier.casefold()}
    found: Sequence[tuple[str, list[Candidate]]] = (
        ("marker", [one for one in free if one.marker in wanted.markers]),
        (
            "vendor SKU",
            [one for one in free if one.vendor_sku.casefold() == sku and one.identifier.casefold() not in others],
        ),
        ("identifier", [one for one in free if one.identifier.casefold() in names]),
    )
    for by, hits in found:
        match hits:
            case []:
                continue
            case [only]:
                return only
            case _:
                return Several(by, tuple(sorted(hits, key=lambda item: item.item_id)))
    return None


def adopt_each(
    wanted: Sequence[Wanted], candidates: Sequence[Candidate], linked: Mapping[int, str]
) -> dict[str, Candidate | Several]:
    """The same for several products by product key, in their order: no item is given away twice."""
    given = dict(linked)
    found: dict[str, Candidate | Several] = {}
    for one in wanted:
        match adopt(one, candidates, given):
            case Candidate() as item:
                given[item.item_id] = one.product_key
                found[one.product_key] = item
            case Several() as several:
                found[one.product_key] = several
            case None:
                pass
    return found


def _is_free(wanted: Wanted, item: Candidate, linked: Mapping[int, str]) -> bool:
    if linked.get(item.item_id, wanted.product_key) != wanted.product_key:
        return False
    # A marker of ours that is not this product's: the item was created for another one.
    return item.marker in wanted.markers or not _MARKER.fullmatch(item.marker)
