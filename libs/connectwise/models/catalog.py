"""The product catalog and its setup tables."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from connectwise.models.agreements import InvoicingCycle
from connectwise.models.base import Change, IdentifiedRecord, NewRecord, Reference
from connectwise.models.custom_fields import CustomField, CustomFieldValues
from connectwise.models.values import Amount, CompanyRef, Known, NamedRef, Text


class ProductClass(StrEnum):
    """How the site treats a product; bundles cannot be additions."""

    AGREEMENT = "Agreement"
    BUNDLE = "Bundle"
    INVENTORY = "Inventory"
    NON_INVENTORY = "NonInventory"
    SERVICE = "Service"


class CatalogItem(IdentifiedRecord):
    """A product of the catalog."""

    identifier: str | None = None
    description: str | None = None
    customer_description: str | None = None
    inactive_flag: bool | None = None
    category: Reference | None = None
    subcategory: Reference | None = None
    type: Reference | None = None
    product_class: str | None = None
    unit_of_measure: Reference | None = None
    price: Decimal | None = None
    cost: Decimal | None = None
    taxable_flag: bool | None = None
    vendor: Reference | None = None
    vendor_sku: str | None = None
    manufacturer: Reference | None = None
    manufacturer_part_number: str | None = None
    integration_x_ref: str | None = None
    recurring_flag: bool | None = None
    recurring_revenue: Decimal | None = None
    recurring_cost: Decimal | None = None
    recurring_one_time_flag: bool | None = None
    recurring_bill_cycle: Reference | None = None
    recurring_cycle_type: str | None = None
    auto_update_unit_cost_flag: bool | None = None
    auto_update_unit_price_flag: bool | None = None
    custom_fields: list[CustomField] | None = None


class NewCatalogItem(NewRecord):
    """A product to create."""

    marker: ClassVar[str | None] = "integrationXRef"

    identifier: Annotated[Text, Field(min_length=1, max_length=75)]
    description: Annotated[Text, Field(min_length=1, max_length=60)]
    customer_description: Annotated[Text, Field(min_length=1, max_length=6000)]
    subcategory: NamedRef
    type: NamedRef
    inactive_flag: bool | None = None
    category: NamedRef | None = None
    product_class: Known[ProductClass] | None = None
    unit_of_measure: NamedRef | None = None
    price: Amount | None = None
    cost: Amount | None = None
    taxable_flag: bool | None = None
    vendor: CompanyRef | None = None
    vendor_sku: Annotated[Text, Field(max_length=50)] | None = None
    manufacturer: NamedRef | None = None
    manufacturer_part_number: Annotated[Text, Field(max_length=50)] | None = None
    integration_x_ref: Annotated[Text, Field(max_length=50)] | None = None
    notes: Text | None = None
    recurring_flag: bool | None = None
    recurring_revenue: Amount | None = None
    recurring_cost: Amount | None = None
    recurring_one_time_flag: bool | None = None
    recurring_bill_cycle: NamedRef | None = None
    recurring_cycle_type: Known[InvoicingCycle] | None = None
    custom_fields: CustomFieldValues | None = None


class CatalogItemChange(Change):
    """What may be changed on a product; its identifier stays, as other systems know it by that."""

    description: Annotated[Text, Field(min_length=1, max_length=60)] | None = None
    customer_description: Annotated[Text, Field(min_length=1, max_length=6000)] | None = None
    inactive_flag: bool | None = None
    category: NamedRef | None = None
    subcategory: NamedRef | None = None
    type: NamedRef | None = None
    product_class: Known[ProductClass] | None = None
    unit_of_measure: NamedRef | None = None
    price: Amount | None = None
    cost: Amount | None = None
    taxable_flag: bool | None = None
    vendor_sku: Annotated[Text, Field(max_length=50)] | None = None
    manufacturer_part_number: Annotated[Text, Field(max_length=50)] | None = None
    integration_x_ref: Annotated[Text, Field(max_length=50)] | None = None
    recurring_revenue: Amount | None = None
    recurring_cost: Amount | None = None
    auto_update_unit_cost_flag: bool | None = None
    auto_update_unit_price_flag: bool | None = None
    custom_fields: CustomFieldValues | None = None
