"""When an addition is billed: a whole period that no invoice has passed."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectwise_simulator.billing.periods import months_later, period_of
from contracts.values import Period
from invoice_push.domain.dates import next_uninvoiced_period
from invoice_push.domain.values import Held, Reason
from tests.invoice_push.around import agreement

pytestmark = pytest.mark.requirement("B7")

DECEMBER = Period.inclusive(date(2026, 12, 1), date(2026, 12, 31))


def period(**changes: Any) -> Period:
    found = next_uninvoiced_period(agreement(**changes))
    assert isinstance(found, Period), found
    return found


def held(**changes: Any) -> Held:
    found = next_uninvoiced_period(agreement(**changes))
    assert isinstance(found, Held), found
    return found


def test_it_is_the_period_of_the_next_invoice() -> None:
    assert period() == DECEMBER
    assert period(next_invoice=date(2027, 2, 15)) == Period.inclusive(date(2027, 2, 15), date(2027, 3, 14))


@pytest.mark.requirement("B8")
def test_a_child_is_judged_by_its_parents_cycle() -> None:
    assert period(parent_id=9, parent_next_invoice=date(2026, 12, 1), next_invoice=date(2026, 11, 1)) == DECEMBER
    assert held(parent_id=9, parent_next_invoice=None).reason is Reason.NO_OPEN_PERIOD


@given(start=st.dates(date(2024, 1, 1), date(2027, 12, 31)), months=st.integers(0, 40))
def test_periods_from_an_anniversary_are_the_ones_that_connectwise_counts(start: date, months: int) -> None:
    due = months_later(start, months)
    theirs = period_of(due, "Monthly", "ContractYear", start)
    assert theirs is not None
    assert period(bill_start=start, next_invoice=due) == Period.inclusive(theirs.first, theirs.last)


def test_billed_on_the_31st_means_on_the_last_day_of_a_shorter_month() -> None:
    start = date(2026, 1, 31)
    assert period(bill_start=start, next_invoice=start) == Period(start, date(2026, 2, 28))
    assert period(bill_start=start, next_invoice=date(2026, 2, 28)) == Period(date(2026, 2, 28), date(2026, 3, 31))
    assert period(bill_start=start, next_invoice=date(2026, 3, 31)) == Period(date(2026, 3, 31), date(2026, 4, 30))


@given(st.dates(date(2024, 1, 1), date(2040, 1, 1)))
def test_a_period_starts_with_its_invoice_and_is_about_a_month(due: date) -> None:
    found = period(next_invoice=due, bill_start=date(2020, 1, 1))
    assert found.start == due
    assert timedelta(28) <= found.end - found.start <= timedelta(31)


def test_a_one_time_agreement_is_billed_on_the_day_of_its_invoice() -> None:
    day = date(2026, 12, 1)
    assert period(one_time=True, cycle="One-Time") == Period(day, day + timedelta(1))
    later = date(2027, 1, 10)
    assert period(one_time=True, bill_start=later) == Period(later, later + timedelta(1))


@pytest.mark.requirement("B19")
def test_a_one_time_agreement_that_was_invoiced_is_held() -> None:
    assert "has no invoice to come" in held(one_time=True, next_invoice=None).detail


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"cycle": "Yearly"}, Reason.AGREEMENT_UNFIT, "Yearly, not Monthly"),
        ({"cycle": ""}, Reason.AGREEMENT_UNFIT, "unknown"),
        ({"next_invoice": None}, Reason.NO_OPEN_PERIOD, "no next invoice date"),
        ({"bill_start": date(2027, 1, 1)}, Reason.NO_OPEN_PERIOD, "billing starts 2027-01-01"),
        ({"end": date(2026, 12, 30)}, Reason.NO_OPEN_PERIOD, "ends 2026-12-30, within"),
    ],
)
def test_without_a_whole_open_period_it_is_held(changes: dict[str, Any], reason: Reason, says: str) -> None:
    found = held(**changes)
    assert found.reason is reason
    assert says in found.detail


def test_an_agreement_may_end_with_the_period() -> None:
    assert period(end=date(2026, 12, 31)) == DECEMBER
