"""What holds for any sequence of days, invoices, additions and cancellations."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectwise_simulator.billing.drafting import Draft
from connectwise_simulator.billing.periods import Cycle
from tests.connectwise_simulator.office import Office, monthly

START = date(2026, 1, 1)
CYCLES = ("Monthly", "BiMonthly", "Quarterly", "SemiAnnual", "Yearly", "Weekly", "BiWeekly")
MONTH_CYCLE = ("billing_cycle: Monthly", "invoicing_cycle: CalendarYear")

offsets = st.integers(0, 120)
prices = st.decimals("0.01", "99.99", places=2)
additions = st.tuples(offsets, st.none() | st.integers(0, 90), st.integers(1, 40), prices)
events = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 45)),
    st.tuples(st.just("invoice"), st.just(0)),
    st.tuples(st.just("add"), additions),
    st.tuples(st.just("cancel"), st.tuples(st.integers(0, 5), offsets)),
)


def text(day: date) -> str:
    return day.isoformat()


def lines_of(office: Office, addition: int) -> Iterator[dict[str, Any]]:
    for invoice in office.invoices():
        yield from (line for line in invoice["lines"] if line.get("additionId") == addition)


def days_of(line: dict[str, Any]) -> list[date]:
    first = date.fromisoformat(line["first"])
    return [first + timedelta(days=n) for n in range((date.fromisoformat(line["last"]) - first).days + 1)]


def billed_days(office: Office, addition: int) -> Counter[date]:
    days: Counter[date] = Counter()
    for line in lines_of(office, addition):
        for day in days_of(line):
            days[day] += -1 if line["creditFlag"] else 1
    return days


def played(office: Office, moves: list[tuple[str, Any]]) -> list[int]:
    """The additions there are after the events."""
    made: list[int] = []
    today = START
    for kind, value in moves:
        if kind == "pass":
            today += timedelta(days=value)
            office.go_to(text(today))
        elif kind == "invoice" and isinstance(office.due(), Draft):
            office.invoice()
        elif kind == "add":
            after, lasts, quantity, price = value
            first = START + timedelta(days=after)
            last = None if lasts is None else text(first + timedelta(days=lasts))
            made.append(office.add(text(first), last, quantity=quantity, unitPrice=price))
        elif kind == "cancel" and made:
            which, after = value
            addition = made[which % len(made)]
            first = date.fromisoformat(office.record("additions", addition)["effectiveDate"][:10])
            office.cancel(addition, text(max(first, START + timedelta(days=after))))
    return made


def billable(office: Office, addition: int, until: date) -> set[date]:
    """The days before one that the addition's dates cover: counted here, not by the engine."""
    record = office.record("additions", addition)
    last = date.fromisoformat(record.get("cancelledDate", "2199-12-31")[:10])
    day, days = date.fromisoformat(record["effectiveDate"][:10]), set()
    while day <= last and day < until:
        days.add(day)
        day += timedelta(days=1)
    return days


@settings(max_examples=80, deadline=None)
@given(st.lists(events, max_size=14), st.booleans())
def test_every_billable_day_is_billed_exactly_once(moves: list[tuple[str, Any]], credits: bool) -> None:  # noqa: A002
    office = Office(
        monthly("prorate: true", start="2026-01-01", then="2026-01-01"),
        today=text(START),
        options=f"{{cancelled_days_are_credited: {str(credits).lower()}}}",
    )
    made = played(office, moves)
    office.go_to(text(office.site.clock.today() + timedelta(days=31)))  # an invoice that sees all of it
    while isinstance(office.due(), Draft):
        office.invoice()
    until = date.fromisoformat(office.record("agreements", 1)["nextInvoiceDate"][:10])
    for addition in made:
        days = billed_days(office, addition)
        assert set(days.values()) <= {0, 1}
        billed, expected = {day for day, times in days.items() if times}, billable(office, addition, until)
        # What is cancelled after it was billed stays billed, or is credited.
        assert billed == expected if credits else billed >= expected


@settings(max_examples=80, deadline=None)
@given(additions, st.booleans())
def test_parts_of_an_addition_add_up_to_its_price_by_days(addition: Any, counts_last: bool) -> None:
    office = Office(
        monthly("prorate: true", start="2026-01-01", then="2026-01-01"),
        today=text(START),
        options=f"{{cancelled_day_is_billed: {str(counts_last).lower()}}}",
    )
    after, lasts, quantity, price = addition
    lasts = 100 if lasts is None else lasts
    first = START + timedelta(days=after)
    last = first + timedelta(days=lasts)
    made = office.add(text(first), text(last), quantity=quantity, unitPrice=price)
    office.go_to("2027-01-01")
    while isinstance(office.due(), Draft):
        office.invoice()
    exact = Decimal(0)
    for n in range(lasts + counts_last):
        day = first + timedelta(days=n)
        month_later = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        exact += quantity * price / (month_later - day.replace(day=1)).days
    lines = list(lines_of(office, made))
    assert abs(sum(line["amount"] for line in lines) - exact) <= Decimal("0.005") * quantity * len(lines) + Decimal(
        "0.000001"
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(events, max_size=14))
def test_without_proration_a_period_is_billed_whole_or_not_at_all(moves: list[tuple[str, Any]]) -> None:
    """An addition that the rules take is in every period it touches, once, at its full price."""
    office = Office(monthly(start="2026-01-01", then="2026-01-01"), today=text(START))
    allowed = [move for move in moves if move[0] != "add"]
    made = played(office, [move for move in moves if move[0] == "add"] + allowed)
    invoiced = {date.fromisoformat(i["first"]): i["lines"] for i in office.invoices()}
    for addition in made:
        record = office.record("additions", addition)
        for month, lines in invoiced.items():
            own = [line for line in lines if line["additionId"] == addition]
            assert len(own) <= 1
            assert all(line["amount"] == record["quantity"] * record["unitPrice"] for line in own)
            # A cancellation that is taken back does not bring back the periods that were invoiced meanwhile.
            if month in billable(office, addition, date(2027, 12, 31)) and not any(
                kind == "cancel" for kind, _ in moves
            ):
                assert own


@settings(max_examples=50, deadline=None)
@given(st.lists(events, max_size=14), st.booleans())
def test_totals_are_the_sum_of_lines_and_the_date_only_moves_on(moves: list[tuple[str, Any]], prorates: bool) -> None:
    words = f"prorate: {str(prorates).lower()}"
    office = Office(
        monthly(words, "more: {billAmount: 12.5}", start="2026-01-01", then="2026-01-01"), today=text(START)
    )
    if not prorates:  # what lies in an invoiced period is refused
        moves = [move for move in moves if move[0] == "add"] + [move for move in moves if move[0] != "add"]
    played(office, moves)
    invoices = office.invoices()
    for invoice in invoices:
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"])
        assert invoice["total"] == office.record("invoices", invoice["id"])["balance"]
    assert all(before["last"] < after["first"] for before, after in pairwise(invoices))
    fees = [line for invoice in invoices for line in invoice["lines"] if "additionId" not in line]
    assert [line["amount"] for line in fees] == [Decimal("12.5")] * len(invoices)


@given(st.sampled_from(CYCLES), st.sampled_from(["CalendarYear", "ContractYear"]), st.dates(START, date(2030, 12, 31)),
       st.dates(START, date(2032, 12, 31)))  # fmt: skip
def test_periods_of_a_cycle_follow_each_other_without_gap_or_overlap(
    option: str, base: str, start: date, day: date
) -> None:
    cycle = Cycle(option, base, start)
    period = cycle.period(day)
    following = cycle.period(period.last + timedelta(days=1))
    assert day in period
    assert period == cycle.period(period.first) == cycle.period(period.last) == cycle.before(following)
    assert following.first == period.last + timedelta(days=1)
