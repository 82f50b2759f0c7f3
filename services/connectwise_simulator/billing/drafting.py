"""What the next invoice of an agreement holds: computed from the records, nothing is written.

An invoice bills one period, from the next invoice date to the period's end, of the agreement and its children. Where
an agreement prorates, it also bills the days of additions that earlier invoices missed (contract 3.3); where it does
not, an addition that touches the period is billed in full and what was missed stays missed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from connectwise_simulator.billing import ledger
from connectwise_simulator.billing.additions import billable, billed_quantity, prorated
from connectwise_simulator.billing.agreements import (
    ENDED,
    cycle_of,
    first_day,
    is_one_time,
    last_day,
    status,
    with_children,
)
from connectwise_simulator.billing.periods import Cycle, Period
from connectwise_simulator.clock import day_of
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site, Timing

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """So many units for so many days of a period. Without an addition it is the agreement's own amount."""

    agreement: Record
    addition: Record | None
    description: str
    bill_customer: str  # DoNotBill: counted as billed, not shown to the customer
    quantity: Decimal
    unit_price: Decimal  # for the days; 0 where the customer is not charged
    full_price: Decimal  # of a unit for the whole period
    first: date
    last: date
    period_days: int
    amount: Decimal
    is_credit: bool = False

    @property
    def days(self) -> int:
        """Days billed."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice before it is made.

    The period is what it moves the next invoice date past, of a one-time agreement the day of that date: there is none
    where only missed days are billed, or additions that came after a one-time agreement's invoice.
    """

    agreement: Record
    period: Period | None
    due: date
    lines: tuple[Line, ...]
    is_one_time: bool = False

    @property
    def total(self) -> Decimal:
        """The sum of the lines."""
        return sum((line.amount for line in self.lines), ZERO)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no invoice is made, and the member of the agreement that says so."""

    field: str
    reason: str


def next_invoice(site: Site, agreement: Record) -> Draft | Refusal:
    """What the agreement's next invoice will hold as things are now, due or not."""
    if site.referred("agreements", agreement.get("parentAgreement")):
        return Refusal("parentAgreement", "A child agreement is invoiced with its parent.")
    if is_one_time(site, agreement):
        return _one_time(site, agreement)
    return _period_invoice(site, agreement)


def due_invoice(site: Site, agreement: Record, today: date) -> Draft | Refusal:
    """The invoice that can be made on this day."""
    return due_of(site, agreement, next_invoice(site, agreement), today)


def due_of(site: Site, agreement: Record, draft: Draft | Refusal, today: date) -> Draft | Refusal:
    """What of the agreement's next invoice can be made on this day."""
    if isinstance(draft, Refusal):
        return draft
    state = status(agreement, today)
    in_arrears = draft.period is not None and draft.due > draft.period.last
    if state in ENDED and site.knobs.ended_agreements == "refuse" and not in_arrears:
        return Refusal("agreementStatus", f"The agreement is {state.lower()}.")
    if draft.due > today:
        missed = _missed_days(site, agreement, today)
        if missed is None and site.knobs.invoice_before_due == "refuse":
            return Refusal("nextInvoiceDate", f"No invoice is due before {draft.due}.")
        return missed or draft
    return draft


def _period_invoice(site: Site, agreement: Record) -> Draft | Refusal:
    cycle, text = cycle_of(site, agreement), agreement.get("nextInvoiceDate")
    if cycle is None or not text:
        return Refusal("nextInvoiceDate", "The agreement has no Next Invoice Date.")
    first, end = day_of(text), last_day(site, agreement)
    if end is not None and end < first:
        return Refusal("agreementStatus", f"The agreement ends on {end} and is invoiced to its end.")
    period = Period(first, cycle.period(first).last)
    lines = [
        line for member in with_children(site, agreement["id"]) for line in _Billing(site, member, cycle).period(period)
    ]
    return Draft(agreement, period, _due_day(site, agreement, cycle, first), tuple(lines))


def _one_time(site: Site, agreement: Record) -> Draft | Refusal:
    text = agreement.get("nextInvoiceDate")
    due = day_of(text) if text else first_day(agreement)
    again = bool(ledger.invoices_of(site, agreement["id"]))
    if again and site.knobs.one_time_agreements == "once":
        return Refusal("billOneTimeFlag", "The agreement is billed one time and has been invoiced.")
    until = max(due, site.clock.today())
    lines = [
        line for member in with_children(site, agreement["id"]) for line in _Billing(site, member, None).one_time(until)
    ]
    if again and not lines:
        return Refusal("billOneTimeFlag", "The agreement has been invoiced, and no addition came after that.")
    return Draft(agreement, None if again else Period(due, due), due, tuple(lines), is_one_time=True)


def _missed_days(site: Site, agreement: Record, today: date) -> Draft | None:
    """Days before the next invoice date that nobody billed, where the agreement bills them at once."""
    cycle, text = cycle_of(site, agreement), agreement.get("nextInvoiceDate")
    if cycle is None or not text:
        return None
    lines = [
        line
        for member in with_children(site, agreement["id"])
        if member.get("invoiceProratedAdditionsFlag")
        for line in _Billing(site, member, cycle).missed(day_of(text) - timedelta(days=1))
    ]
    shown = any(line.bill_customer != "DoNotBill" for line in lines)
    return Draft(agreement, None, today, tuple(lines)) if shown else None


def _due_day(site: Site, agreement: Record, cycle: Cycle, first: date) -> date:
    """When the invoice of the period that begins on this day falls due (knobs, by periodType)."""
    timings: dict[str, Timing] = {
        "Current": site.knobs.current_is_billed,
        "Future": site.knobs.future_is_billed,
        "Both": site.knobs.both_is_billed,
        "Undefined": site.knobs.undefined_is_billed,
    }
    timing = timings[agreement.get("periodType", "Undefined")]
    period = cycle.period(first)
    if timing == "at_end":
        return period.last + timedelta(days=1)
    if timing == "period_ahead":
        return max(cycle.before(period).first, cycle.bill_start)
    return first


class _Billing:
    """The lines of one agreement, in the order of invoices: its own amount, then additions by sequence."""

    def __init__(self, site: Site, agreement: Record, cycle: Cycle | None) -> None:
        self._site = site
        self._agreement = agreement
        self._cycle = cycle
        found = site.tables["additions"].children(agreement["id"])
        self._additions = sorted(found, key=lambda a: (a.get("sequenceNumber", ZERO), a["id"]))

    def period(self, period: Period) -> Iterator[Line]:
        """A period's lines, days missed before it included."""
        if self._agreement.get("billOneTimeFlag"):  # a one-time child
            yield from self.one_time(period.last)
            return
        yield from self._fee(period)
        for addition in self._additions:
            if self._agreement.get("prorateFlag"):
                yield from self._days(addition, period.last)
            else:
                yield from self._whole(addition, period)

    def missed(self, last: date) -> Iterator[Line]:
        """Unbilled days up to one, where the agreement prorates."""
        if self._agreement.get("prorateFlag") and not self._agreement.get("billOneTimeFlag"):
            for addition in self._additions:
                yield from self._days(addition, last)

    def one_time(self, until: date) -> Iterator[Line]:
        """The agreement's amount and every addition that has begun, each once and in full."""
        if not ledger.fee_lines(self._site, self._agreement["id"]):
            yield from self._own_amount(self._agreement.get("billAmount"), until, until, 1)
        for addition in self._additions:
            effective, cancelled = addition.get("effectiveDate"), addition.get("cancelledDate")
            first = day_of(effective) if effective else first_day(self._agreement)
            if first <= until and not ledger.lines_of_addition(self._site, addition["id"]):
                last = max(first, day_of(cancelled)) if cancelled else first
                days = (last - first).days + 1
                yield self._line(addition, first, last, days, days)

    def _fee(self, period: Period) -> Iterator[Line]:
        end = last_day(self._site, self._agreement) or date.max
        begins = first_day(self._agreement)
        if begins > period.last or end < period.first:
            return
        amount, first = self._agreement.get("billAmount"), max(begins, period.first)
        billed = ledger.fee_lines(self._site, self._agreement["id"])
        if any(day_of(line["first"]) <= period.last and first <= day_of(line["last"]) for line in billed):
            return
        if first == begins and not billed and self._agreement.get("prorateFirstBill"):
            amount = self._agreement["prorateFirstBill"]
        yield from self._own_amount(amount, first, period.last, self._period(period.first).days)

    def _own_amount(self, amount: Decimal | None, first: date, last: date, period_days: int) -> Iterator[Line]:
        if amount:
            text = self._agreement.get("invoiceDescription") or self._agreement["name"]
            money = self._money(amount)
            yield Line(
                self._agreement, None, text, "Billable", Decimal(1), money, money, first, last, period_days, money
            )

    def _whole(self, addition: Record, period: Period) -> Iterator[Line]:
        """The full amount once a period, for however few days (contract 3.3)."""
        dates = billable(self._site, self._agreement, addition)
        if dates is None or dates[0] > period.last or dates[1] < period.first:
            return
        billed = ledger.billed_days(self._site, addition)
        if billed.keys().isdisjoint(ledger.ordinals(period.first, period.last)):
            days = self._period(period.first).days
            yield self._line(addition, period.first, period.last, days, days)

    def _days(self, addition: Record, last: date) -> Iterator[Line]:
        """Days of the addition that no invoice has billed, a line for each stretch within a period."""
        billed = ledger.billed_days(self._site, addition)
        dates = billable(self._site, self._agreement, addition)
        wanted: set[int] = set()
        if dates is not None:
            first = max(dates[0], ledger.opening_day(self._site, addition) or dates[0])
            wanted = set(ledger.ordinals(first, min(dates[1], last)))
        if self._site.knobs.cancelled_days_are_credited:
            yield from self._credits(addition, billed, dates)
        for first, until in ledger.runs(wanted - billed.keys()):
            yield from self._by_periods(addition, first, until)

    def _by_periods(self, addition: Record, first: date, until: date) -> Iterator[Line]:
        while first <= until:
            period = self._period(first)
            last = min(until, period.last)
            yield self._line(addition, first, last, (last - first).days + 1, period.days)
            first = last + timedelta(days=1)

    def _credits(self, addition: Record, billed: dict[int, Record], dates: tuple[date, date] | None) -> Iterator[Line]:
        """What was billed for days that the addition no longer has, at the price of then."""
        lost: dict[int, list[int]] = {}
        for day, line in billed.items():
            if dates is None or not dates[0] <= date.fromordinal(day) <= dates[1]:
                lost.setdefault(line["id"], []).append(day)
        for line_id, days in lost.items():
            line = self._site.tables["invoiceLines"].get(line_id) or {}
            then = {**addition, "unitPrice": line["fullPrice"], "billCustomer": line["billCustomer"]}
            for first, last in ledger.runs(days):
                days_back = (last - first).days + 1
                yield self._line(then, first, last, days_back, line["periodDays"], credited=line["quantity"])

    def _line(
        self, addition: Record, first: date, last: date, days: int, of: int, credited: Decimal | None = None
    ) -> Line:
        quantity = billed_quantity(self._site, addition) if credited is None else -credited
        full_price, unit_price = addition.get("unitPrice") or ZERO, ZERO
        if addition["billCustomer"] == "Billable":
            unit_price = prorated(self._site, full_price, days, of)
        return Line(
            self._agreement,
            addition,
            addition.get("invoiceDescription") or addition.get("description") or "",
            addition["billCustomer"],
            quantity,
            unit_price,
            full_price,
            first,
            last,
            of,
            self._money(quantity * unit_price),
            credited is not None,
        )

    def _period(self, day: date) -> Period:
        if self._cycle is None:
            raise ValueError("a one-time agreement has no periods")
        return self._cycle.period(day)

    def _money(self, amount: Decimal) -> Decimal:
        digits = (self._agreement.get("currency") or {}).get("numberOfDecimals", 2)
        return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
