"""Which addresses there are: each with its table, the right it needs and the verbs it takes.

Verbs as in the contract: R list and count, C create, r read, U replace, P patch, D delete.
"""

from dataclasses import dataclass

from connectwise_simulator import models_company as company
from connectwise_simulator import models_finance as finance
from connectwise_simulator import models_procurement as procurement
from connectwise_simulator.schema import Model, Record
from connectwise_simulator.tables import Parent


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table: its model, how a record names its parent, and which fields no two records may share."""

    model: Model
    parent: Parent | None = None
    unique: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """A path under `/apis/3.0/`."""

    path: str
    table: str
    function: str
    verbs: str
    parent_table: str | None = None
    open_to_read: bool = False  # setup tables with the "lock" sign: readable without Table Setup


def _agreement_of(addition: Record) -> int:
    return int(addition["agreementId"])


def _category_of(subcategory: Record) -> int | None:
    category = subcategory.get("category")
    return int(category["id"]) if category else None


TABLES = {
    "companyStatuses": TableSpec(company.COMPANY_STATUS, unique=("name",)),
    "companyTypes": TableSpec(company.COMPANY_TYPE, unique=("name",)),
    "companies": TableSpec(company.COMPANY, unique=("identifier",)),
    "contacts": TableSpec(company.CONTACT),
    "agreementTypes": TableSpec(finance.AGREEMENT_TYPE, unique=("name",)),
    "billingCycles": TableSpec(finance.BILLING_CYCLE, unique=("name",)),
    "billingTerms": TableSpec(finance.BILLING_TERM, unique=("name",)),
    "currencies": TableSpec(finance.CURRENCY, unique=("currencyIdentifier",)),
    "taxCodes": TableSpec(finance.TAX_CODE, unique=("identifier",)),
    "agreements": TableSpec(finance.AGREEMENT),
    "additions": TableSpec(finance.ADDITION, parent=_agreement_of),
    "categories": TableSpec(procurement.CATEGORY, unique=("name",)),
    "subcategories": TableSpec(procurement.SUBCATEGORY, parent=_category_of),
    "productTypes": TableSpec(procurement.PRODUCT_TYPE, unique=("name",)),
    "unitOfMeasures": TableSpec(procurement.UNIT_OF_MEASURE, unique=("name",)),
    "catalog": TableSpec(procurement.CATALOG_ITEM, unique=("identifier",)),
}

SETUP = "Table Setup"
LONGEST_ID = 10

RESOURCES = (
    Resource("company/companies/statuses", "companyStatuses", SETUP, "RCrP"),
    Resource("company/companies/types", "companyTypes", SETUP, "RCrP"),
    Resource("company/companies", "companies", "Company Maintenance", "RCrUP"),
    Resource("company/contacts", "contacts", "Contacts", "RCrUP"),
    Resource("finance/agreements/types", "agreementTypes", SETUP, "RCrP"),
    Resource("finance/agreements", "agreements", "Agreements", "RCrUP"),
    Resource("finance/agreements/{}/additions", "additions", "Agreements", "RCrUPD", "agreements"),
    Resource("finance/billingCycles", "billingCycles", SETUP, "RCrP", open_to_read=True),
    Resource("finance/billingTerms", "billingTerms", SETUP, "RCrP", open_to_read=True),
    Resource("finance/currencies", "currencies", SETUP, "RCrP", open_to_read=True),
    Resource("finance/taxCodes", "taxCodes", SETUP, "RCrP", open_to_read=True),
    Resource("procurement/catalog", "catalog", "Product Catalog", "RCrUP"),
    Resource("procurement/categories", "categories", SETUP, "RCrP"),
    Resource("procurement/categories/{}/subcategories", "subcategories", SETUP, "RCrP", "categories"),
    Resource("procurement/subcategories", "subcategories", SETUP, "RCrP"),
    Resource("procurement/types", "productTypes", SETUP, "RCrP"),
    Resource("procurement/unitOfMeasures", "unitOfMeasures", SETUP, "RCrP"),
)


def route(path: str) -> tuple[str, tuple[int, ...]]:
    """A path in lower case with `{}` for ids, and the ids: how addresses are looked up and calls are counted."""
    parts, ids = [], []
    for part in path.lower().split("/"):
        if part.isascii() and part.isdigit() and len(part) <= LONGEST_ID:
            ids.append(int(part))
            parts.append("{}")
        elif part:
            parts.append(part)
    return "/".join(parts), tuple(ids)


# (route) -> (resource, "list" | "count" | "item")
ADDRESSES = {
    key: (resource, form)
    for resource in RESOURCES
    for key, form in (
        (resource.path.lower(), "list"),
        (f"{resource.path.lower()}/count", "count"),
        (resource.path.lower() + "/{}", "item"),
    )
}
