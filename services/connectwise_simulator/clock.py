"""A site's own time: set, advanced and read in its time zone; it ticks on from where it was set."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


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
        """Jump to a moment; a bare date is noon of that day, so that no time zone moves it."""
        if not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day, 12, tzinfo=self.zone)
        elif moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        self._set_to, self._since = moment.astimezone(UTC), time.monotonic()

    def advance(self, by: timedelta) -> None:
        """Move on (or back)."""
        self._set_to, self._since = self.now() + by, time.monotonic()


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
