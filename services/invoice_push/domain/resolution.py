"""Where a line goes: pure, one rule after the other, the first that stops it names why."""

from decimal import Decimal

from contracts.values import ChargeKind, Motion
from invoice_push.domain import dates, prices
from invoice_push.domain.values import (
    Agreement,
    Draft,
    Expected,
    Held,
    Ignored,
    Item,
    Line,
    Program,
    Ready,
    Reason,
    Resolution,
    Surroundings,
    Target,
)

_ON_ONE_TIME = frozenset({Motion.SEAT_ANNUAL, Motion.ONE_TIME})
_LONGEST_DESCRIPTION = 6000


def resolve(line: Line, around: Surroundings) -> Resolution:
    """What becomes of the line as things stand (R74, R78, R87, B2-B8, B11, B12, B14, B17)."""
    if line.cost == 0:
        return Ignored(Reason.ZERO, "trial" if line.trial else "")
    if line.kind is ChargeKind.UNKNOWN:
        return Held(Reason.UNKNOWN_KIND, line.raw_kind)
    if line.motion is Motion.UNKNOWN:
        return Held(Reason.UNKNOWN_MOTION)
    if not around.connected:
        return Held(Reason.NO_CONNECTION)
    stopped = switched_off(line, around.program)
    if stopped is not None:
        return stopped
    if around.target is None:
        return Held(Reason.NO_MAPPING, line.motion)
    if line.period is not None and line.period.start < around.target.go_live:
        return Ignored(Reason.BEFORE_GO_LIVE, f"starts {line.period.start}, go-live {around.target.go_live}")
    if line.kind is ChargeKind.CREDIT:
        return Held(Reason.UNLINKED_CREDIT, line.raw_kind)
    unfit = _unfit(line, around.target, around.agreement)
    if unfit is not None:
        return unfit
    assert around.agreement is not None  # noqa: S101 (_unfit holds a line without one)
    assert around.program is not None  # noqa: S101 (switched_off holds a line without one)
    return _drafted(line, around.program, around.agreement, around.item)


def switched_off(line: Line, program: Program | None) -> Held | None:
    """Switches filter lines before anything else is asked of them (B14)."""
    if program is None:
        return Held(Reason.NO_PROGRAM)
    if not (program.enabled and program.billing):
        return Held(Reason.SWITCHED_OFF, "the program" if not program.enabled else "billing")
    if line.motion not in program.motions:
        return Held(Reason.SWITCHED_OFF, line.motion)
    return None


def unusable(agreement_id: int, agreement: Agreement | None, currency: str) -> Held | None:
    """Why nothing in this currency can be written to an agreement (B17)."""
    if agreement is None:
        return Held(Reason.NO_AGREEMENT, str(agreement_id))
    if agreement.status != "Active":
        return Held(Reason.AGREEMENT_CLOSED, f"{agreement.name} is {agreement.status or 'of unknown status'}")
    if agreement.currency != currency:
        return Held(Reason.OTHER_CURRENCY, f"{currency} on {agreement.name} in {agreement.currency or 'none'}")
    return None


def _unfit(line: Line, target: Target, agreement: Agreement | None) -> Held | None:
    stopped = unusable(target.agreement_id, agreement, line.currency)
    if stopped is not None or agreement is None:
        return stopped
    if (line.motion in _ON_ONE_TIME) != agreement.one_time:
        wanted = "a one-time agreement" if line.motion in _ON_ONE_TIME else "a monthly agreement"
        return Held(Reason.AGREEMENT_UNFIT, f"{line.motion} needs {wanted}")
    return None


def _drafted(line: Line, program: Program, agreement: Agreement, item: Item | None) -> Resolution:
    priced = prices.priced(line, program.price_rule)
    if isinstance(priced, Held):
        return priced
    period = dates.next_uninvoiced_period(agreement)
    if isinstance(period, Held):
        return period
    if item is None:
        return Held(Reason.ITEM_PENDING)
    if item.item_id is None:
        return Held(Reason.ITEM_HELD, item.reason)
    if item.inactive:
        return Held(Reason.ITEM_INACTIVE)
    return Ready(
        Draft(
            agreement_id=agreement.agreement_id,
            item_id=item.item_id,
            quantity=priced.quantity,
            unit_price=priced.unit_price,
            unit_cost=priced.unit_cost,
            effective=period.start,
            cancelled=period.last_day,
            description=description(line),
            taxable=item.taxable,
            bill_customer="Billable",
            expects=Expected.of(agreement),
        )
    )


def description(line: Line, before: Decimal | None = None) -> str:
    """What the customer reads on the invoice: the service dates are here, the addition's are the invoiced period.

    `before` is the quantity that was billed, where that was another one.
    """
    when = f", {line.period.start} to {line.period.last_day}" if line.period else ""
    quantity = f"{abs(line.quantity).normalize():f}"
    changed = f" instead of {before.normalize():f}" if before is not None and before != abs(line.quantity) else ""
    return f"{line.product_name}: {line.raw_kind} {quantity}{changed}{when}"[:_LONGEST_DESCRIPTION]
