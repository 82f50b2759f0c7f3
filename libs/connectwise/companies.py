"""Companies and what classifies them."""

from connectwise.records import CurrencyReference, CustomField, IdentifiedRecord, Reference


class CompanyStatus(IdentifiedRecord):
    """A status that companies can have."""

    name: str | None = None
    default_flag: bool | None = None
    inactive_flag: bool | None = None
    disallow_saving_flag: bool | None = None


class CompanyType(IdentifiedRecord):
    """A type that companies can have, several at once."""

    name: str | None = None
    default_flag: bool | None = None
    vendor_flag: bool | None = None


class Company(IdentifiedRecord):
    """A customer, vendor or prospect of the MSP."""

    identifier: str | None = None
    name: str | None = None
    status: Reference | None = None
    types: list[Reference] | None = None
    territory: Reference | None = None
    country: Reference | None = None
    default_contact: Reference | None = None
    parent_company: Reference | None = None
    bill_to_company: Reference | None = None
    account_number: str | None = None
    vendor_identifier: str | None = None
    tax_code: Reference | None = None
    currency: CurrencyReference | None = None
    website: str | None = None
    deleted_flag: bool | None = None
    custom_fields: list[CustomField] | None = None
