"""Who may do what: levels None, My or All for add, edit, delete and inquire, by module function.

The ready-made roles hold the rows of the requirements and nothing else: `sync` R12-R19, `sync+create` adds companies
and contacts (B20), `count-only` R20-R22. Each is also there with one cell or one row missing:
`sync-without:Agreements.add`, `count-only-without:Product Catalog`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

ACTIONS = ("add", "edit", "delete", "inquire")
LEVELS = ("None", "My", "All")
WITHOUT = "-without:"

# (module, function); the identifiers of the real service are not in any source, so names stand for them.
FUNCTIONS = (
    ("Companies", "Company Maintenance"),
    ("Companies", "Contacts"),
    ("Finance", "Agreements"),
    ("Finance", "Agreement Invoicing"),
    ("Finance", "Agreement Sales"),
    ("Finance", "Invoicing"),
    ("Procurement", "Product Catalog"),
    ("Procurement", "Products"),
    ("System", "API Reports"),
    ("System", "Member Maintenance"),
    ("System", "My Company"),
    ("System", "Table Setup"),
)
FUNCTION_NAMES = tuple(name for _, name in FUNCTIONS)

# The setup tables a role may be customised to, as the screens name them.
SETUP_TABLES = {
    "agreementTypes": "Agreements / Agreement Type",
    "billingCycles": "Invoices / Billing Cycle",
    "billingStatuses": "Invoices / Billing Status",
    "billingTerms": "Invoices / Billing Terms",
    "callbacks": "System / Callbacks",
    "categories": "Products / Category",
    "companyStatuses": "Company / Company Status",
    "companyTypes": "Company / Company Type",
    "contactTypes": "Contact / Contact Type",
    "currencies": "Invoices / Currency",
    "manufacturers": "Products / Manufacturer",
    "productTypes": "Products / Product Type",
    "subcategories": "Products / Subcategory",
    "taxCodes": "Invoices / Tax Code",
    "unitOfMeasures": "Products / Unit of Measure",
    "userDefinedFields": "System / Custom Fields",
}


@dataclass(frozen=True, slots=True)
class Role:
    """Levels by function and action; a cell that is not there is None."""

    name: str
    cells: Mapping[tuple[str, str], str] = field(default_factory=dict)
    setup_tables: frozenset[str] | None = None  # None: every table
    agreement_types: frozenset[str] | None = None  # names; None: every type

    def level(self, function: str, action: str) -> str:
        """None, My or All."""
        return self.cells.get((function, action), "None")

    def without(self, function: str, *actions: str) -> "Role":
        """The same role with these cells (or the whole row) at None."""
        lost = {(function, action) for action in actions or ACTIONS}
        return replace(self, cells={cell: level for cell, level in self.cells.items() if cell not in lost})

    def sees_type(self, agreement_type: str) -> bool:
        """Whether agreements of this type are within the role's customised access (R14, R22)."""
        return self.agreement_types is None or agreement_type in self.agreement_types


def cells(letters: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Cells at All from letters: `{"Agreements": "AEI"}` is Add, Edit and Inquire."""
    names = {action[0].upper(): action for action in ACTIONS}
    return {(function, names[letter]): "All" for function, row in letters.items() for letter in row}


_SYNC = {
    "Company Maintenance": "I",
    "Agreements": "AEI",
    "Product Catalog": "AEI",
    "Products": "AEI",
    "Table Setup": "AEI",
}
_SYNC_TABLES = frozenset(("companyStatuses", "categories", "subcategories", "productTypes", "unitOfMeasures"))

READY_MADE = {
    role.name: role
    for role in (
        Role("admin", cells(dict.fromkeys(FUNCTION_NAMES, "AEDI"))),
        Role("sync", cells(_SYNC), _SYNC_TABLES),
        Role(
            "sync+create",
            cells({**_SYNC, "Company Maintenance": "AEI", "Contacts": "AEI"}),
            _SYNC_TABLES | {"companyTypes", "agreementTypes"},
        ),
        Role("count-only", cells({"Agreements": "EI", "Product Catalog": "I"}), frozenset()),
    )
}


def named(known: Mapping[str, Role], name: str) -> Role | None:
    """The role of a name, also `{known name}-without:{function}` and `...without:{function}.{action}`."""
    if name in known:
        return known[name]
    base, without, cell = name.partition(WITHOUT)
    function, _, action = cell.partition(".")
    if not without or base not in known or function not in FUNCTION_NAMES or action not in ("", *ACTIONS):
        return None
    return replace(known[base].without(function, *filter(None, (action,))), name=name)
