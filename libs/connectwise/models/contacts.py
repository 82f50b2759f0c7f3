"""People at companies, and how they are reached."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from connectwise.models.base import Change, IdentifiedRecord, NewRecord, Record, Reference
from connectwise.models.custom_fields import CustomField, CustomFieldValues
from connectwise.models.values import CompanyRef, Known, NamedRef, Text

_Address = Annotated[Text, Field(min_length=1, max_length=250)]
_Extension = Annotated[Text, Field(max_length=15)]


class CommunicationKind(StrEnum):
    """What a communication is, whatever its type is called."""

    EMAIL = "Email"
    FAX = "Fax"
    PHONE = "Phone"


class CommunicationItem(Record):
    """A way to reach a contact, as the contact's own record shows it."""

    id: int | None = None
    type: Reference | None = None
    value: str | None = None
    extension: str | None = None
    default_flag: bool | None = None
    domain: str | None = None
    communication_type: str | None = None


class Communication(IdentifiedRecord):
    """A way to reach a contact."""

    contact_id: int | None = None
    type: Reference | None = None
    value: str | None = None
    extension: str | None = None
    default_flag: bool | None = None
    domain: str | None = None
    communication_type: str | None = None


class Contact(IdentifiedRecord):
    """A person at a company."""

    first_name: str | None = None
    last_name: str | None = None
    company: Reference | None = None
    site: Reference | None = None
    title: str | None = None
    inactive_flag: bool | None = None
    default_flag: bool | None = None
    default_billing_flag: bool | None = None
    communication_items: list[CommunicationItem] | None = None
    types: list[Reference] | None = None
    custom_fields: list[CustomField] | None = None


class NewContact(NewRecord):
    """A contact to create; how it is reached is written through `contacts.communications`."""

    first_name: Text
    last_name: Text | None = None
    company: CompanyRef | None = None
    site: NamedRef | None = None
    title: Text | None = None
    inactive_flag: bool | None = None
    default_flag: bool | None = None
    default_billing_flag: bool | None = None
    custom_fields: CustomFieldValues | None = None


class ContactChange(Change):
    """What may be changed on a contact."""

    first_name: Text | None = None
    last_name: Text | None = None
    company: CompanyRef | None = None
    site: NamedRef | None = None
    title: Text | None = None
    inactive_flag: bool | None = None
    default_flag: bool | None = None
    default_billing_flag: bool | None = None
    custom_fields: CustomFieldValues | None = None


class NewCommunication(NewRecord):
    """A way to reach a contact, to create; `type` is one of the site's communication types."""

    type: NamedRef
    value: _Address
    extension: _Extension | None = None
    default_flag: bool | None = None
    communication_type: Known[CommunicationKind] | None = None


class CommunicationChange(Change):
    """What may be changed on a communication."""

    type: NamedRef | None = None
    value: _Address | None = None
    extension: _Extension | None = None
    default_flag: bool | None = None
