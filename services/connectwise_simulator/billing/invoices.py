"""Rules of invoices as records: what is filled in, and what they amount to."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

from connectwise_simulator.billing.agreements import first_default
from connectwise_simulator.clock import civil, day_of
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site

NOTHING = ("serviceTotal", "expenseTotal", "productTotal", "previousProgressApplied", "downpaymentApplied",
           "remainingDownpayment", "salesTax", "payments", "credits")  # fmt: skip


def defaults(site: Site, record: Record) -> Record:
    """An invoice of today in the usual status, numbered by itself, due by its terms."""
    company = site.referred("companies", record.get("company")) or {}
    filled: Record = {
        "invoiceNumber": _free_number(site),
        "date": civil(site.clock.today()),
        "status": first_default(site, "billingStatuses", "BillingStatusReference"),
        "billingTerms": first_default(site, "billingTerms", "BillingTermsReference"),
        "currency": company.get("currency"),
        "billToCompany": record.get("company"),
        "serviceAdjustmentAmount": Decimal(0),
    }
    terms = site.referred("billingTerms", record.get("billingTerms") or filled["billingTerms"]) or {}
    begun = day_of(record.get("date") or filled["date"])
    filled["dueDate"] = civil(begun + timedelta(days=terms.get("dueDays", 0)))
    return {name: value for name, value in filled.items() if value is not None}


def computed(_site: Site, record: Record) -> Record:
    """All of an agreement invoice is agreement amount; no tax is computed and nothing is paid here [assumed]."""
    amount = record.get("agreementAmount") or Decimal(0)
    total = amount + (record.get("serviceAdjustmentAmount") or Decimal(0))
    totals = {"agreementAmount": amount, "subtotal": total, "total": total, "balance": total}
    return {**dict.fromkeys(NOTHING, Decimal(0)), **totals}


def _free_number(site: Site) -> str:
    """The next invoice's id, or the number after it that nobody has given an invoice by hand."""
    invoices = site.tables["invoices"]
    return next(
        text for number in count(invoices.highest + 1) if not invoices.named("invoiceNumber", text := str(number))
    )
