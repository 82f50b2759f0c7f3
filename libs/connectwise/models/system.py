"""The site itself: version and time zone, its audit trail, its callbacks."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from connectwise.errors import UnknownTimeZone
from connectwise.models.base import Change, IdentifiedRecord, NewRecord, Record
from connectwise.models.time_zones import zone_of
from connectwise.models.values import Text

_Description = Annotated[Text, Field(max_length=100)]


class SystemInfo(Record):
    """Version, kind and time zone of the site."""

    version: str | None = None
    is_cloud: bool | None = None
    server_time_zone: str | None = None
    cloud_region: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone, in which its dates change.

        Raises:
            UnknownTimeZone: the site's name for it is not known here; it is kept in the error.
        """
        zone = zone_of(self.server_time_zone or "")
        if zone is None:
            raise UnknownTimeZone(self.server_time_zone)
        return zone

    def today(self, now: datetime) -> date:
        """The date at the site at an instant; effective dates are counted by it, never by UTC (contract 3.3).

        Raises:
            UnknownTimeZone: as `zone`.
            ValueError: the instant has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError("an instant has a time zone")
        return now.astimezone(self.zone).date()


class AuditType(StrEnum):
    """Kinds of records that have an audit trail; the site has more."""

    AGREEMENT = "Agreement"
    AGREEMENT_ADDITION = "AgreementAddition"
    COMPANY = "Company"
    CONTACT = "Contact"
    INVOICE = "Invoice"
    PRODUCT_CATALOG = "ProductCatalog"


class AuditEntry(Record):
    """Something that was done to a record, in the site's words; it has no id and no old and new values."""

    text: str | None = None
    entered_date: str | None = None
    entered_by: str | None = None
    audit_type: str | None = None
    audit_sub_type: str | None = None
    audit_source: str | None = None


class CallbackType(StrEnum):
    """Kinds of records that callbacks tell of; the site has more, but none for additions."""

    AGREEMENT = "Agreement"
    COMPANY = "Company"
    CONTACT = "Contact"
    INVOICE = "Invoice"
    MEMBER = "Member"
    PRODUCT_CATALOG = "ProductCatalog"
    SITE = "Site"


class Callback(IdentifiedRecord):
    """A subscription: the site posts to `url` when records of a kind are added, updated or deleted."""

    description: str | None = None
    url: str | None = None
    object_id: int | None = None
    type: str | None = None
    level: str | None = None
    member_id: int | None = None
    payload_version: str | None = None
    inactive_flag: bool | None = None
    is_self_suppressed_flag: bool | None = None


class NewCallback(NewRecord):
    """A subscription to create. The level `Owner` with the object 1 means all records of the kind.

    The site adds the record's id to the address: end it with `&recordId=`.
    """

    url: str
    type: str
    level: str = "Owner"
    object_id: int = 1
    description: _Description | None = None
    inactive_flag: bool | None = None
    is_self_suppressed_flag: bool | None = None


class CallbackChange(Change):
    """What may be changed on a subscription."""

    url: str | None = None
    description: _Description | None = None
    inactive_flag: bool | None = None
