"""The proof (B3): what the supplier charged = pushed + held + ignored, by reason, unexplained 0.00."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from invoice_push.domain.values import Reason

Part = Literal["pushed", "ready", "held", "ignored", "failed"]


@dataclass(frozen=True, slots=True)
class Summed:
    """Lines of one document in one state for one reason, added up; or corrections of its lines.

    `rounding`: of written lines, the part of cost - written_cost that rounding explains (B3).
    """

    document_id: str
    state: str
    reason: str
    lines: int
    cost: Decimal
    written_cost: Decimal
    written_price: Decimal
    rounding: Decimal = Decimal(0)
    is_correction: bool = False


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

    def told(self) -> dict[str, Any]:
        """The bridge in JSON, amounts as text."""
        amounts = {"cost": self.cost, "tax": self.tax, "price": self.price, "unexplained": self.unexplained}
        rows = [asdict(row) | {"cost": str(row.cost)} for row in self.rows]
        said = {"document_id": self.document_id, "number": self.number, "currency": self.currency, "tied": self.tied}
        return said | {name: str(amount) for name, amount in amounts.items()} | {"rows": rows}


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
_REASONS = {"received": "not looked at yet", "queued": "being written", "ready": "waiting for approval"}


def bridge(document: Document, sums: Iterable[Summed]) -> Bridge:
    """The document's bridge. What a supplier changed after it was written is corrected, or held until it is."""
    rows: dict[tuple[Part, str], Row] = {}
    price = amended = Decimal(0)

    def add(part: Part, reason: str, lines: int, cost: Decimal) -> None:
        known = rows.get((part, reason), Row(part, reason, 0, Decimal(0)))
        rows[part, reason] = Row(part, reason, known.lines + lines, known.cost + cost)

    for summed in sums:
        part, reason = _PARTS[summed.state], summed.reason or _REASONS.get(summed.state, "")
        is_written = summed.state in ("synced", "queued")
        if is_written:
            add(part, reason, summed.lines, summed.written_cost)
            price += summed.written_price
            if summed.rounding:
                add(part, "rounding to cents", 0, summed.rounding)
        else:
            add(part, reason, summed.lines, summed.cost)
        if summed.is_correction:  # it is a part of what its line, counted apart, has changed by
            amended -= summed.cost
        elif is_written:
            amended += summed.cost - summed.written_cost - summed.rounding
    if amended:
        add("held", Reason.AMENDED, 0, amended)
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
