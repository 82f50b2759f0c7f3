"""A site's clock: shown, set, and advanced to where billing has something to do."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from connectwise_simulator.billing import daily
from connectwise_simulator.clock import CalendarError, Clock
from connectwise_simulator.pages.asked import Asked
from connectwise_simulator.pages.forms import button, entry, form, refusal
from connectwise_simulator.pages.html import element, html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.parts import facts
from connectwise_simulator.pages.values import day, moment

SECTION = "clock"
LONGEST = 6  # digits of a number of days


def clock(asked: Asked) -> View:
    """The clock with its forms."""
    return _shown(asked, {}, None)


def turn(asked: Asked, given: Mapping[str, str]) -> View | None:
    """Set or advance the clock as a form says; the page again with the reason where it cannot be."""
    site = asked.site
    try:
        daily.turn_clock(site, _wanted(site.clock, given))
    except (CalendarError, _Unreadable) as error:
        return _shown(asked, given, f"The clock was not turned: {error}.")
    return None


def month_end(today: date) -> date:
    """The last day of this month; on that day, of the next one."""
    day = today + timedelta(days=1)
    return day.replace(day=monthrange(day.year, day.month)[1])


def next_month(today: date) -> date:
    """The first day of the next month."""
    return today.replace(day=monthrange(today.year, today.month)[1]) + timedelta(days=1)


def _wanted(clock: Clock, given: Mapping[str, str]) -> datetime:
    today = clock.today()
    match given.get("do"):
        case "set":
            return clock.moved(_written(given.get("day", ""), given.get("time")))
        case "month-end":
            return clock.moved(month_end(today))
        case "next-month":
            return clock.moved(next_month(today))
        case _:
            return clock.moved(None, timedelta(days=_days(given.get("days", ""))))


class _Unreadable(Exception):  # noqa: N818 - said to the person, not to a program
    pass


def _written(day: str, at: str | None) -> date:
    try:
        on = date.fromisoformat(day)
        return datetime.combine(on, time.fromisoformat(at)) if at else on
    except ValueError:
        raise _Unreadable("a day is written 2026-03-31, and is one of the calendar; a time is written 23:50") from None


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST):
        raise _Unreadable("a number of days is whole and not below 0")
    return int(text)


def _shown(asked: Asked, given: Mapping[str, str], reason: str | None) -> View:
    site = asked.site
    now, today = site.clock.now(), site.clock.today()
    local = now.astimezone(site.clock.zone)
    end, first = month_end(today), next_month(today)
    body = html(
        refusal(reason),
        facts(
            {
                "Today": day(str(today)),
                "Time": f"{local:%H:%M:%S}",
                "Time zone": site.clock.zone.key,
                "In UTC": moment(site.clock.stamp()),
            }
        ),
        form(
            "Advance",
            entry("days", "Days", given.get("days", "1"), inputmode="numeric", required=True, size=6),
            element("p", button("Advance by days", "do", "advance")),
        ),
        form(
            "To a turn of the month",
            element("p", button(f"To the month's end, {end}", "do", "month-end")),
            element("p", button(f"To the next month's first day, {first}", "do", "next-month")),
        ),
        form(
            "Set",
            entry("day", "Day", given.get("day", str(today)), type="date", required=True),
            entry(
                "time", "Time", given.get("time", ""), "In the site's time zone; without one it is noon.", type="time"
            ),
            element("p", button("Set the clock", "do", "set")),
        ),
    )
    return View("Clock", body, SECTION, 422 if reason else 200)
