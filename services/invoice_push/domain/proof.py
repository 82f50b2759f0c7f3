"""The proof (B3): what the supplier charged = pushed + held + ignored, by reason, unexplained 0.00."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Part = Literal["pushed", "ready", "held", "ignored", "failed"]


@dataclass(frozen=True, slots=True)
class Summed:
    """Lines of one document in one state for one reason, added up."""

    document_id: str
    state: str
    reason: str
    lines: int
    cost: Decimal
    written_cost: Decimal
    written_price: Decimal


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the bridge."""

    part: Part
    reason: str
    lines: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Bridge:
    """A document's lines, explained. `tax` is the supplier's and never an addition (B16)."""

    document_id: str
    number: str
    currency: str
    tied: bool
    cost: Decimal
    tax: Decimal
    rows: tuple[Row, ...]
    price: Decimal

    @property
    def unexplained(self) -> Decimal:
        """What no row accounts for; anything but zero is a defect."""
        return self.cost - sum((row.cost for row in self.rows), Decimal(0))


@dataclass(frozen=True, slots=True)
class Document:
    """A document's own totals."""

    document_id: str
    number: str
    currency: str
    tied: bool
    cost_total: Decimal
    tax_total: Decimal


_PARTS: Mapping[str, Part] = {
    "synced": "pushed",
    "queued": "ready",
    "ready": "ready",
    "received": "held",
    "held": "held",
    "ignored": "ignored",
    "failed": "failed",
}
_HALF_A_CENT = Decimal("0.005")
_REASONS = {"received": "not looked at yet", "queued": "being written", "ready": "waiting for approval"}


def bridge(document: Document, sums: Iterable[Summed]) -> Bridge:
    """The document's bridge. What a supplier changed after it was written is held as a difference."""
    rows: dict[tuple[Part, str], Row] = {}
    price = Decimal(0)

    def add(part: Part, reason: str, lines: int, cost: Decimal) -> None:
        known = rows.get((part, reason), Row(part, reason, 0, Decimal(0)))
        rows[part, reason] = Row(part, reason, known.lines + lines, known.cost + cost)

    for summed in sums:
        part, reason = _PARTS[summed.state], summed.reason or _REASONS.get(summed.state, "")
        if summed.state in ("synced", "queued"):
            add(part, _REASONS.get(summed.state, ""), summed.lines, summed.written_cost)
            price += summed.written_price
            difference = summed.cost - summed.written_cost
            if abs(difference) > _HALF_A_CENT * summed.lines:
                add("held", "amended after it was written", 0, difference)
            elif difference:
                add(part, "rounding to cents", 0, difference)
        else:
            add(part, reason, summed.lines, summed.cost)
    order = ("pushed", "ready", "held", "failed", "ignored")
    ordered = sorted(rows.values(), key=lambda row: (order.index(row.part), row.reason))
    return Bridge(
        document.document_id,
        document.number,
        document.currency,
        document.tied,
        document.cost_total,
        document.tax_total,
        tuple(ordered),
        price,
    )


def by_document(sums: Iterable[Summed]) -> dict[str, list[Summed]]:
    """The sums of each document."""
    found: dict[str, list[Summed]] = defaultdict(list)
    for summed in sums:
        found[summed.document_id].append(summed)
    return found
