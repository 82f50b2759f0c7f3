"""Agreements and their additions."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from connectwise.records import Change, CurrencyReference, CustomField, IdentifiedRecord, NewRecord, Reference
from connectwise.values import Amount, CivilDate, Ref, Text


class BillCustomer(StrEnum):
    """What an addition does to the customer's invoice."""

    BILLABLE = "Billable"
    DO_NOT_BILL = "DoNotBill"
    NO_CHARGE = "NoCharge"


class AgreementStatus(StrEnum):
    """The status that the site computes from flags and dates."""

    ACTIVE = "Active"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    INACTIVE = "Inactive"


class AgreementType(IdentifiedRecord):
    """A kind of agreement."""

    name: str | None = None
    inactive_flag: bool | None = None
    default_flag: bool | None = None
    prorate_flag: bool | None = None
    invoicing_cycle: str | None = None
    billing_cycle: Reference | None = None


class Agreement(IdentifiedRecord):
    """What a company has agreed to pay, and how it is invoiced."""

    name: str | None = None
    type: Reference | None = None
    company: Reference | None = None
    contact: Reference | None = None
    site: Reference | None = None
    parent_agreement: Reference | None = None
    agreement_status: str | None = None
    start_date: CivilDate | None = None
    end_date: CivilDate | None = None
    no_ending_date_flag: bool | None = None
    cancelled_flag: bool | None = None
    date_cancelled: CivilDate | None = None
    bill_start_date: CivilDate | None = None
    next_invoice_date: CivilDate | None = None
    billing_cycle: Reference | None = None
    billing_terms: Reference | None = None
    invoicing_cycle: str | None = None
    period_type: str | None = None
    bill_one_time_flag: bool | None = None
    one_time_flag: bool | None = None
    prorate_flag: bool | None = None
    invoice_prorated_additions_flag: bool | None = None
    auto_invoice_flag: bool | None = None
    bill_amount: Decimal | None = None
    taxable: bool | None = None
    tax_code: Reference | None = None
    currency: CurrencyReference | None = None
    bill_to_company: Reference | None = None
    custom_fields: list[CustomField] | None = None


class Addition(IdentifiedRecord):
    """A product on an agreement."""

    agreement_id: int | None = None
    product: Reference | None = None
    description: str | None = None
    quantity: Decimal | None = None
    less_included: Decimal | None = None
    billed_quantity: Decimal | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    ext_price: Decimal | None = None
    ext_cost: Decimal | None = None
    margin: Decimal | None = None
    prorate_price: Decimal | None = None
    prorate_cost: Decimal | None = None
    bill_customer: str | None = None
    effective_date: CivilDate | None = None
    cancelled_date: CivilDate | None = None
    taxable_flag: bool | None = None
    serial_number: str | None = None
    invoice_description: str | None = None
    uom: str | None = None
    sequence_number: Decimal | None = None
    agreement_status: str | None = None
    addition_status: str | None = None
    custom_fields: list[CustomField] | None = None


class NewAddition(NewRecord):
    """An addition to create; prices that are not given come from the catalog item."""

    marker: ClassVar[str | None] = "serialNumber"

    product: Ref
    quantity: Amount
    bill_customer: str = BillCustomer.BILLABLE
    unit_price: Amount | None = None
    unit_cost: Amount | None = None
    less_included: Amount | None = None
    effective_date: CivilDate | None = None
    cancelled_date: CivilDate | None = None
    taxable_flag: bool | None = None
    serial_number: Annotated[Text, Field(max_length=50)] | None = None
    invoice_description: Annotated[Text, Field(max_length=6000)] | None = None
    purchase_item_flag: bool | None = None
    special_order_flag: bool | None = None


class AdditionChange(Change):
    """What may be changed on an addition."""

    quantity: Amount | None = None
    less_included: Amount | None = None
    unit_price: Amount | None = None
    unit_cost: Amount | None = None
    bill_customer: str | None = None
    effective_date: CivilDate | None = None
    cancelled_date: CivilDate | None = None
    taxable_flag: bool | None = None
    serial_number: Annotated[Text, Field(max_length=50)] | None = None
    invoice_description: Annotated[Text, Field(max_length=6000)] | None = None
