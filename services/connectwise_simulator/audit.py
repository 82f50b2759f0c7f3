"""The audit trail: who changed what when, told as sentences. It is read off the history, so it cannot disagree with it.

An update is one entry a field. Computed fields follow from others and are named only where nothing else changed. The
wording, the sub-types and the sources are ours [assumed: no source shows an entry].
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from connectwise_simulator import security
from connectwise_simulator.call import Answer, Call
from connectwise_simulator.errors import forbidden, plain
from connectwise_simulator.filters import paging
from connectwise_simulator.filters.matching import order, record_test
from connectwise_simulator.filters.selection import record_text
from connectwise_simulator.registry import ADDRESSES, TABLES, Resource
from connectwise_simulator.schema import Model, Record, model
from connectwise_simulator.state.history import Effect
from connectwise_simulator.tables import Table

ENTRY = model(
    "AuditTrailEntry",
    "text:text enteredDate:text enteredBy:text auditType:text auditSubType:text auditSource:text",
)
_ENTRIES = Table("auditTrail", ENTRY)  # of its form; the entries are made when somebody asks

# Types of the contract: those whose records are here, and those whose are not and have an empty trail.
ADDRESS_OF = {
    "Agreement": "finance/agreements",
    "AgreementAddition": "finance/agreements/{}/additions",
    "Company": "company/companies",
    "Contact": "company/contacts",
    "Invoice": "finance/invoices",
    "ProductCatalog": "procurement/catalog",
}
ELSEWHERE = (
    *("None", "Ticket", "Opportunity", "Time", "Activity", "ProjectTicket", "Purchasing", "Configuration", "Schedule"),
    *("Project", "PurchaseOrder", "Expense"),
)
_TYPES = {name.lower(): name for name in (*ADDRESS_OF, *ELSEWHERE)}
_LATER_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SHOWN = ("identifier", "name", "value")


def trail(call: Call, _ids: tuple[int, ...]) -> Answer:
    """A page of a record's entries, the oldest first; navigable paging only."""
    if paging.is_forward_only(call):
        raise plain(400, "ConnectWiseApi", "Forward-only pagination is not supported for the audit trail.")
    found = _found(call)
    if by := call.query.get("orderby", "").strip():
        found = iter(order(ENTRY, by, found))
    shown, headers = paging.page(call, found)
    entries = [{name: entry[name] for name in ENTRY.fields} for entry in shown]
    return Answer(200, "[" + ",".join([record_text(call, _ENTRIES, e, ENTRY) for e in entries]) + "]", headers)


def count(call: Call, _ids: tuple[int, ...]) -> Answer:
    """How many entries there are."""
    return Answer(200, f'{{"count":{sum(1 for _ in _found(call))}}}')


def _found(call: Call) -> Iterator[Record]:
    asked, number = call.query.get("type", "").strip(), call.query.get("id", "").strip()
    if not asked or not (number.isascii() and number.isdigit() and len(number) <= paging.LONGEST):
        raise plain(400, "ConnectWiseApi", "type and id are required.")
    kind = _TYPES.get(asked.lower())
    if kind is None:
        raise plain(400, "ConnectWiseApi", f"{asked} is not a type of audit trail.")
    entries = _entries(call, kind, int(number)) if kind in ADDRESS_OF else iter(())
    text = call.query.get("conditions", "").strip()
    return filter(record_test(ENTRY, text), entries) if text else entries


def _entries(call: Call, kind: str, record_id: int) -> Iterator[Record]:
    """What happened to a record that the caller may read, or might have before it was deleted."""
    resource: Resource = ADDRESSES[ADDRESS_OF[kind]][0]
    granted = security.level(call, resource, "inquire")
    effects = call.site.effects_of(resource.table, record_id)
    last = (effects[-1].after or effects[-1].before) if effects else None
    if last is not None and not security.reaches(call, resource, granted, last):
        raise forbidden()
    return (entry for effect in effects for entry in entries(kind, effect))


def entries(kind: str, effect: Effect) -> Iterator[Record]:
    """One change of one record in words."""
    table = TABLES[effect.table].model
    name = f"{table.name} {_label(effect.after or effect.before or {})}"
    if effect.before is None:
        yield _entry(kind, "Added", f"{name} was added.", effect)
    elif effect.after is None:
        yield _entry(kind, "Deleted", f"{name} was deleted.", effect)
    else:
        for field in _changed(table, effect.before, effect.after):
            was, now = (_value(record.get(field)) for record in (effect.before, effect.after))
            words = _LATER_WORD.sub(" ", field).lower()
            yield _entry(kind, "Updated", f"{name}: {words} was changed from {was} to {now}.", effect)


def _changed(table: Model, before: Record, after: Record) -> list[str]:
    names = [name for name in table.fields if before.get(name) != after.get(name)]
    return [name for name in names if not table.fields[name].computed] or names


def _entry(kind: str, sub_type: str, text: str, effect: Effect) -> Record:
    return {
        "id": effect.seq,  # not shown: what lists are ordered by
        "_info": {"enteredBy": effect.member, "dateEntered": effect.time},  # nor this: what filters look at
        "text": text,
        "enteredDate": effect.time,
        "enteredBy": effect.member,
        "auditType": kind,
        "auditSubType": sub_type,
        "auditSource": "REST" if "/apis/3.0/" in effect.path.lower() else "PSA",
    }


def _label(record: Record) -> str:
    product = record.get("product")
    found = record.get("name") or record.get("identifier") or (_value(product) if product else record.get("id"))
    return str(found)


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return str(next((value[n] for n in _SHOWN if value.get(n) is not None), value.get("id")))
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "nothing"
    return f'"{value}"'
