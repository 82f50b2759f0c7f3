"""Two legs (B2): what the supplier charged, exactly, and what the customer pays, only by a rule."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from contracts.values import ChargeKind, Motion, to_cents
from invoice_push.domain.values import Held, Line, PriceRule, Reason

# ConnectWise carries more places than money has: rounding a unit to cents would be off by cents over many seats.
_UNIT_PRICE = Decimal("0.0001")
_UNIT_COST = Decimal("0.000001")
_PRORATED = frozenset({ChargeKind.QUANTITY, ChargeKind.CANCEL, ChargeKind.CONVERT})


@dataclass(frozen=True, slots=True)
class Priced:
    """Quantity and unit amounts; the sign is the amount's, the quantity counts."""

    quantity: Decimal
    unit_cost: Decimal
    unit_price: Decimal


def priced(line: Line, rule: PriceRule | None) -> Priced | Held:
    """The line's two legs, or why it has no price: nobody is ever billed at cost by default."""
    quantity = _counted(line)
    if quantity == 0:
        return Held(Reason.NO_QUANTITY)
    if rule is None:
        return Held(Reason.NO_SELL_PRICE)
    unit_cost = (line.cost / quantity).quantize(_UNIT_COST, ROUND_HALF_UP)
    base = _base(line, rule, quantity)
    if base == 0:
        return Held(Reason.NO_SELL_PRICE, f"the {rule.basis} price is zero")
    unit_price = (base * (1 + rule.markup_percent / 100)).quantize(_UNIT_PRICE, ROUND_HALF_UP)
    # In cents, as it is billed: a unit price has fewer places than a unit cost and may be below it by rounding alone.
    if line.cost > 0 and to_cents(quantity * unit_price) < to_cents(line.cost) and not rule.allow_below_cost:
        return Held(Reason.BELOW_COST, f"{unit_price:f} for what costs {unit_cost:f}")
    return Priced(quantity, unit_cost, unit_price)


def _counted(line: Line) -> Decimal:
    # Usage is metered in units nobody sells by: one charge, quantity 1 (B13, C25).
    return Decimal(1) if line.motion is Motion.AZURE else abs(line.quantity)


def _base(line: Line, rule: PriceRule, quantity: Decimal) -> Decimal:
    """The unit amount that the markup is on, with the cost's sign, in the document's currency.

    `effective` is what the line costs a unit. `list` leaves earned credit as margin (B2); on a line that is prorated
    by its nature the list price counts for the same part of the period, so the effective price stands in: its ratio
    to the list price is the proration (contract 3.4), and dates must not be used for it.
    """
    effective = line.cost / quantity
    if rule.basis == "effective" or line.kind in _PRORATED or line.list_unit == 0:
        return effective
    units = abs(line.quantity) if line.motion is Motion.AZURE else Decimal(1)
    listed = abs(line.list_unit) * units * line.fx_rate
    return listed.copy_sign(effective)
