"""Rules of agreements: what is filled in, what status they have, whose cycle judges a child."""

from datetime import date, timedelta

from connectwise_simulator.billing import ledger
from connectwise_simulator.billing.periods import MONTHS, WEEKS, Cycle
from connectwise_simulator.clock import civil, day_of
from connectwise_simulator.errors import FieldError
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site, reference

ENDED = ("Cancelled", "Expired")
FROM_TYPE = ("billingCycle", "billingTerms", "invoicingCycle", "employeeCompRate", "prorateFlag", "oneTimeFlag",
             "billOneTimeFlag", "billAmount", "autoInvoiceFlag", "invoiceProratedAdditionsFlag")  # fmt: skip


def defaults(site: Site, record: Record) -> Record:
    """What the service fills in on create: the type's billing set-up, the site's own today as start (contract 3.3)."""
    agreement_type = site.referred("agreementTypes", record.get("type")) or {}
    filled = {name: agreement_type[name] for name in FROM_TYPE if name in agreement_type}
    today = civil(site.clock.today())
    filled |= {
        "startDate": today,
        "billStartDate": today,
        "noEndingDateFlag": "endDate" not in record,
        "invoicingCycle": "CalendarYear",
        "periodType": "Current",
        "billTime": "Billable",
        "billExpenses": "Billable",
        "billProducts": "Billable",
    } | filled
    company = site.referred("companies", record.get("company")) or {}
    currency = company.get("currency") or first_default(site, "currencies", "CurrencyReference")
    if currency:
        filled["currency"] = currency
    filled["nextInvoiceDate"] = record.get("billStartDate") or today
    return {k: v for k, v in filled.items() if k in site.tables["agreements"].model.fields}


def computed(site: Site, record: Record) -> Record:
    """The status by date (contract 3.3: cancelled and end dates are the inputs, the status follows).

    Cancelled without a date is cancelled today [assumed].
    """
    found: Record = {"agreementStatus": status(record, site.clock.today())}
    if record.get("cancelledFlag") and not record.get("dateCancelled"):
        found["dateCancelled"] = civil(site.clock.today())
    return found


def rescheduled(site: Site, record: Record, before: Record) -> Record:
    """Until the first invoice its date follows a change of the bill start [assumed]."""
    moved = record.get("billStartDate") != before.get("billStartDate")
    invoiced = site.find("openings", before["id"]) or ledger.invoices_of(site, before["id"])
    if moved and not invoiced and record.get("billStartDate") and record.get("nextInvoiceDate"):
        return {"nextInvoiceDate": record["billStartDate"]}
    return {}


def problems(site: Site, record: Record, before: Record | None) -> list[FieldError]:
    """An agreement's end is not before its start; a parent is another agreement, and no child [assumed]."""
    found = []
    start, end = record.get("startDate"), record.get("endDate")
    if start and end and end < start:
        found.append(FieldError("InvalidField", "endDate cannot be less than startDate", "endDate"))
    parent = record.get("parentAgreement")
    if parent and before and parent["id"] == before["id"]:
        found.append(FieldError("InvalidField", "An agreement cannot be its own parent", "parentAgreement"))
    is_parent = before is not None and len(with_children(site, before["id"])) > 1
    if parent and (is_parent or (site.referred("agreements", parent) or {}).get("parentAgreement")):
        found.append(FieldError("InvalidField", "A child agreement cannot be a parent", "parentAgreement"))
    return found


def status(record: Record, today: date) -> str:
    """Active, Cancelled, Expired or Inactive on that day."""
    cancelled_on = record.get("dateCancelled")
    if record.get("cancelledFlag") and (cancelled_on is None or day_of(cancelled_on) <= today):
        return "Cancelled"
    end = record.get("endDate")
    if end and not record.get("noEndingDateFlag") and day_of(end) < today:
        return "Expired"
    start = record.get("startDate")
    return "Inactive" if start and day_of(start) > today else "Active"


def first_day(agreement: Record) -> date:
    """The first day the agreement is billed for."""
    text = agreement.get("billStartDate") or agreement.get("startDate")
    return day_of(text) if text else date.min


def last_day(site: Site, agreement: Record) -> date | None:
    """The last day the agreement is billed for; None while no end is in sight."""
    ends = []
    if agreement.get("endDate") and not agreement.get("noEndingDateFlag"):
        ends.append(day_of(agreement["endDate"]))
    if agreement.get("cancelledFlag") and agreement.get("dateCancelled"):
        ends.append(last_billed(site, agreement["dateCancelled"]))
    return min(ends, default=None)


def last_billed(site: Site, cancelled: str) -> date:
    """The last day billed of what is cancelled on a day (knob)."""
    return day_of(cancelled) - timedelta(days=0 if site.knobs.cancelled_day_is_billed else 1)


def is_one_time(site: Site, agreement: Record) -> bool:
    """Whether it is billed once, without periods."""
    return bool(agreement.get("billOneTimeFlag")) or cycle_of(site, agreement) is None


def cycle_of(site: Site, agreement: Record) -> Cycle | None:
    """The periods that the agreement is billed by, its parent's for a child (B8); None for a one-time agreement."""
    judging = judge(site, agreement)
    option = (site.referred("billingCycles", judging.get("billingCycle")) or {}).get("billingOptions", "")
    if judging.get("billOneTimeFlag") or option not in {**MONTHS, **WEEKS}:
        return None
    return Cycle(option, judging.get("invoicingCycle", "CalendarYear"), first_day(judging))


def with_children(site: Site, agreement_id: int) -> list[Record]:
    """The agreement, then its children."""
    agreements = site.tables["agreements"]
    return [*filter(None, [agreements.get(agreement_id)]), *agreements.children(agreement_id)]


def judge(site: Site, agreement: Record) -> Record:
    """The agreement whose next invoice date counts: a child's parent, otherwise itself (B8)."""
    return site.referred("agreements", agreement.get("parentAgreement")) or agreement


def next_invoice_day(site: Site, agreement: Record) -> date | None:
    """First day not yet invoiced, by the judging agreement; None where nothing is scheduled."""
    text = judge(site, agreement).get("nextInvoiceDate")
    return day_of(text) if text else None


def first_default(site: Site, table: str, reference_type: str) -> Record | None:
    """A reference to the setup row marked as default, or to the first one."""
    rows = list(site.tables[table])
    row = next((r for r in rows if r.get("defaultFlag")), rows[0] if rows else None)
    return reference(reference_type, row) if row else None
