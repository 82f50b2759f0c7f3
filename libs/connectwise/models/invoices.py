"""Invoices, and what an agreement's next one will be."""

from decimal import Decimal

from connectwise.models.base import CurrencyReference, IdentifiedRecord, Reference
from connectwise.models.custom_fields import CustomField
from connectwise.models.values import CivilDate


class Invoice(IdentifiedRecord):
    """An invoice to a customer."""

    invoice_number: str | None = None
    type: str | None = None
    status: Reference | None = None
    company: Reference | None = None
    bill_to_company: Reference | None = None
    agreement: Reference | None = None
    apply_to_type: str | None = None
    apply_to_id: int | None = None
    date: CivilDate | None = None
    due_date: CivilDate | None = None
    billing_terms: Reference | None = None
    currency: CurrencyReference | None = None
    taxable_flag: bool | None = None
    tax_code: Reference | None = None
    reference: str | None = None
    agreement_amount: Decimal | None = None
    product_total: Decimal | None = None
    service_total: Decimal | None = None
    expense_total: Decimal | None = None
    subtotal: Decimal | None = None
    sales_tax: Decimal | None = None
    total: Decimal | None = None
    payments: Decimal | None = None
    credits: Decimal | None = None
    balance: Decimal | None = None
    custom_fields: list[CustomField] | None = None


class AgreementRecap(IdentifiedRecord):
    """Where an agreement's invoicing stands. The id is the agreement's; texts are as the site writes them."""

    name: str | None = None
    company_name: str | None = None
    agreement_status: str | None = None
    last_invoice_number: str | None = None
    last_invoice_date: str | None = None
    last_invoice_amount: str | None = None
    next_invoice_date: str | None = None
    next_invoice_amount: Decimal | None = None
    unbilled_periods: int | None = None
    unbilled_overage_amount: Decimal | None = None
    starting_amount: Decimal | None = None
    adjustment_amount: Decimal | None = None
    available_amount: Decimal | None = None
    used_amount: Decimal | None = None
    remaining_amount: Decimal | None = None
    overrun_amount: Decimal | None = None
    is_unlimited: str | None = None
