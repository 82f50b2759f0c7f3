"""Rows of the site's setup tables."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from connectwise.models.base import Change, IdentifiedRecord, NewRecord, Reference
from connectwise.models.values import NamedRef, Text

_Name = Annotated[Text, Field(min_length=1, max_length=50)]


class BillingOption(StrEnum):
    """How often a billing cycle bills; the only stable thing about a cycle, names and ids are the tenant's."""

    BI_MONTHLY = "BiMonthly"
    BI_WEEKLY = "BiWeekly"
    MONTHLY = "Monthly"
    NOT_RECURRING = "NotRecurring"
    QUARTERLY = "Quarterly"
    SEMI_ANNUAL = "SemiAnnual"
    WEEKLY = "Weekly"
    YEARLY = "Yearly"


class Category(IdentifiedRecord):
    """A category of the catalog."""

    name: str | None = None
    inactive_flag: bool | None = None
    default_flag: bool | None = None


class Subcategory(IdentifiedRecord):
    """A subcategory, which a catalog item must have."""

    name: str | None = None
    inactive_flag: bool | None = None
    default_flag: bool | None = None
    category: Reference | None = None


class ProductType(IdentifiedRecord):
    """A product type, which a catalog item must have."""

    name: str | None = None
    inactive_flag: bool | None = None
    default_flag: bool | None = None


class UnitOfMeasure(IdentifiedRecord):
    """A unit that catalog items are counted in."""

    name: str | None = None
    inactive_flag: bool | None = None
    default_flag: bool | None = None


class BillingCycle(IdentifiedRecord):
    """A rhythm in which agreements are invoiced."""

    identifier: str | None = None
    name: str | None = None
    default_flag: bool | None = None
    billing_options: str | None = None


class Currency(IdentifiedRecord):
    """A currency that the site works with."""

    name: str | None = None
    currency_code: Reference | None = None
    currency_identifier: str | None = None
    symbol: str | None = None


class BillingTerm(IdentifiedRecord):
    """When an invoice is due."""

    name: str | None = None
    default_flag: bool | None = None
    due_days: int | None = None


class TaxCode(IdentifiedRecord):
    """A tax code."""

    identifier: str | None = None
    description: str | None = None
    default_flag: bool | None = None


class NewCategory(NewRecord):
    """A category to create."""

    name: _Name


class NewSubcategory(NewRecord):
    """A subcategory to create."""

    name: _Name
    category: NamedRef


class NewProductType(NewRecord):
    """A product type to create."""

    name: _Name


class NewUnitOfMeasure(NewRecord):
    """A unit of measure to create."""

    name: _Name


class TableRowChange(Change):
    """What may be changed on a row of the catalog's tables."""

    name: _Name | None = None
    inactive_flag: bool | None = None
