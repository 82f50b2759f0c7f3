"""Billing periods of an agreement: which period holds a day, by cycle and cycle base.

`CalendarYear` periods follow the calendar; `ContractYear` ones start on the agreement's bill start day. Weeks have no
place in a calendar year: they are counted from the bill start day on either base [assumed].
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = {"Monthly": 1, "BiMonthly": 2, "Quarterly": 3, "SemiAnnual": 6, "Yearly": 12}
WEEKS = {"Weekly": 1, "BiWeekly": 2}


@dataclass(frozen=True, slots=True)
class Period:
    """First and last day, both inside."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Cycle:
    """How an agreement's time is cut into periods: without gaps, without overlaps."""

    billing_option: str  # one of MONTHS or WEEKS
    base: str
    bill_start: date

    def period(self, day: date) -> Period:
        """The period that holds the day."""
        found = period_of(day, self.billing_option, self.base, self.bill_start)
        if found is None:
            raise ValueError(f"{self.billing_option} is no recurring cycle")
        return found

    def before(self, period: Period) -> Period:
        """The period before this one."""
        return self.period(period.first - timedelta(days=1))


def period_of(day: date, billing_option: str, cycle_base: str, bill_start: date) -> Period | None:
    """The period that holds the day; None for cycles that do not recur."""
    if billing_option in WEEKS:
        length = 7 * WEEKS[billing_option]
        first = day - timedelta(days=(day - bill_start).days % length)
        return Period(first, first + timedelta(days=length - 1))
    months = MONTHS.get(billing_option)
    if months is None:
        return None
    start = bill_start if cycle_base == "ContractYear" else date(day.year, 1, 1)
    steps = ((day.year - start.year) * 12 + day.month - start.month) // months
    first = months_later(start, steps * months)
    if first > day:  # the anniversary day of this month is still to come
        steps -= 1
        first = months_later(start, steps * months)
    return Period(first, months_later(start, (steps + 1) * months) - timedelta(days=1))


def months_later(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
