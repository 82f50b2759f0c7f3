"""Invoices with their lines as plain values, past and next: for `/_simulator` and the pages."""

from collections.abc import Iterable

from connectwise_simulator.billing import ledger
from connectwise_simulator.billing.drafting import Draft, Line, Refusal, due_of, next_invoice
from connectwise_simulator.clock import day_of
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site

HEAD = ("id", "invoiceNumber", "type", "company", "agreement", "status", "date", "dueDate", "currency", "total")
LINE = ("agreementId", "additionId", "product", "description", "billCustomer", "quantity", "unitPrice", "fullPrice",
        "first", "last", "days", "periodDays", "amount", "creditFlag")  # fmt: skip


def invoices(site: Site, agreement_id: int | None = None) -> list[Record]:
    """Invoices of one agreement or of all, the oldest first, with period and lines."""
    found: Iterable[Record] = site.tables["invoices"]
    if agreement_id is not None:
        found = (i for i in found if (i.get("agreement") or {}).get("id") == agreement_id)
    return [invoice(site, record) for record in found]


def invoice(site: Site, record: Record) -> Record:
    """One invoice with its period and lines."""
    period = site.find("agreementInvoices", record["id"]) or {}
    lines = [_kept(line) for line in ledger.lines_of_invoice(site, record["id"])]
    dates: Record = {name: period[name][:10] for name in ("first", "last") if name in period}
    return {**{name: record[name] for name in HEAD if name in record}, **dates, "lines": lines}


def upcoming(site: Site, agreement: Record) -> Record:
    """The next invoice as things are now, `due` with its day, or `refused` with the reason; nothing is written."""
    draft = next_invoice(site, agreement)
    if isinstance(draft, Refusal):
        return {"refused": draft.reason}
    now = due_of(site, agreement, draft, site.clock.today())
    lines = [_drafted(line) for line in draft.lines]
    shown: Record = {"due": draft.due.isoformat(), "total": draft.total, "lines": lines}
    if draft.period is not None:
        shown["first"], shown["last"] = draft.period.first.isoformat(), draft.period.last.isoformat()
    if isinstance(now, Draft):
        return {**shown, "is_due": True, "due_lines": len(now.lines), "due_total": now.total}
    return {**shown, "is_due": False, "refused": now.reason}


def _kept(line: Record) -> Record:
    days = (day_of(line["last"]) - day_of(line["first"])).days + 1
    line = {**line, "first": line["first"][:10], "last": line["last"][:10], "days": days}
    return {name: line[name] for name in LINE if name in line}


def _drafted(line: Line) -> Record:
    addition = line.addition or {}
    values: Record = {
        "agreementId": line.agreement["id"],
        "additionId": addition.get("id"),
        "product": addition.get("product"),
        "description": line.description,
        "billCustomer": line.bill_customer,
        "quantity": line.quantity,
        "unitPrice": line.unit_price,
        "fullPrice": line.full_price,
        "first": line.first.isoformat(),
        "last": line.last.isoformat(),
        "days": line.days,
        "periodDays": line.period_days,
        "amount": line.amount,
        "creditFlag": line.is_credit,
    }
    return {name: values[name] for name in LINE if values[name] is not None}
