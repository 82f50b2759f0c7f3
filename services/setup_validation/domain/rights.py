"""What the role of the API member may do: levels the site states, and what a live inquiry says to them (R12-R23)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from setup_validation.domain.answers import Answer, failed, passed, unknown
from setup_validation.domain.facts import Facts, Refused, Unread

_ACTIONS = {"A": "add", "E": "edit", "I": "inquire"}

# Module functions by their names on the role's screen, under the heading they stand under there.
MODULES = {
    "Company Maintenance": "Companies",
    "Contacts": "Companies",
    "Agreements": "Finance",
    "Product Catalog": "Procurement",
    "Products": "Procurement",
    "Table Setup": "System",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """Levels that must be All, by profile (`AEI`: Add, Edit and Inquire), and the inquiry that was made to prove it."""

    function: str
    letters: Mapping[str, str]
    inquiry: Callable[[Facts], Any] | None = None

    def __call__(self, facts: Facts) -> Answer:
        """Whether the role has them. A refused inquiry outweighs what the site says of the role."""
        letters = self.letters[facts.profile]
        inquired = self.inquiry(facts) if self.inquiry else None
        if isinstance(inquired, Refused):
            return failed(f"Inquire is refused; it should be All ({_wanted(letters)} in all)")
        rights = facts.rights
        if isinstance(rights, Refused | Unread) or self.function not in rights:
            if letters == "I" and self.inquiry is not None and not isinstance(inquired, Unread):
                return passed("by an inquiry; the site does not tell the role's levels")
            why = rights.why if isinstance(rights, Unread) else "the site does not tell the role's levels"
            return unknown(Unread(why))
        levels = rights[self.function]
        lacking = [
            f"{action.capitalize()} is {getattr(levels, action)}"
            for letter, action in _ACTIONS.items()
            if letter in letters and getattr(levels, action) != "All"
        ]
        if lacking:
            return failed(f"{', '.join(lacking)}; it should be All")
        return unknown(inquired) if isinstance(inquired, Unread) else passed()


def role_is_least(facts: Facts) -> Answer:
    """No level for Delete, which is never used (R10, R19)."""
    if isinstance(facts.rights, Refused | Unread):
        return unknown(facts.rights if isinstance(facts.rights, Unread) else Unread("the role's levels are not told"))
    deleting = sorted(name for name, levels in facts.rights.items() if levels.delete != "None")
    return failed(f"Delete is allowed for {', '.join(deleting)}") if deleting else passed()


def tables_are_readable(facts: Facts) -> Answer:
    """Table Setup, where it is customised, still reaches the five tables that are read (R18)."""
    tables = {
        "Company / Company Status": facts.company_statuses,
        "Products / Category": facts.categories,
        "Products / Subcategory": facts.subcategories,
        "Products / Product Type": facts.product_types,
        "Products / UOM": facts.units,
    }
    refused = [name for name, rows in tables.items() if isinstance(rows, Refused)]
    if len(refused) == len(tables):
        return passed("nothing of Table Setup can be read: see its own check")
    if refused:
        return failed(f"not readable: {', '.join(refused)}")
    return next((unknown(rows) for rows in tables.values() if isinstance(rows, Unread)), passed())


def _wanted(letters: str) -> str:
    return ", ".join(_ACTIONS[letter].capitalize() for letter in letters)
