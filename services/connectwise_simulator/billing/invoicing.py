"""Agreement invoices: made from drafts, taken back, and made by themselves when the clock passes their day."""

from collections.abc import Iterator
from datetime import date, timedelta

from connectwise_simulator.billing import ledger
from connectwise_simulator.billing.agreements import with_children
from connectwise_simulator.billing.drafting import Draft, Line, Refusal, due_invoice, next_invoice
from connectwise_simulator.call import Answer, Call
from connectwise_simulator.clock import civil, day_of
from connectwise_simulator.errors import ApiError, FieldError, forbidden, invalid, not_found, plain
from connectwise_simulator.records import rules
from connectwise_simulator.registry import TABLES
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Actor, Site, reference

FUNCTION = "Agreement Invoicing"
BY_ITSELF = "clock"  # who made an automatic invoice, and who was told


def generate(call: Call, ids: tuple[int, ...]) -> Answer:
    """Make the agreement's due invoice; 201 with its id, a bare number (contract 3.1)."""
    granted = call.role.level(FUNCTION, "add")
    if granted == "None":
        raise forbidden()
    agreement = call.site.find("agreements", ids[0])
    if agreement is None:
        raise not_found(f"Agreement {ids[0]}")
    entered_by = agreement["_info"]["enteredBy"]
    if not call.role.sees_type(agreement["type"]["name"]) or (granted == "My" and entered_by != call.actor.member):
        raise forbidden()
    today = call.site.clock.today()
    draft = due_invoice(call.site, agreement, today)
    if isinstance(draft, Draft) and draft.total < 0 and call.site.knobs.negative_total == "refuse":
        draft = Refusal("billAmount", f"The invoice would amount to {draft.total}.")
    if isinstance(draft, Refusal):
        raise invalid("agreement", FieldError("InvalidObject", draft.reason, draft.field))
    invoice = issue(call.site, call.actor, draft, today)
    return Answer(201, str(invoice["id"]), record_id=invoice["id"])


def issue(site: Site, actor: Actor, draft: Draft, day: date) -> Record:
    """Write the invoice with its lines, and move the agreement's next invoice date past its period."""
    invoice = rules.store(site, actor, "invoices", _head(site, draft, day), None)
    for line in draft.lines:
        _enter(site, actor, "invoiceLines", {"id": site.tables["invoiceLines"].next_id(), **_line(line, invoice["id"])})
    row = {"id": invoice["id"], "agreementId": draft.agreement["id"]}
    if draft.period is None:
        _enter(site, actor, "agreementInvoices", row)
    else:
        first, last = draft.period.first, draft.period.last
        _enter(site, actor, "agreementInvoices", {**row, "first": civil(first), "last": civil(last)})
        _move_date(site, actor, draft.agreement, None if draft.is_one_time else last + timedelta(days=1))
    return invoice


def withdraw(site: Site, actor: Actor, invoice: Record) -> None:
    """Delete an invoice. Of an agreement only the newest: its lines go, the next invoice date goes back [assumed]."""
    made_for = site.find("agreementInvoices", invoice["id"])
    if made_for is not None:
        if ledger.invoices_of(site, made_for["agreementId"])[-1]["id"] != invoice["id"]:
            raise plain(409, "Conflict", "Later invoices of the agreement have to be deleted first.")
        for line in ledger.lines_of_invoice(site, invoice["id"]):
            site.delete(actor, "invoiceLines", line)
        site.delete(actor, "agreementInvoices", made_for)
        agreement = site.find("agreements", made_for["agreementId"])
        if agreement is not None and "first" in made_for:
            _move_date(site, actor, agreement, day_of(made_for["first"]))
    site.delete(actor, "invoices", invoice)


def invoice_by_itself(site: Site, today: date) -> None:
    """Make the invoices of agreements that invoice themselves, each on the day it fell due (`autoInvoiceFlag`)."""
    actor = Actor(BY_ITSELF, "AUTO", "")
    for agreement in list(site.tables["agreements"]):
        if agreement.get("autoInvoiceFlag"):
            for draft in _overdue(site, agreement["id"], today):
                try:
                    issue(site, actor, draft, draft.due)
                except ApiError:  # of a company that takes nothing new, say: nobody is there to be told
                    break
    site.told(actor, BY_ITSELF)


def _overdue(site: Site, agreement_id: int, today: date) -> Iterator[Draft]:
    """One after the other, each as things are after the one before it; missed days that are billed at once last."""
    while True:
        agreement = site.find("agreements", agreement_id) or {}
        draft = next_invoice(site, agreement)
        if isinstance(draft, Draft):
            draft = due_invoice(site, agreement, min(draft.due, today))
        if isinstance(draft, Refusal) or draft.due > today:
            return
        if draft.total < 0 and site.knobs.negative_total == "refuse":
            return
        yield draft


def _head(site: Site, draft: Draft, day: date) -> Record:
    agreement = draft.agreement
    company = agreement.get("billToCompany") or agreement["company"]
    is_credit = draft.total < 0 and site.knobs.negative_total == "credit_memo"
    carried = ("billingTerms", "customerPO", "currency", "taxCode", "invoiceTemplate", "shipToCompany")
    return {
        "type": "CreditMemo" if is_credit else "Agreement",
        "company": agreement["company"],
        "billToCompany": company,
        "applyToType": "Agreement",
        "applyToId": agreement["id"],
        "agreement": reference("AgreementReference", agreement),
        "date": civil(day),
        "agreementAmount": draft.total,
        "taxableFlag": agreement.get("taxable", False),
        **{name: agreement[name] for name in carried if name in agreement},
    }


def _line(line: Line, invoice_id: int) -> Record:
    return {
        "invoiceId": invoice_id,
        "agreementId": line.agreement["id"],
        "additionId": line.addition and line.addition["id"],
        "product": line.addition and line.addition["product"],
        "description": line.description,
        "billCustomer": line.bill_customer,
        "quantity": line.quantity,
        "unitPrice": line.unit_price,
        "fullPrice": line.full_price,
        "first": civil(line.first),
        "last": civil(line.last),
        "periodDays": line.period_days,
        "amount": line.amount,
        "creditFlag": line.is_credit,
    }


def _move_date(site: Site, actor: Actor, agreement: Record, day: date | None) -> None:
    """Children have no date that counts, but none that says something else."""
    value = {"nextInvoiceDate": civil(day) if day else None}
    for member in with_children(site, agreement["id"]):
        if member["id"] == agreement["id"] or member.get("nextInvoiceDate"):
            rules.overwrite(site, actor, "agreements", member, value)


def _enter(site: Site, actor: Actor, table: str, record: Record) -> None:
    site.put(actor, table, None, {name: record.get(name) for name in TABLES[table].model.fields})
