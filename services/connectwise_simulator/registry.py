"""Which addresses there are: each with its table, the right it needs and the verbs it takes.

Verbs as in the contract: R list and count, C create, r read, U replace, P patch, D delete.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from connectwise_simulator.models import callbacks, company, finance, invoicing, procurement, system
from connectwise_simulator.schema import Model, Record
from connectwise_simulator.tables import Parent


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table: its model, the field in which a record names its parent, and which fields no two records may share."""

    model: Model
    under: str | None = None
    unique: tuple[str, ...] = ()

    @property
    def parent(self) -> Parent | None:
        """How a record names its parent, for tables whose records have one."""
        return self.parent_of if self.under is not None else None

    def parent_of(self, record: Record) -> int | None:
        """The id of a record's parent, if it has one."""
        found = record.get(self.under or "")
        return found.get("id") if isinstance(found, dict) else found


@dataclass(frozen=True, slots=True)
class Resource:
    """A path under `/apis/3.0/`."""

    path: str
    table: str
    function: str
    verbs: str
    parent_table: str | None = None
    open_to_read: bool = False  # readable without the right: setup tables with the "lock" sign, `system/info`
    view: Model | None = None  # what the address shows and takes of a row, where that is not the table's own model
    info: Model | None = None  # what `/info` beside it shows
    fixed: dict[str, Any] = field(default_factory=dict)  # the only rows it has, and what it makes
    counted: bool = True  # has a `/count` beside the list

    def model(self, table: Model) -> Model:
        """What the address shows and takes of a table's rows."""
        return self.view or table


TABLES = {
    "companyStatuses": TableSpec(company.COMPANY_STATUS, unique=("name",)),
    "companyTypes": TableSpec(company.COMPANY_TYPE, unique=("name",)),
    "companies": TableSpec(company.COMPANY, unique=("identifier",)),
    "companySites": TableSpec(company.COMPANY_SITE, under="company"),
    "typeAssociations": TableSpec(company.COMPANY_TYPE_ASSOCIATION, under="company"),
    "contacts": TableSpec(company.CONTACT),
    "contactTypes": TableSpec(company.CONTACT_TYPE, unique=("description",)),
    "contactTypeAssociations": TableSpec(company.CONTACT_TYPE_ASSOCIATION, under="contact"),
    "communications": TableSpec(company.CONTACT_COMMUNICATION, under="contactId"),
    "agreementTypes": TableSpec(finance.AGREEMENT_TYPE, unique=("name",)),
    "billingCycles": TableSpec(finance.BILLING_CYCLE, unique=("name",)),
    "billingTerms": TableSpec(finance.BILLING_TERM, unique=("name",)),
    "currencies": TableSpec(finance.CURRENCY, unique=("currencyIdentifier",)),
    "taxCodes": TableSpec(finance.TAX_CODE, unique=("identifier",)),
    "billingStatuses": TableSpec(invoicing.BILLING_STATUS, unique=("name",)),
    "agreements": TableSpec(finance.AGREEMENT, under="parentAgreement"),
    "additions": TableSpec(finance.ADDITION, under="agreementId"),
    "adjustments": TableSpec(finance.ADJUSTMENT, under="agreementId"),
    "agreementSites": TableSpec(finance.AGREEMENT_SITE, under="agreementId"),
    "agreementWorkRoles": TableSpec(finance.AGREEMENT_WORK_ROLE, under="agreementId"),
    "agreementWorkTypes": TableSpec(finance.AGREEMENT_WORK_TYPE, under="agreementId"),
    "boardDefaults": TableSpec(finance.BOARD_DEFAULT, under="agreementId"),
    "workRoleExclusions": TableSpec(finance.WORK_ROLE_EXCLUSION, under="agreementId"),
    "workTypeExclusions": TableSpec(finance.WORK_TYPE_EXCLUSION, under="agreementId"),
    "invoices": TableSpec(invoicing.INVOICE, unique=("invoiceNumber",)),
    "invoiceLines": TableSpec(invoicing.INVOICE_LINE, under="additionId"),
    "agreementInvoices": TableSpec(invoicing.AGREEMENT_INVOICE, under="agreementId"),
    "openings": TableSpec(invoicing.OPENING),
    "categories": TableSpec(procurement.CATEGORY, unique=("name",)),
    "subcategories": TableSpec(procurement.SUBCATEGORY, under="category"),
    "productTypes": TableSpec(procurement.PRODUCT_TYPE, unique=("name",)),
    "unitOfMeasures": TableSpec(procurement.UNIT_OF_MEASURE, unique=("name",)),
    "manufacturers": TableSpec(procurement.MANUFACTURER, unique=("name",)),
    "catalog": TableSpec(procurement.CATALOG_ITEM, unique=("identifier",)),
    "securityRoles": TableSpec(system.SECURITY_ROLE_ROW, unique=("name",)),
    "members": TableSpec(system.MEMBER_ROW, unique=("identifier",)),
    "callbacks": TableSpec(callbacks.CALLBACK_ENTRY),
    "userDefinedFields": TableSpec(system.USER_DEFINED_FIELD),
    "corporateStructure": TableSpec(system.CORPORATE_STRUCTURE),
    "corporateStructureLevels": TableSpec(system.CORPORATE_STRUCTURE_LEVEL),
    "crm": TableSpec(system.CRM),
    "otherSettings": TableSpec(system.OTHER),
    "serviceSettings": TableSpec(system.SERVICE),
}

# Module functions by the contract's names; members and roles are under Member Maintenance [assumed for roles].
SETUP = "Table Setup"
MEMBERS = "Member Maintenance"
ALL = "RCrUPD"
LONGEST_ID = 10

RESOURCES = (
    Resource("company/companies/statuses", "companyStatuses", SETUP, ALL),
    Resource("company/companies/types", "companyTypes", SETUP, ALL),
    Resource("company/companies", "companies", "Company Maintenance", ALL, info=company.COMPANY_INFO),
    Resource(
        *("company/companies/{}/sites", "companySites", "Company Maintenance", ALL, "companies"),
        info=company.COMPANY_SITE_INFO,
    ),
    Resource("company/companies/{}/typeAssociations", "typeAssociations", "Company Maintenance", ALL, "companies"),
    Resource("company/companyTypeAssociations", "typeAssociations", "Company Maintenance", ALL),
    Resource("company/contacts", "contacts", "Contacts", ALL),
    Resource("company/contacts/types", "contactTypes", SETUP, ALL, info=company.CONTACT_TYPE_INFO),
    Resource("company/contacts/{}/communications", "communications", "Contacts", ALL, "contacts"),
    Resource("company/contacts/{}/types", "contactTypeAssociations", "Contacts", ALL, "contacts"),
    Resource("finance/agreements/types", "agreementTypes", SETUP, ALL, info=finance.AGREEMENT_TYPE_INFO),
    Resource("finance/agreements", "agreements", "Agreements", ALL),
    Resource("finance/agreements/{}/additions", "additions", "Agreements", ALL, "agreements"),
    Resource("finance/agreements/{}/adjustments", "adjustments", "Agreements", ALL, "agreements"),
    Resource("finance/agreements/{}/sites", "agreementSites", "Agreements", ALL, "agreements"),
    Resource("finance/agreements/{}/workroles", "agreementWorkRoles", "Agreements", ALL, "agreements"),
    Resource("finance/agreements/{}/worktypes", "agreementWorkTypes", "Agreements", ALL, "agreements"),
    Resource("finance/agreements/{}/boardDefaults", "boardDefaults", "Agreements", ALL, "agreements"),
    Resource("finance/agreements/{}/workRoleExclusions", "workRoleExclusions", "Agreements", "RCD", "agreements"),
    Resource("finance/agreements/{}/workTypeExclusions", "workTypeExclusions", "Agreements", "RCD", "agreements"),
    Resource(
        *("finance/billingCycles", "billingCycles", SETUP, ALL), open_to_read=True, info=finance.BILLING_CYCLE_INFO
    ),
    Resource("finance/billingStatuses", "billingStatuses", SETUP, ALL, open_to_read=True),
    Resource("finance/billingTerms", "billingTerms", SETUP, ALL, open_to_read=True),
    Resource("finance/currencies", "currencies", SETUP, ALL, open_to_read=True),
    Resource("finance/invoices", "invoices", "Invoicing", "RCrUPD"),
    Resource("finance/taxCodes", "taxCodes", SETUP, ALL, open_to_read=True),
    Resource("procurement/catalog", "catalog", "Product Catalog", ALL, info=procurement.CATALOG_ITEM_INFO),
    Resource("procurement/categories", "categories", SETUP, ALL, info=procurement.CATEGORY_INFO),
    Resource(
        *("procurement/categories/{}/subcategories", "subcategories", SETUP, ALL, "categories"),
        view=procurement.LEGACY_SUBCATEGORY,
        info=procurement.LEGACY_SUBCATEGORY_INFO,
    ),
    Resource("procurement/manufacturers", "manufacturers", SETUP, ALL, info=procurement.MANUFACTURER_INFO),
    Resource("procurement/subcategories", "subcategories", SETUP, ALL, info=procurement.SUBCATEGORY_INFO),
    Resource("procurement/types", "productTypes", SETUP, ALL, info=procurement.PRODUCT_TYPE_INFO),
    Resource("procurement/unitOfMeasures", "unitOfMeasures", SETUP, ALL),
    Resource(
        *("system/apiMembers", "members", MEMBERS, "RCrUP"),
        view=system.API_MEMBER,
        fixed={"licenseClass": "A"},
    ),
    Resource("system/callbacks", "callbacks", SETUP, ALL),
    Resource("system/members", "members", MEMBERS, "RCrUP", view=system.MEMBER),
    Resource("system/info/members", "members", MEMBERS, "Rr", open_to_read=True, view=system.MEMBER_INFO),
    Resource(
        *("system/securityroles", "securityRoles", MEMBERS, "RCrD"),
        view=system.SECURITY_ROLE,
        info=system.SECURITY_ROLE_INFO,
    ),
    Resource("system/securityRoles/{}/settings", "roleSettings", MEMBERS, "Rr", "securityRoles"),
    Resource("system/mySecurity", "mySecurity", MEMBERS, "R", open_to_read=True, counted=False),
    Resource("system/mySecurity/customizeItems", "customizeItems", MEMBERS, "R", open_to_read=True, counted=False),
    Resource("system/userDefinedFields", "userDefinedFields", SETUP, ALL, info=system.USER_DEFINED_FIELD_INFO),
    Resource(
        *("system/myCompany/corporateStructure", "corporateStructure", "My Company", "RrUP"),
        info=system.CORPORATE_STRUCTURE_INFO,
    ),
    Resource("system/myCompany/corporateStructureLevels", "corporateStructureLevels", "My Company", "Rr"),
    Resource("system/myCompany/crm", "crm", "My Company", "RrUP", info=system.CRM_INFO),
    Resource("system/myCompany/other", "otherSettings", "My Company", "RrUP"),
    Resource("system/myCompany/services", "serviceSettings", "My Company", "RrUP"),
    Resource("system/myCompany/info/services", "serviceSettings", "My Company", "Rr", view=system.SERVICE_INFO),
)


def route(path: str) -> tuple[str, tuple[int, ...]]:
    """A path in lower case with `{}` for ids, and the ids: how addresses are looked up and calls are counted."""
    parts, ids = [], []
    for part in path.lower().split("/"):
        if part.isascii() and part.isdigit() and len(part) <= LONGEST_ID:
            ids.append(int(part))
            parts.append("{}")
        elif parts and parts[-1] == "recurringparameters":  # the one id that is a text: of a part of a screen
            parts.append("{}")
        elif part:
            parts.append(part)
    return "/".join(parts), tuple(ids)


def _addresses(resource: Resource) -> dict[str, tuple[Resource, str]]:
    path = resource.path.lower()
    found = {path: (resource, "list"), path + "/{}": (resource, "item")}
    if resource.counted:
        found[f"{path}/count"] = resource, "count"
    if resource.info is not None:
        info = replace(resource, view=resource.info, verbs="Rr")
        # Published is one of the two counts.
        counts = {f"{path}/info/count": (info, "count"), f"{path}/count/info": (info, "count")}
        found |= {f"{path}/info": (info, "list"), path + "/{}/info": (info, "item"), **counts}
    return found


# (route) -> (resource, "list" | "count" | "item")
ADDRESSES = {key: value for resource in RESOURCES for key, value in _addresses(resource).items()}
