"""The names that a site may give its time zone: IANA's, or those of Windows.

Unicode CLDR says which zone a Windows name means (windowsZones, territory 001); tzlocal carries that table. A name that
is in neither is said, not guessed at.
"""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal.windows_tz import win_tz


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of an IANA or a Windows name; None for others."""
    try:
        return ZoneInfo(win_tz.get(name, name))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a directory's name is an OSError, a path a ValueError
        return None
