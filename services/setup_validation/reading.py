"""One reading of a site: about a dozen calls, each of which may be refused or stay without an answer."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectwise import CatalogItem, ConnectWise, MySecurity, where
from httpkit import ApiError, Outcome
from setup_validation.domain.facts import Facts, Levels, Profile, Reach, Refused, Rights, Row, Rows, Unread
from setup_validation.domain.rights import MODULES

T = TypeVar("T")

# After this long with a slow site nothing more is asked: an unknown now is worth more than an answer next hour.
PATIENCE_SECONDS = 180.0

_FORBIDDEN = 403
_OF_DISCOVERY = "companyinfo"


async def read(site: ConnectWise, profile: Profile) -> Facts:
    """All that the checks look at; what only writing profiles need is not asked of a count-only key (R18, R21)."""
    zone = ""
    try:
        zone = (await site.system.info()).server_time_zone or ""
    except ApiError as error:
        if error.status != _FORBIDDEN or _OF_DISCOVERY in error.call:
            return unreached(profile, error)
    ask = _Asking(time.monotonic() + PATIENCE_SECONDS)
    rights = await ask(lambda: _rights(site))
    agreements = await ask(site.agreements.count)
    misc_items = await ask(lambda: _misc_items(site))
    known = _is_a_zone(zone)
    if profile == "count-only":
        return Facts(profile, Reach.ANSWERED, "", zone, known, rights, agreements=agreements, misc_items=misc_items)
    return Facts(
        profile,
        Reach.ANSWERED,
        "",
        zone,
        known,
        rights,
        companies=await ask(site.companies.count),
        agreements=agreements,
        misc_items=misc_items,
        categories=await ask(lambda: _rows(site.categories.list)),
        subcategories=await ask(lambda: _rows(site.subcategories.list)),
        product_types=await ask(lambda: _rows(site.product_types.list)),
        units=await ask(lambda: _rows(site.units_of_measure.list)),
        company_statuses=await ask(lambda: _rows(site.companies.statuses.list)),
    )


def unreached(profile: Profile, error: ApiError) -> Facts:
    """What is known when the first call failed: how far it came, in words for people (R7)."""
    if error.code == "company_unknown":
        return Facts(profile, Reach.COMPANY_UNKNOWN, "the site has no company of this id")
    if error.code == "not_connectwise" or (_OF_DISCOVERY in error.call and error.outcome is Outcome.CONFIG):
        return Facts(profile, Reach.NOT_CONNECTWISE, "something answers there, but not as a ConnectWise site does")
    if error.code == "connection_failed":
        return Facts(profile, Reach.UNREACHABLE, "nothing answers at this address: the connection is refused")
    if error.outcome is Outcome.CONFIG:
        return Facts(profile, Reach.KEY_REFUSED, f"{error.message} ({error.status})")
    if error.outcome is Outcome.NOT_FOUND:
        # Some hosts answer 404 to a wrong key; what is asked for here is there on every site.
        return Facts(profile, Reach.KEY_REFUSED, "the site answers 404, as some do to a wrong key")
    return Facts(profile, Reach.UNCLEAR, _why(error))


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks one thing after the other, while there is time."""

    until: float

    async def __call__(self, question: Callable[[], Awaitable[T]]) -> T | Refused | Unread:
        if time.monotonic() > self.until:
            return Unread("not asked: the site is too slow")
        try:
            return await question()
        except ApiError as error:
            return Refused() if error.status == _FORBIDDEN else Unread(_why(error))


def _why(error: ApiError) -> str:
    status = f" ({error.status})" if error.status else ""
    return f"the site gave no clear answer{status}: {error.message}"


async def _rights(site: ConnectWise) -> Rights:
    found: dict[str, Levels] = {}
    names = {name.casefold(): name for name in MODULES}
    for row in await site.system.my_security():
        told = row.module_function_name or ""
        name = names.get(told.casefold(), told)
        # A function of the same name under another heading is another one.
        if name in MODULES and (row.module_name or MODULES[name]).casefold() != MODULES[name].casefold():
            name = f"{row.module_name} > {told}"
        found[name] = _levels(row)
    return found


def _levels(row: MySecurity) -> Levels:
    levels = (row.add_level, row.edit_level, row.delete_level, row.inquire_level)
    return Levels(*(level or "None" for level in levels))


async def _misc_items(site: ConnectWise) -> Rows:
    found: Sequence[CatalogItem] = await site.catalog.list(
        where.CatalogItem.identifier.contains("misc"), fields=("identifier", "inactiveFlag")
    )
    return tuple(Row(item.id, item.identifier or str(item.id), not item.inactive_flag) for item in found)


async def _rows(rows: Callable[[], Awaitable[Sequence[object]]]) -> Rows:
    return tuple(_row(row) for row in await rows())


def _row(row: object) -> Row:
    category = getattr(row, "category", None)
    return Row(
        int(getattr(row, "id", 0)),
        str(getattr(row, "name", None) or ""),
        not getattr(row, "inactive_flag", None),
        getattr(category, "id", None),
    )


def _is_a_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
