"""A site's own time: set, advanced and read in its time zone; it ticks on from where it was set."""

import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

# A year outside is a typing error, and the calendar's own ends cannot be advanced.
FIRST_DAY, LAST_DAY = date(1980, 1, 1), date(2199, 12, 31)
DAYS_KEPT = 10_000  # written out once each: the records of a site, however many, lie within some years


class CalendarError(ValueError):
    """A moment that no clock shows: not from `FIRST_DAY` to `LAST_DAY`."""

    def __init__(self) -> None:
        super().__init__(f"a day should be from {FIRST_DAY} to {LAST_DAY}")


class Clock:
    """Now and today of one site."""

    def __init__(self, zone: str, moment: datetime | date | None = None) -> None:
        self.zone = ZoneInfo(zone)
        self._set_to = datetime.now(UTC)
        self._since = time.monotonic()
        if moment is not None:
            self.set(moment)

    def now(self) -> datetime:
        """This moment in UTC, as the site sees it."""
        return self._set_to + timedelta(seconds=time.monotonic() - self._since)

    def today(self) -> date:
        """The civil date in the site's time zone; never the one in UTC."""
        return self.now().astimezone(self.zone).date()

    def stamp(self) -> str:
        """Now as records keep it: UTC, whole seconds."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def ahead(self) -> int:
        """Microseconds before (or, negative, behind) the real time."""
        return (self.now() - datetime.now(UTC)) // timedelta(microseconds=1)

    def set(self, moment: datetime | date) -> None:
        """Jump to a moment, as `moved` reads it."""
        self._set_to, self._since = self.moved(moment), time.monotonic()

    def moved(self, to: datetime | date | None, by: timedelta = timedelta(0)) -> datetime:
        """The moment (UTC) that lies so far from another, or from now; the clock stays as it is.

        A bare date is noon of that day, so that no time zone moves it. Raises `CalendarError`.
        """
        if to is None:
            to = self.now()
        elif not isinstance(to, datetime):
            to = datetime(to.year, to.month, to.day, 12, tzinfo=self.zone)
        elif to.tzinfo is None:
            to = to.replace(tzinfo=self.zone)
        try:
            moment = to.astimezone(UTC) + by
        except OverflowError:
            raise CalendarError from None
        if not FIRST_DAY <= moment.date() <= LAST_DAY:
            raise CalendarError
        return moment


@lru_cache(DAYS_KEPT)
def civil(day: date) -> str:
    """A civil date as the API carries it: midnight with a Z that means nothing."""
    return f"{day.isoformat()}T00:00:00Z"


def is_day(text: str) -> bool:
    """Whether `day_of` can read it."""
    try:
        day_of(text)
    except ValueError:
        return False
    return True


def day_of(text: str) -> date:
    """The civil date of a carried text."""
    return date.fromisoformat(text[:10])
