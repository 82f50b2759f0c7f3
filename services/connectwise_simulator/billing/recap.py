"""What an agreement has invoiced and will invoice, in numbers: the recap and the recurring parameters of its page."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from connectwise_simulator import security
from connectwise_simulator.billing import ledger
from connectwise_simulator.billing.additions import billed_quantity
from connectwise_simulator.billing.agreements import ENDED, cycle_of, judge, with_children
from connectwise_simulator.billing.drafting import Draft, next_invoice
from connectwise_simulator.call import Answer, Call
from connectwise_simulator.clock import day_of
from connectwise_simulator.errors import forbidden, not_found, plain
from connectwise_simulator.filters import paging
from connectwise_simulator.filters.matching import order, record_test
from connectwise_simulator.jsonwire import dumps
from connectwise_simulator.registry import ADDRESSES
from connectwise_simulator.schema import Record, model
from connectwise_simulator.site import Site

RECAP = model(
    "AgreementRecap",
    """
    id=:int adjustmentAmount=:num agreementStatus=:text name=:text availableAmount=:num companyName=:text
    isUnlimited=:text lastInvoiceAmount=:text lastInvoiceDate=:text lastInvoiceNumber=:text nextInvoiceAmount=:num
    nextInvoiceDate=:text overrunAmount=:num remainingAmount=:num startingAmount=:num unbilledOverageAmount=:num
    unbilledPeriods=:int usedAmount=:num
    """,
)
ZERO = Decimal(0)


def recaps(call: Call, _ids: tuple[int, ...]) -> Answer:
    """A page of recaps, one an agreement that the caller may see."""
    text, by = (call.query.get(name, "").strip() for name in ("conditions", "orderby"))
    if by and paging.is_forward_only(call):
        raise plain(400, "ConnectWiseApi", "orderBy is not supported with forward-only pagination.")
    if not text and not by:  # then only those of the page are computed
        agreements, headers = paging.page(call, _seen(call))
        return Answer(200, dumps([_recap(call.site, agreement) for agreement in agreements]), headers)
    found = (_recap(call.site, agreement) for agreement in _seen(call))
    wanted = filter(record_test(RECAP, text), found) if text else found
    shown, headers = paging.page(call, iter(order(RECAP, by, wanted)) if by else wanted)
    return Answer(200, dumps(shown), headers)


def recap(call: Call, ids: tuple[int, ...]) -> Answer:
    """The recap of one agreement; its id is the agreement's."""
    return Answer(200, dumps(_recap(call.site, _agreement(call, ids[0]))), record_id=ids[0])


def recurring_parameters(call: Call, ids: tuple[int, ...]) -> Answer:
    """How the agreement is billed and what a period of it amounts to, without proration."""
    return Answer(200, dumps(_recurring(call.site, _agreement(call, ids[0]))))


def _seen(call: Call) -> Iterator[Record]:
    resource, _ = ADDRESSES["finance/agreements"]
    granted = security.level(call, resource, "inquire")
    for agreement in call.site.tables["agreements"].listed(None, paging.last_seen_id(call)):
        if security.reaches(call, resource, granted, agreement):
            yield agreement


def _agreement(call: Call, agreement_id: int) -> Record:
    resource, _ = ADDRESSES["finance/agreements"]
    granted = security.level(call, resource, "inquire")
    agreement = call.site.find("agreements", agreement_id)
    if agreement is None:
        raise not_found(f"Agreement {agreement_id}")
    if not security.reaches(call, resource, granted, agreement):
        raise forbidden()
    return agreement


def _recap(site: Site, agreement: Record) -> Record:
    # Hours, incidents and prepaid amounts are not simulated: what depends on them is 0.
    draft, made = next_invoice(site, agreement), ledger.invoices_of(site, agreement["id"])
    values: Record = dict.fromkeys((f.name for f in RECAP.fields.values() if f.name.endswith("Amount")), ZERO)
    values |= {
        "id": agreement["id"],
        "name": agreement["name"],
        "agreementStatus": agreement["agreementStatus"],
        "companyName": agreement["company"].get("name"),
        "isUnlimited": str(agreement.get("applicationUnlimitedFlag", False)),
        "lastInvoiceAmount": None,
        "nextInvoiceAmount": draft.total if isinstance(draft, Draft) else ZERO,
        "nextInvoiceDate": judge(site, agreement).get("nextInvoiceDate"),
        "unbilledPeriods": _unbilled_periods(site, agreement, site.clock.today()),
    }
    if made:
        last = made[-1]
        values |= {
            "lastInvoiceAmount": format(last["total"], "f"),
            "lastInvoiceDate": last.get("date"),
            "lastInvoiceNumber": last.get("invoiceNumber"),
        }
    return {name: values[name] for name in RECAP.fields if values.get(name) is not None}


def _unbilled_periods(site: Site, agreement: Record, today: date) -> int:
    """Periods that have begun and are not invoiced."""
    cycle, text = cycle_of(site, agreement), judge(site, agreement).get("nextInvoiceDate")
    if cycle is None or not text or agreement["agreementStatus"] in ENDED:
        return 0
    number, period = 0, cycle.period(today)
    while period.last >= day_of(text):
        number, period = number + 1, cycle.before(period)
    return number


def _recurring(site: Site, agreement: Record) -> Record:
    own, *children = with_children(site, agreement["id"])
    fee = own.get("billAmount") or ZERO
    additions, below = _additions(site, own), sum((_amount(site, child) for child in children), ZERO)
    cycle = site.referred("billingCycles", own.get("billingCycle"))
    values: Record = {
        "billingCycle": _named(cycle),
        "cycleBase": {"name": own.get("invoicingCycle")},
        "aGRAmount": fee,
        "taxable": own.get("taxable", False),
        "childrenAmount": below,
        "additionsAmount": additions,
        "totalAmount": fee + additions + below,
        "aGRProrate": own.get("prorateFirstBill"),
        "billStartDate": own.get("billStartDate"),
        "taxCode": _named(own.get("taxCode")),
        "terms": _named(own.get("billingTerms")),
        "prorateFlag": own.get("prorateFlag", False),
        "invoiceProratedAdditionsFlag": own.get("invoiceProratedAdditionsFlag", False),
        "restrictDownpayment": own.get("restrictDownPayment", False),
        "currency": _named(own.get("currency")),
        "autoInvoiceFlag": own.get("autoInvoiceFlag", False),
    }
    return {name: value for name, value in values.items() if value is not None}


def _amount(site: Site, agreement: Record) -> Decimal:
    amount: Decimal = (agreement.get("billAmount") or ZERO) + _additions(site, agreement)
    return amount


def _additions(site: Site, agreement: Record) -> Decimal:
    active = (
        a
        for a in site.tables["additions"].children(agreement["id"])
        if a.get("additionStatus") == "Active" and a["billCustomer"] == "Billable"
    )
    return sum((billed_quantity(site, a) * (a.get("unitPrice") or ZERO) for a in active), ZERO)


def _named(row: Record | None) -> Record | None:
    return {"id": row["id"], "name": row.get("name")} if row else None
