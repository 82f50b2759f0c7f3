"""Agreements and their additions."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from connectwise.models.base import Change, CurrencyReference, IdentifiedRecord, NewRecord, Reference
from connectwise.models.custom_fields import CustomField, CustomFieldValues
from connectwise.models.values import Amount, CivilDate, CompanyRef, DateText, IdRef, ItemRef, Known, NamedRef, Text


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


class InvoicingCycle(StrEnum):
    """What an agreement's cycle, or a product's, is based on (contract 3.3)."""

    CALENDAR_YEAR = "CalendarYear"
    CONTRACT_YEAR = "ContractYear"


class PeriodType(StrEnum):
    """Which period an invoice of an agreement is for."""

    BOTH = "Both"
    CURRENT = "Current"
    FUTURE = "Future"
    UNDEFINED = "Undefined"


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
    next_invoice_date: DateText | None = None
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
    reason_cancelled: str | None = None
    customer_po: str | None = Field(default=None, alias="customerPO")
    internal_notes: str | None = None
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

    product: ItemRef
    quantity: Amount
    bill_customer: Known[BillCustomer] = BillCustomer.BILLABLE
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
    custom_fields: CustomFieldValues | None = None


class AdditionChange(Change):
    """What may be changed on an addition."""

    quantity: Amount | None = None
    less_included: Amount | None = None
    unit_price: Amount | None = None
    unit_cost: Amount | None = None
    bill_customer: Known[BillCustomer] | None = None
    effective_date: CivilDate | None = None
    cancelled_date: CivilDate | None = None
    taxable_flag: bool | None = None
    serial_number: Annotated[Text, Field(max_length=50)] | None = None
    invoice_description: Annotated[Text, Field(max_length=6000)] | None = None
    custom_fields: CustomFieldValues | None = None


class NewAgreement(NewRecord):
    """An agreement to create.

    Give `bill_start_date`: the site takes its own today otherwise, which can be after the first addition (contract
    3.3).
    """

    name: Annotated[Text, Field(min_length=1, max_length=100)]
    type: NamedRef
    company: CompanyRef
    contact: NamedRef
    site: NamedRef | None = None
    parent_agreement: NamedRef | None = None
    start_date: CivilDate | None = None
    end_date: CivilDate | None = None
    no_ending_date_flag: bool | None = None
    bill_start_date: CivilDate | None = None
    billing_cycle: NamedRef | None = None
    billing_terms: NamedRef | None = None
    invoicing_cycle: Known[InvoicingCycle] | None = None
    period_type: Known[PeriodType] | None = None
    bill_one_time_flag: bool | None = None
    one_time_flag: bool | None = None
    prorate_flag: bool | None = None
    invoice_prorated_additions_flag: bool | None = None
    auto_invoice_flag: bool | None = None
    bill_amount: Amount | None = None
    taxable: bool | None = None
    tax_code: NamedRef | None = None
    currency: IdRef | None = None
    bill_to_company: CompanyRef | None = None
    customer_po: Annotated[Text, Field(max_length=50)] | None = Field(default=None, alias="customerPO")
    internal_notes: Text | None = None
    invoice_description: Text | None = None
    custom_fields: CustomFieldValues | None = None


class AgreementChange(Change):
    """What may be changed on an agreement; `agreementStatus` is computed from dates and the cancelled flag."""

    name: Annotated[Text, Field(min_length=1, max_length=100)] | None = None
    type: NamedRef | None = None
    contact: NamedRef | None = None
    site: NamedRef | None = None
    parent_agreement: NamedRef | None = None
    end_date: CivilDate | None = None
    no_ending_date_flag: bool | None = None
    cancelled_flag: bool | None = None
    date_cancelled: CivilDate | None = None
    reason_cancelled: Annotated[Text, Field(max_length=100)] | None = None
    billing_cycle: NamedRef | None = None
    billing_terms: NamedRef | None = None
    bill_start_date: CivilDate | None = None
    prorate_flag: bool | None = None
    invoice_prorated_additions_flag: bool | None = None
    auto_invoice_flag: bool | None = None
    bill_amount: Amount | None = None
    taxable: bool | None = None
    tax_code: NamedRef | None = None
    bill_to_company: CompanyRef | None = None
    customer_po: Annotated[Text, Field(max_length=50)] | None = Field(default=None, alias="customerPO")
    internal_notes: Text | None = None
    custom_fields: CustomFieldValues | None = None
