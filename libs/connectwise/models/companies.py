"""Companies, what classifies them, and their sites."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from connectwise.models.base import Change, CurrencyReference, IdentifiedRecord, NewRecord, Reference
from connectwise.models.custom_fields import CustomField, CustomFieldValues
from connectwise.models.values import CompanyRef, IdRef, NamedRef, Text

_Line = Annotated[Text, Field(max_length=50)]
_Zip = Annotated[Text, Field(max_length=12)]
_Phone = Annotated[Text, Field(max_length=30)]


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


class TypeAssociation(IdentifiedRecord):
    """One type of one company."""

    type: Reference | None = None
    company: Reference | None = None


class Company(IdentifiedRecord):
    """A customer, vendor or prospect of the MSP."""

    identifier: str | None = None
    name: str | None = None
    status: Reference | None = None
    types: list[Reference] | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: Reference | None = None
    phone_number: str | None = None
    territory: Reference | None = None
    default_contact: Reference | None = None
    parent_company: Reference | None = None
    bill_to_company: Reference | None = None
    account_number: str | None = None
    vendor_identifier: str | None = None
    tax_code: Reference | None = None
    billing_terms: Reference | None = None
    billing_site: Reference | None = None
    billing_contact: Reference | None = None
    currency: CurrencyReference | None = None
    website: str | None = None
    deleted_flag: bool | None = None
    site: Reference | None = None
    custom_fields: list[CustomField] | None = None


class CompanySite(IdentifiedRecord):
    """A place where a company is, or is billed."""

    name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state_reference: Reference | None = None
    zip: str | None = None
    country: Reference | None = None
    phone_number: str | None = None
    tax_code: Reference | None = None
    expense_reimbursement: Decimal | None = None
    primary_address_flag: bool | None = None
    default_shipping_flag: bool | None = None
    default_billing_flag: bool | None = None
    default_mailing_flag: bool | None = None
    inactive_flag: bool | None = None
    time_zone: Reference | None = None
    company: Reference | None = None
    custom_fields: list[CustomField] | None = None


class NewCompany(NewRecord):
    """A company to create; `site` is the first site that the company gets."""

    identifier: Annotated[Text, Field(min_length=1, max_length=30)]
    name: Annotated[Text, Field(min_length=1, max_length=50)]
    status: NamedRef | None = None
    types: tuple[NamedRef, ...] | None = None
    site: NamedRef | None = None
    address_line1: _Line | None = None
    address_line2: _Line | None = None
    city: _Line | None = None
    state: _Line | None = None
    zip: _Zip | None = None
    country: CompanyRef | None = None
    phone_number: _Phone | None = None
    website: Annotated[Text, Field(max_length=255)] | None = None
    territory: NamedRef | None = None
    parent_company: CompanyRef | None = None
    bill_to_company: CompanyRef | None = None
    account_number: Text | None = None
    vendor_identifier: Text | None = None
    tax_identifier: Text | None = None
    tax_code: NamedRef | None = None
    billing_terms: NamedRef | None = None
    currency: IdRef | None = None
    custom_fields: CustomFieldValues | None = None


class CompanyChange(Change):
    """What may be changed on a company; its identifier stays, as other systems know it by that."""

    name: Annotated[Text, Field(min_length=1, max_length=50)] | None = None
    status: NamedRef | None = None
    address_line1: _Line | None = None
    address_line2: _Line | None = None
    city: _Line | None = None
    state: _Line | None = None
    zip: _Zip | None = None
    country: CompanyRef | None = None
    phone_number: _Phone | None = None
    website: Annotated[Text, Field(max_length=255)] | None = None
    territory: NamedRef | None = None
    default_contact: NamedRef | None = None
    bill_to_company: CompanyRef | None = None
    billing_site: NamedRef | None = None
    billing_contact: NamedRef | None = None
    account_number: Text | None = None
    vendor_identifier: Text | None = None
    tax_code: NamedRef | None = None
    billing_terms: NamedRef | None = None
    custom_fields: CustomFieldValues | None = None


class NewTypeAssociation(NewRecord):
    """One more type for a company."""

    type: NamedRef
    company: CompanyRef


class TypeAssociationChange(Change):
    """Another type instead of this one."""

    type: NamedRef | None = None


class NewCompanySite(NewRecord):
    """A site to create."""

    name: Annotated[Text, Field(min_length=1, max_length=50)]
    address_line1: _Line | None = None
    address_line2: _Line | None = None
    city: _Line | None = None
    state_reference: CompanyRef | None = None
    zip: _Zip | None = None
    country: CompanyRef | None = None
    phone_number: _Phone | None = None
    phone_number_ext: _Phone | None = None
    tax_code: NamedRef | None = None
    primary_address_flag: bool | None = None
    default_shipping_flag: bool | None = None
    default_billing_flag: bool | None = None
    default_mailing_flag: bool | None = None
    inactive_flag: bool | None = None


class CompanySiteChange(Change):
    """What may be changed on a site."""

    name: Annotated[Text, Field(min_length=1, max_length=50)] | None = None
    address_line1: _Line | None = None
    address_line2: _Line | None = None
    city: _Line | None = None
    state_reference: CompanyRef | None = None
    zip: _Zip | None = None
    country: CompanyRef | None = None
    phone_number: _Phone | None = None
    tax_code: NamedRef | None = None
    primary_address_flag: bool | None = None
    default_shipping_flag: bool | None = None
    default_billing_flag: bool | None = None
    default_mailing_flag: bool | None = None
    inactive_flag: bool | None = None
