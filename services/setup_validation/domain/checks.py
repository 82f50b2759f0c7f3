"""All checks, as data: what is looked at, on which screen it is mended, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from setup_validation.domain import connection, prerequisites, rights
from setup_validation.domain.answers import Answer
from setup_validation.domain.facts import Facts

Severity = Literal["required", "recommended", "information"]

# What a profile may be used for; a feature is given when none of its required checks is in doubt.
OFFERED = {
    "sync": ("additions", "catalog", "companies"),
    "sync+create": ("additions", "catalog", "companies"),
    "count-only": ("additions",),
}
EVERY = frozenset({"additions", "catalog", "companies"})
_CATALOG = frozenset({"catalog"})
_WRITING = frozenset({"sync", "sync+create"})
_ALL_PROFILES = frozenset(OFFERED)
_ROLE = "System > Security Roles > the role of the API member > "
_TABLES = "System > Setup Tables > "


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must, or should, be so. `features` cannot be used while a required check of theirs fails."""

    id: str
    title: str
    examine: Callable[[Facts], Answer]
    screen: str
    fix: str
    requirements: tuple[str, ...]
    features: frozenset[str] = frozenset()
    severity: Severity = "required"
    profiles: frozenset[str] = _ALL_PROFILES


def _role(
    check_id: str, needs: rights.Needs, requirements: tuple[str, ...], features: frozenset[str], more: str = ""
) -> Check:
    module = f"{rights.MODULES[needs.function]} > {needs.function}"
    return Check(
        check_id,
        f"Role: {needs.function}",
        needs,
        _ROLE + module,
        f"Set the levels named to All, save the role, then check again.{more}",
        requirements,
        features,
        profiles=frozenset(needs.letters),
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "site",
        "The site answers",
        connection.site_answers,
        "the address you sign in to ConnectWise at",
        "Compare the address with the one in your browser; an on-premise site must be reachable from here.",
        ("R6", "R7"),
        EVERY,
    ),
    Check(
        "company-id",
        "The site knows the company id",
        connection.company_is_known,
        "the Company field of the sign-in page",
        "Enter the company id exactly as you sign in with it.",
        ("R7",),
        EVERY,
    ),
    Check(
        "key",
        "The site accepts the key",
        connection.key_is_accepted,
        "System > Members > API Members > API Keys",
        "Make a new key, copy both halves at once (the private one is never shown again), and enter it here.",
        ("R5", "R6", "R7", "R8"),
        EVERY,
    ),
    _role(
        "role-companies",
        rights.Needs("Company Maintenance", {"sync": "I", "sync+create": "AEI"}, lambda facts: facts.companies),
        ("R7", "R12"),
        frozenset({"companies"}),
    ),
    _role(
        "role-contacts",
        rights.Needs("Contacts", {"sync+create": "AEI"}),
        ("R83", "B20"),
        frozenset({"companies"}),
    ),
    _role(
        "role-agreements",
        rights.Needs(
            "Agreements", {"sync": "AEI", "sync+create": "AEI", "count-only": "EI"}, lambda facts: facts.agreements
        ),
        ("R13", "R14", "R20"),
        frozenset({"additions", "companies"}),
        " Where the row is customized, agreement types that are left out stay invisible.",
    ),
    _role(
        "role-catalog",
        rights.Needs(
            "Product Catalog", {"sync": "AEI", "sync+create": "AEI", "count-only": "I"}, lambda facts: facts.misc_items
        ),
        ("R9", "R15", "R21"),
        _CATALOG,
    ),
    _role(
        "role-products",
        rights.Needs("Products", {"sync": "AEI", "sync+create": "AEI"}),
        ("R16",),
        _CATALOG,
    ),
    _role(
        "role-tables",
        rights.Needs("Table Setup", {"sync": "AEI", "sync+create": "AEI"}),
        ("R17",),
        _CATALOG,
    ),
    Check(
        "role-table-items",
        "Role: Table Setup reaches the tables needed",
        rights.tables_are_readable,
        _ROLE + "System > Table Setup > customize",
        "Move the tables named to Access Allowed, save the role, then check again.",
        ("R18",),
        _CATALOG,
        profiles=_WRITING,
    ),
    Check(
        "role-least",
        "Role: nothing more than needed",
        rights.role_is_least,
        _ROLE + "every module",
        "Set every Delete level to None; it is never used.",
        ("R10", "R19"),
        severity="information",
    ),
    Check(
        "category",
        "Category Miscellaneous is active",
        prerequisites.category_is_active,
        _TABLES + "Category",
        "Untick Inactive on Miscellaneous, or create it; then subcategory, then product type.",
        ("R25", "R28", "R29"),
        _CATALOG,
        profiles=_WRITING,
    ),
    Check(
        "subcategory",
        "Subcategory Miscellaneous is active",
        prerequisites.subcategory_is_active,
        _TABLES + "Subcategory",
        "Untick Inactive on Miscellaneous, or create it in the category Miscellaneous.",
        ("R26", "R28", "R29"),
        _CATALOG,
        profiles=_WRITING,
    ),
    Check(
        "product-type",
        "Product type Miscellaneous is active",
        prerequisites.product_type_is_active,
        _TABLES + "Product Type",
        "Untick Inactive on Miscellaneous, or create it after category and subcategory.",
        ("R27", "R28", "R29"),
        _CATALOG,
        profiles=_WRITING,
    ),
    Check(
        "unit",
        "Unit of measure Each is active",
        prerequisites.unit_is_active,
        _TABLES + "UOM",
        "Untick Inactive on Each, or create it.",
        ("R30", "R31", "R32", "R33"),
        _CATALOG,
        profiles=_WRITING,
    ),
    Check(
        "misc-items",
        "Miscellaneous catalog items are active",
        prerequisites.misc_items_are_active,
        "Procurement > Product Catalog, Product ID `misc`, Status All",
        "Open each item named and press ACTIVATE.",
        ("R24",),
        severity="recommended",
        profiles=_WRITING,
    ),
    Check(
        "time-zone",
        "The site's time zone is known",
        connection.time_zone_is_known,
        "System > My Company",
        "Dates are reckoned in UTC until the site names a zone we know.",
        ("B7",),
        severity="recommended",
    ),
)


def checks_of(profile: str) -> tuple[Check, ...]:
    """Those that a connection of this profile must pass."""
    return tuple(check for check in CHECKS if profile in check.profiles)
