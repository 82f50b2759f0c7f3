"""Invented companies, catalog items and agreements for a site as large as one likes.

The same numbers, seed and day give the same records: everything is drawn from one generator, in one order.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from connectwise_simulator.billing.periods import months_later, period_of
from connectwise_simulator.scenarios.scenario import AdditionSpec, AgreementSpec, CatalogSpec, CompanySpec, GenerateSpec

_PLACES = ("Alder", "Birch", "Cedar", "Copper", "Fennel", "Granite", "Harbor", "Juniper", "Lantern", "Maple", "Osprey")
_TRADES = ("Bakery", "Books", "Brewing", "Dental", "Design", "Freight", "Legal", "Marine", "Optics", "Realty", "Tools")
_FORMS = ("Co.", "Group", "Ltd.", "Partners", "Works")
_GOODS = ("Mailbox", "Backup", "Endpoint watch", "Firewall care", "Office suite", "Phone line", "Server care")
_INACTIVE_EVERY, _BUNDLE_EVERY = 50, 75
_LONG_LISTS = 1.3  # the smaller, the more additions gather on few agreements


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of agreement, how often it comes, and its billing."""

    share: int
    name: str
    type: str
    cycle: str = "Monthly"
    option: str = "Monthly"  # of the cycle
    base: str = "CalendarYear"
    more: dict[str, Any] = field(default_factory=dict)


_KINDS = (
    _Kind(34, "Managed Services", "Managed Services", more={"prorate": True}),
    _Kind(26, "Cloud", "Cloud Subscriptions", more={"period_type": "Future"}),
    _Kind(14, "One-Time", "One-Time Purchases", "One-Time", "NotRecurring", more={"one_time": True}),
    _Kind(8, "Care by Quarter", "Managed Services", "Quarterly", "Quarterly"),
    _Kind(8, "Licenses by Year", "Cloud Subscriptions", "Yearly", "Yearly", "ContractYear"),
    _Kind(4, "Cloud by Contract", "Cloud Subscriptions", base="ContractYear", more={"prorate": True}),
    _Kind(6, "Old Services", "Managed Services"),  # half of them cancelled, half expired
)
_OLD = _KINDS[-1]


class Generated:
    """The records, in the order in which they refer to each other."""

    def __init__(self, spec: GenerateSpec, today: date) -> None:
        self._spec = spec
        self._today = today
        self._random = random.Random(spec.seed)  # noqa: S311 - repeatable on purpose

    def companies(self) -> Iterator[CompanySpec]:
        """Identifiers `C00001` and on."""
        for number in range(1, self._spec.companies + 1):
            name = f"{self._one(_PLACES)} {self._one(_TRADES)} {self._one(_FORMS)} {number}"
            yield CompanySpec(identifier=f"C{number:05}", name=name, types=["Client"])

    def catalog(self) -> Iterator[CatalogSpec]:
        """Identifiers `SKU-0001` and on; one in fifty is inactive, one in seventy-five a bundle."""
        for number in range(1, self._spec.catalog + 1):
            price = Decimal(self._random.randrange(100, 30_000)).scaleb(-2)
            yield CatalogSpec(
                identifier=f"SKU-{number:04}",
                description=f"{self._one(_GOODS)} {number}",
                price=price,
                cost=price * self._random.randrange(60, 95) / 100,
                product_class="Bundle" if number % _BUNDLE_EVERY == 0 else "NonInventory",
                inactive=number % _INACTIVE_EVERY == 0,
                vendor_sku=f"V{number:07}",
            )

    def agreements(self) -> Iterator[AgreementSpec]:
        """Every company's first agreement, then second ones and so on, with their additions."""
        for number, additions in enumerate(self._sizes()):
            company = number % self._spec.companies + 1
            [kind] = self._random.choices(_KINDS, [kind.share for kind in _KINDS])
            began = months_later(self._today.replace(day=1), -self._random.randrange(2, 60))
            if kind.base == "ContractYear":
                began += timedelta(days=self._random.randrange(28))
            period = period_of(self._today, kind.option, kind.base, began)
            dates = {"bill_start": began, "next_invoice_date": period.last + timedelta(days=1) if period else None}
            last = self._today
            if kind is _OLD:
                last = months_later(began, 1) - timedelta(days=1)
                dates |= {self._one(("cancelled", "end")): last, "next_invoice_date": last + timedelta(days=1)}
            yield AgreementSpec(
                name=f"{kind.name} {number + 1}",
                company=f"C{company:05}",
                type=kind.type,
                billing_cycle=kind.cycle,
                invoicing_cycle=kind.base,
                additions=[self._addition(began, last) for _ in range(additions)],
                **kind.more,
                **dates,
            )

    def _sizes(self) -> list[int]:
        """How many additions each agreement has: few for most, hundreds for some."""
        weights = [int(100 * self._random.paretovariate(_LONG_LISTS)) for _ in range(self._spec.agreements)]
        ends, whole, reached = [0], sum(weights), 0
        for weight in weights:
            reached += weight
            ends.append(self._spec.additions * reached // whole)
        return [end - start for start, end in pairwise(ends)]

    def _addition(self, began: date, last: date) -> AdditionSpec:
        number = self._random.randrange(1, self._spec.catalog + 1)
        while number > 1 and (number % _INACTIVE_EVERY == 0 or number % _BUNDLE_EVERY == 0):
            number -= 1
        effective = began + timedelta(days=self._random.randrange((last - began).days + 1))
        return AdditionSpec(product=f"SKU-{number:04}", quantity=self._random.randrange(1, 60), effective=effective)

    def _one(self, words: tuple[str, ...]) -> str:
        return words[self._random.randrange(len(words))]
