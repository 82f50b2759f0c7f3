"""What a supplier changed after it was written: the difference to what stands for it, an addition of its own (B12)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from contracts.values import to_cents
from invoice_push.domain import dates, prices
from invoice_push.domain.resolution import description, switched_off, unusable
from invoice_push.domain.values import Agreement, Draft, Expected, Held, Item, Line, Program, Reason

Part = Literal["difference", "reversal"]


@dataclass(frozen=True, slots=True)
class Amounts:
    """So many units for so much, both legs extended and in cents: of a charge, or of what stands for it."""

    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    price: Decimal = Decimal(0)

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(self.quantity + other.quantity, self.cost + other.cost, self.price + other.price)

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(self.quantity - other.quantity, self.cost - other.cost, self.price - other.price)

    @property
    def is_money(self) -> bool:
        """Whether any of it is billed."""
        return bool(self.cost or self.price)


@dataclass(frozen=True, slots=True)
class Around:
    """What decides about a correction, as things stand now; None is what is not known.

    `apart` says why the site that the original was written to is out of reach: the ids in it mean nothing elsewhere.
    """

    apart: Held | None
    program: Program | None
    agreement: Agreement | None
    item: Item | None


@dataclass(frozen=True, slots=True)
class Correction:
    """What is missing to the newest charge. `draft` is None where it cannot be written, `held` says why it waits."""

    part: Part
    amounts: Amounts
    draft: Draft | None
    held: Held | None = None


def correction(line: Line, original: Draft, covered: Amounts, around: Around) -> Correction | None:
    """What has to be written so that `covered` becomes the line's newest charge; None where nothing has to.

    A line that costs nothing any more (a void) is reversed with all that stands for it, so with the ratio of price to
    cost that it was billed with (B12). Any other difference is the program's price rule on the newest charge, less
    what was billed. It goes to the original's agreement and item, into its next open period (B7). What is below zero
    waits for a person.
    """
    part: Part = "difference" if line.cost else "reversal"
    unit = prices.Priced(original.quantity, original.unit_cost, original.unit_price)
    wanted = Amounts()
    if line.cost:
        found = prices.priced(line, around.program.price_rule if around.program else None)
        if isinstance(found, Held):
            cost_only = Amounts(Decimal(0), to_cents(line.cost) - covered.cost)
            return Correction(part, cost_only, None, found)
        unit, wanted = found, _amounts(found)
    missing = wanted - covered
    if not missing.is_money:
        return None
    return _drafted(line, part, missing, unit, original, around)


def _amounts(unit: prices.Priced) -> Amounts:
    return Amounts(unit.quantity, to_cents(unit.quantity * unit.unit_cost), to_cents(unit.quantity * unit.unit_price))


def _drafted(
    line: Line, part: Part, missing: Amounts, unit: prices.Priced, original: Draft, around: Around
) -> Correction:
    agreement = around.agreement
    stopped = (
        around.apart
        or switched_off(line, around.program)
        or unusable(original.agreement_id, agreement, line.currency)
        or _out(around.item)
    )
    if stopped is not None:
        return Correction(part, missing, None, stopped)
    assert agreement is not None  # noqa: S101 (unusable holds what has none)
    period = dates.next_uninvoiced_period(agreement)
    if isinstance(period, Held):
        return Correction(part, missing, None, period)
    quantity, unit_cost, unit_price = _units(missing, unit)
    draft = Draft(
        agreement_id=original.agreement_id,
        item_id=original.item_id,
        quantity=quantity,
        unit_price=unit_price,
        unit_cost=unit_cost,
        effective=period.start,
        cancelled=period.last_day,
        description=f"{'Correction' if line.cost else 'Reversal'}: {description(line, original.quantity)}",
        taxable=original.taxable,
        bill_customer=original.bill_customer,
        expects=Expected.of(agreement),
    )
    held = Held(Reason.BELOW_ZERO, _ASSUMED) if missing.cost < 0 or missing.price < 0 else None
    return Correction(part, missing, draft, held)


# Nobody outside ConnectWise can know it (B19).
_ASSUMED = "that ConnectWise bills an addition below zero is assumed and not verified on this site"


def _out(item: Item | None) -> Held | None:
    if item is None:
        return Held(Reason.ITEM_PENDING)
    return Held(Reason.ITEM_INACTIVE) if item.inactive else None


def _units(missing: Amounts, unit: prices.Priced) -> tuple[Decimal, Decimal, Decimal]:
    """Seats at the unit's amounts where only their number changed, else one piece for exactly the difference."""
    extended = to_cents(missing.quantity * unit.unit_cost), to_cents(missing.quantity * unit.unit_price)
    if missing.quantity and extended == (missing.cost, missing.price):
        sign = Decimal(1).copy_sign(missing.quantity)
        return abs(missing.quantity), unit.unit_cost * sign, unit.unit_price * sign
    return Decimal(1), missing.cost, missing.price
