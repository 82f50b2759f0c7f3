"""Rules of additions: which dates an agreement still takes, and what the service computes (contract 3.3)."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from connectwise_simulator.billing import ledger
from connectwise_simulator.billing.agreements import (
    ENDED,
    cycle_of,
    first_day,
    last_billed,
    last_day,
    next_invoice_day,
)
from connectwise_simulator.clock import civil, day_of
from connectwise_simulator.errors import FieldError
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site

BEFORE_BILL_START = "effectiveDate cannot be less than the agreement billing start date"
ALREADY_INVOICED = (
    "Since this period has already been invoiced there will not be an invoice generated for additional products for "
    "this period. Please prorate the agreement or update the start date to on or after the Next Invoice Date."
)
DATES = ("effectiveDate", "cancelledDate")


def defaults(site: Site, record: Record) -> Record:
    """Price and cost come from the catalog item; one piece, from today [assumed] where the client says nothing."""
    item = site.referred("catalog", record.get("product")) or {}
    return {
        "quantity": Decimal(1),
        "lessIncluded": Decimal(0),
        "unitPrice": item.get("price", Decimal(0)),
        "unitCost": item.get("cost", Decimal(0)),
        "taxableFlag": item.get("taxableFlag", False),
        "effectiveDate": civil(site.day),
        "sequenceNumber": Decimal(site.tables["additions"].number_of(record["agreementId"]) + 1),
    }


def computed(site: Site, record: Record) -> Record:
    """Everything a client reads and never writes. Dates are civil: a time of day is dropped."""
    agreement = site.find("agreements", record["agreementId"]) or {}
    item = site.referred("catalog", record["product"]) or {}
    days = {name: f"{record[name][:10]}T00:00:00Z" for name in DATES if record.get(name)}
    price, cost = (record.get(n) or Decimal(0) for n in ("unitPrice", "unitCost"))
    billed = billed_quantity(site, record)
    values: Record = {
        **days,
        "description": item.get("description"),
        "uom": (item.get("unitOfMeasure") or {}).get("name"),
        "billedQuantity": billed,
        "extPrice": billed * price,
        "extCost": billed * cost,
        "margin": billed * price - billed * cost,
        "agreementStatus": agreement.get("agreementStatus"),
        "additionStatus": _status(record, agreement, site.day),
        "prorateCurrentPeriodFlag": False,
        "proratePrice": None,
        "prorateCost": None,
        "extendedProratePrice": None,
        "extendedProrateCost": None,
    }
    part = _part_of_period(site, agreement, {**record, **days})
    if part is not None:
        unit_price, unit_cost = (prorated(site, amount, *part) for amount in (price, cost))
        values |= {
            "prorateCurrentPeriodFlag": True,
            "proratePrice": unit_price,
            "prorateCost": unit_cost,
            "extendedProratePrice": billed * unit_price,
            "extendedProrateCost": billed * unit_cost,
        }
    return values


def problems(site: Site, record: Record, before: Record | None) -> list[FieldError]:
    """What keeps an addition from being saved. Dates and product are judged when they are new or change."""
    agreement = site.find("agreements", record["agreementId"]) or {}
    found: list[FieldError] = []
    if agreement.get("agreementStatus") in ENDED:
        message = f"The agreement is {agreement['agreementStatus'].lower()}; its additions cannot be changed"
        found.append(FieldError("InvalidObject", message, "agreementId"))
    if before is None or before["product"]["id"] != record["product"]["id"]:
        found += _product_problems(site, record)
    if before is None or before.get("effectiveDate") != record.get("effectiveDate"):
        found += _date_problems(site, agreement, record)
    cancelled, effective = (record.get(name) for name in reversed(DATES))
    if cancelled and effective and cancelled[:10] < effective[:10]:
        found.append(FieldError("InvalidField", "cancelledDate cannot be less than the effectiveDate", "cancelledDate"))
    return found


def billed_quantity(site: Site, record: Record) -> Decimal:
    """Quantity without what is included; more included than there is bills nothing (knob)."""
    quantity, included = (record.get(name) or Decimal(0) for name in ("quantity", "lessIncluded"))
    billed: Decimal = quantity - included
    if billed < 0 <= quantity and not site.knobs.included_beyond_quantity_is_credited:
        return Decimal(0)
    return billed


def prorated(site: Site, amount: Decimal, days: int, of: int) -> Decimal:
    """A unit amount for a part of a period: by days, rounded half up to the knob's digits; a whole period is exact."""
    if days == of:
        return amount
    return (amount * days / of).quantize(Decimal(1).scaleb(-site.knobs.proration_digits), ROUND_HALF_UP)


def billable(site: Site, agreement: Record, record: Record) -> tuple[date, date] | None:
    """First and last day the addition is billed for, `date.max` where no end is in sight; None where there are none."""
    effective, cancelled, first = record.get("effectiveDate"), record.get("cancelledDate"), first_day(agreement)
    first = max(first, day_of(effective)) if effective else first
    last = min(last_billed(site, cancelled) if cancelled else date.max, last_day(site, agreement) or date.max)
    return (first, last) if first <= last else None


def was_invoiced(site: Site, record: Record) -> bool:
    """Whether the addition is on an invoice, or lies in a period that its agreement has invoiced."""
    agreement = site.find("agreements", record["agreementId"]) or {}
    uninvoiced_from = next_invoice_day(site, agreement)
    if ledger.lines_of_addition(site, record.get("id", 0)):
        return True
    return uninvoiced_from is not None and day_of(record["effectiveDate"]) < uninvoiced_from


def _product_problems(site: Site, record: Record) -> list[FieldError]:
    item = site.referred("catalog", record["product"]) or {}
    found = []
    if item.get("productClass") == "Bundle":
        found.append(FieldError("InvalidField", "A bundle cannot be used as an addition", "product"))
    if item.get("inactiveFlag"):
        found.append(FieldError("InvalidField", f"Product {item.get('identifier')} is inactive", "product"))
    return found


def _date_problems(site: Site, agreement: Record, record: Record) -> list[FieldError]:
    effective = record.get("effectiveDate")
    if effective is None:
        return []
    bill_start = agreement.get("billStartDate") or agreement.get("startDate")
    if bill_start and effective[:10] < bill_start[:10]:
        return [FieldError("InvalidField", BEFORE_BILL_START, "effectiveDate")]
    # One-time agreements have no date and billing dependency (R85).
    if agreement.get("prorateFlag") or agreement.get("billOneTimeFlag") or not was_invoiced(site, record):
        return []
    return [FieldError("InvalidField", ALREADY_INVOICED, "effectiveDate")]


def _status(record: Record, agreement: Record, today: date) -> str:
    """By its own dates; nothing of an ended agreement goes on [assumed: the status knows Expired, additions do not]."""
    if agreement.get("agreementStatus") in ENDED:
        return str(agreement["agreementStatus"])
    effective, cancelled = (record.get(name) for name in DATES)
    if cancelled and day_of(cancelled) < today:
        return "Cancelled"
    return "Inactive" if effective and day_of(effective) > today else "Active"


def _part_of_period(site: Site, agreement: Record, record: Record) -> tuple[int, int] | None:
    """Days covered of the first period, and its days, where the agreement prorates and less than all is covered."""
    if not agreement.get("prorateFlag") or agreement.get("billOneTimeFlag") or not record.get("effectiveDate"):
        return None
    cycle = cycle_of(site, agreement)  # a child follows its parent's cycle (B8)
    if cycle is None:
        return None
    first = day_of(record["effectiveDate"])
    period = cycle.period(first)
    last = period.last
    if record.get("cancelledDate"):
        last = min(last, last_billed(site, record["cancelledDate"]))
    covered = max((last - first).days + 1, 0)
    return None if covered == period.days else (covered, period.days)
