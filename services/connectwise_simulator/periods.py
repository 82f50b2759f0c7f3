"""Billing periods of an agreement: which period holds a day, by cycle and cycle base.

`CalendarYear` periods follow the calendar; `ContractYear` ones start on the agreement's bill start day.
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = {"Monthly": 1, "BiMonthly": 2, "Quarterly": 3, "SemiAnnual": 6, "Yearly": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """First and last day, both inside."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.last - self.first).days + 1


def period_of(day: date, billing_option: str, cycle_base: str, bill_start: date) -> Period | None:
    """The period that holds the day; None for cycles that are not counted in months."""
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
