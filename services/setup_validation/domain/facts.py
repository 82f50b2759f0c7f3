"""What was found out about a site, told apart from what was refused and from what nobody knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeVar

T = TypeVar("T")

Profile = Literal["sync", "sync+create", "count-only"]


class Reach(StrEnum):
    """How far the first call came (R7). UNCLEAR is a site that is slow or in trouble: nothing is known of it."""

    UNUSABLE = "unusable"
    UNREACHABLE = "unreachable"
    NOT_CONNECTWISE = "not_connectwise"
    COMPANY_UNKNOWN = "company_unknown"
    KEY_REFUSED = "key_refused"
    ANSWERED = "answered"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Refused:
    """The key is good, its role may not read this (403)."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Nobody knows: the site gave no clear answer, or it was not asked."""

    why: str


@dataclass(frozen=True, slots=True)
class Levels:
    """The role's levels for one module function: None, My or All for each action."""

    add: str = "None"
    edit: str = "None"
    delete: str = "None"
    inquire: str = "None"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a setup table, or a catalog item; `parent` is a subcategory's category."""

    id: int
    name: str
    active: bool
    parent: int | None = None


Rights = Mapping[str, Levels]
Rows = tuple[Row, ...]
NOT_ASKED = Unread("not asked")


@dataclass(frozen=True, slots=True)
class Facts:
    """One reading of a site. Counts are what an inquiry of the whole list found."""

    profile: Profile
    reach: Reach
    said: str = ""
    time_zone: str = ""
    zone_is_known: bool = False
    rights: Rights | Refused | Unread = NOT_ASKED
    companies: int | Refused | Unread = NOT_ASKED
    agreements: int | Refused | Unread = NOT_ASKED
    misc_items: Rows | Refused | Unread = NOT_ASKED
    categories: Rows | Refused | Unread = NOT_ASKED
    subcategories: Rows | Refused | Unread = NOT_ASKED
    product_types: Rows | Refused | Unread = NOT_ASKED
    units: Rows | Refused | Unread = NOT_ASKED
    company_statuses: Rows | Refused | Unread = NOT_ASKED
