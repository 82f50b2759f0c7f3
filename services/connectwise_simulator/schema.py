"""What a record may hold: field names with their types, lengths and roles.

The facts come from the contract's field tables; the notation is ours.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Record = dict[str, Any]

INFO = ("lastUpdated", "updatedBy", "dateEntered", "enteredBy")

# A reference type and the table its id points into. Types that are not here are kept as given.
TABLE_OF_REFERENCE = {
    "AgreementReference": "agreements",
    "AgreementTypeReference": "agreementTypes",
    "BillingCycleReference": "billingCycles",
    "BillingStatusReference": "billingStatuses",
    "BillingTermsReference": "billingTerms",
    "CompanyReference": "companies",
    "CompanyStatusReference": "companyStatuses",
    "CompanyTypeReference": "companyTypes",
    "ContactReference": "contacts",
    "ContactTypeReference": "contactTypes",
    "CurrencyReference": "currencies",
    "IvItemReference": "catalog",
    "ManufacturerReference": "manufacturers",
    "MemberReference": "members",
    "ProductCategoryReference": "categories",
    "ProductSubCategoryReference": "subcategories",
    "ProductTypeReference": "productTypes",
    "SecurityRoleReference": "securityRoles",
    "SiteReference": "companySites",
    "TaxCodeReference": "taxCodes",
    "UnitOfMeasureReference": "unitOfMeasures",
}

# Members a reference shows beside its id, taken from the record it points at.
SHOWN_BY_REFERENCE = {
    "AgreementReference": ("name",),
    "CompanyReference": ("identifier", "name"),
    "CurrencyReference": ("name", "symbol", "currencyIdentifier", "numberOfDecimals"),
    "IvItemReference": ("identifier", "serializedFlag"),
    "MemberReference": ("identifier",),
}

# Members a client may send or filter by in a reference, beyond id, name, identifier and _info.
MORE_MEMBERS = {
    "AgreementReference": ("type", "chargeFirmFlag"),
    "BillingStatusReference": ("isClosed",),
    "ConfigurationReference": ("deviceIdentifier",),
    "ContactCommunicationItem": ("type", "value", "extension", "defaultFlag", "domain", "communicationType"),
    "CurrencyReference": (
        *("symbol", "currencyCode", "currencyIdentifier", "displayIdFlag", "displaySymbolFlag", "rightAlign"),
        *("decimalSeparator", "numberOfDecimals", "thousandsSeparator", "negativeParenthesesFlag"),
    ),
    "CustomFieldValue": ("caption", "type", "entryMethod", "numberOfDecimals", "value", "connectWiseId"),
    "InvoiceGroupingReference": ("description", "showPriceFlag", "showSubItemsFlag", "groupParentChildAdditionsFlag"),
    "IvItemReference": ("serializedFlag",),
    "LdapConfigurationReference": ("server",),
    "MemberReference": ("dailyCapacity",),
    "MemberSsoSettingsReference": ("ssoUserId", "userName", "email"),
    "UserDefinedFieldOption": ("optionValue", "defaultFlag", "inactiveFlag", "sortOrder"),
    "WorkTypeReference": ("utilizationFlag",),
}

# Members of a reference or of a list's item that are references themselves.
REFERENCES_INSIDE = {("ContactCommunicationItem", "type"): "CommunicationTypeReference"}
ANYTHING = (("CustomFieldValue", "value"),)  # what fits a custom field its definition says

# Items of a list that are known by an id of their own; those of other lists are numbered as they are sent.
IDENTIFIED = ("ContactCommunicationItem", "CustomFieldValue")


class Kind(Enum):
    """How a value is read, compared and written."""

    INTEGER = "int"
    NUMBER = "num"
    FLAG = "flag"
    TEXT = "text"
    DATE = "date"
    CHOICE = "one"
    REFERENCE = ">"
    REFERENCES = "[]>"
    LIST = "list"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a record."""

    name: str
    kind: Kind
    required: bool = False
    computed: bool = False
    newer: bool = False  # came after 2025.1: unknown to callers that ask for that version
    needed_on_update: bool = False  # may be left out of a creation, not of a replacement
    longest: int | None = None
    choices: tuple[str, ...] = ()
    reference: str = ""

    @property
    def table(self) -> str | None:
        """The table a reference points into, if this simulator has it."""
        return TABLE_OF_REFERENCE.get(self.reference)

    @property
    def members(self) -> frozenset[str]:
        """Names allowed inside a reference."""
        return members_of(self.reference)


@dataclass(frozen=True)
class Model:
    """A record type: fields in the order they are answered."""

    name: str
    fields: dict[str, Field]
    folded: dict[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folded", {n.lower(): f for n, f in self.fields.items()})

    @property
    def resource(self) -> str:
        """The name error bodies use: the type with a small first letter."""
        return self.name[0].lower() + self.name[1:]


def members_of(reference: str) -> frozenset[str]:
    """Names allowed inside a value of this reference type."""
    return frozenset(("id", "name", "identifier", "_info", *MORE_MEMBERS.get(reference, ())))


def shown_members(reference: str) -> tuple[str, ...]:
    """What a reference shows of its target beside the id."""
    return SHOWN_BY_REFERENCE.get(reference, ("name",))


_TOKEN = re.compile(r"(?P<name>\w+)(?P<marks>[*=^+]*):(?P<type>.+)")


def model(name: str, notation: str) -> Model:
    """A model from its notation: `name[marks]:type`, separated by white space.

    Marks: `*` required on create, `+` required on updates, `=` computed by the service, `^` newer than version 2025.1.
    Types: `int`, `num`, `flag`, `date`, `map`, `list`, `text` or `text50` (longest), `one(A|B)`,
    `>CompanyReference` (an object with an id), `[]>CompanyTypeReference` (a list of them).
    """
    return Model(name, {f.name: f for f in map(_field, notation.split())})


def _field(token: str) -> Field:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError(f"not a field: {token}")
    marks, kind = match["marks"], match["type"]
    more: dict[str, Any] = {}
    if kind.startswith("text"):
        more["longest"] = int(kind[4:]) if kind[4:] else None
        kind = "text"
    elif kind.startswith("one("):
        more["choices"] = tuple(kind[4:-1].split("|"))
        kind = "one"
    elif ">" in kind:
        kind, _, more["reference"] = kind.partition(">")
        kind += ">"
    return Field(match["name"], Kind(kind), "*" in marks, "=" in marks, "^" in marks, "+" in marks, **more)
