"""When an addition is billed (B7, B8): whole-period dates that no invoice has passed."""

from calendar import monthrange
from datetime import date, timedelta

from contracts.values import Period
from invoice_push.domain.values import Agreement, Held, Reason


def next_uninvoiced_period(agreement: Agreement) -> Period | Held:
    """The period that the agreement's, or its parent's, next invoice covers; for a one-time agreement its one day.

    Whole-period dates make ConnectWise's own proration neutral. A line's service dates go into its description.
    """
    governing = agreement.parent_next_invoice if agreement.parent_id is not None else agreement.next_invoice
    if agreement.one_time:
        return _one_time(agreement)
    if agreement.cycle != "Monthly":
        return Held(Reason.AGREEMENT_UNFIT, f"its billing cycle is {agreement.cycle or 'unknown'}, not Monthly")
    if governing is None:
        return Held(Reason.NO_OPEN_PERIOD, f"{agreement.name} has no next invoice date")
    period = Period(governing, _month_later(governing, _billing_day(agreement, governing)))
    if agreement.bill_start is not None and period.start < agreement.bill_start:
        return Held(Reason.NO_OPEN_PERIOD, f"billing starts {agreement.bill_start}, the next invoice is {governing}")
    if agreement.end is not None and agreement.end < period.last_day:
        return Held(Reason.NO_OPEN_PERIOD, f"{agreement.name} ends {agreement.end}, within the next period")
    return period


def _one_time(agreement: Agreement) -> Period | Held:
    # An already invoiced one-time agreement bills nothing more: held until a person has verified otherwise (B19).
    if agreement.next_invoice is None:
        return Held(Reason.NO_OPEN_PERIOD, f"{agreement.name} is one-time and has no invoice to come")
    start = max(agreement.next_invoice, agreement.bill_start or agreement.next_invoice)
    return Period(start, start + timedelta(days=1))


def _billing_day(agreement: Agreement, governing: date) -> int:
    # Billed on the 31st means on the last day of a shorter month, and on the 31st again after it.
    is_last = governing.day == monthrange(governing.year, governing.month)[1]
    start = agreement.bill_start
    return max(governing.day, start.day) if is_last and start is not None else governing.day


def _month_later(day: date, billing_day: int) -> date:
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)  # noqa: PLR2004 (December)
    return date(year, month, min(billing_day, monthrange(year, month)[1]))
