"""The verbs of every resource: list, count, create, read, replace, patch, delete."""

from collections.abc import Callable

from connectwise_simulator import additions, paging, patching, rules, security
from connectwise_simulator.call import Answer, Call
from connectwise_simulator.errors import ApiError, FieldError, forbidden, invalid, not_found, plain
from connectwise_simulator.matching import child_test, custom_field_test, order, record_test
from connectwise_simulator.registry import Resource
from connectwise_simulator.schema import Record
from connectwise_simulator.selection import record_text
from connectwise_simulator.tables import Table
from connectwise_simulator.values import Reading, json_body


def listing(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """A page of records, filtered, ordered and cut to the asked fields."""
    _need_verb(resource, "R")
    forward = paging.is_forward_only(call)
    order_by = call.query.get("orderby", "").strip()
    if forward and order_by:
        raise plain(400, "ConnectWiseApi", "orderBy is not supported with forward-only pagination.")
    table = call.site.tables[resource.table]
    records = _found(call, resource, ids)
    if order_by:
        records = order(table.model, order_by, records)
    shown, headers = paging.page(call, records)
    return Answer(200, "[" + ",".join([record_text(call, table, r) for r in shown]) + "]", headers)


def count(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """How many records the same filter finds."""
    _need_verb(resource, "R")
    return Answer(200, f'{{"count":{len(_found(call, resource, ids))}}}')


def create(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """A new record, answered in full with 201."""
    _need_verb(resource, "C")
    security.level(call, resource, "add")
    table = call.site.tables[resource.table]
    reading = _reading(call, table)
    record = reading.record(json_body(call.request.body))
    _stop_at(reading, table)
    if resource.parent_table is not None:
        record |= _parent_member(call, resource, ids)
    elif resource.table == "agreements" and not call.role.sees_type((record.get("type") or {}).get("name", "")):
        raise forbidden()
    return _one(call, 201, table, rules.store(call.site, call.actor, resource.table, record, None))


def read(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """One record by id."""
    _need_verb(resource, "r")
    return _one(call, 200, call.site.tables[resource.table], _target(call, resource, ids, "inquire"))


def replace(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """A whole record in place of another: what is not given goes back to its default."""
    _need_verb(resource, "U")
    before = _target(call, resource, ids, "edit")
    table = call.site.tables[resource.table]
    reading = _reading(call, table)
    written = reading.record(json_body(call.request.body))
    _stop_at(reading, table)
    kept = {f.name: before[f.name] for f in table.model.fields.values() if f.computed and f.name in before}
    flags = {k: False for k, v in before.items() if isinstance(v, bool)}
    defaults = rules.RULES.get(resource.table, rules.GENERIC).defaults(call.site, {**kept, **written})
    record = {**flags, **defaults, **{k: v for k, v in written.items() if v is not None}, **kept}
    return _one(call, 200, table, rules.store(call.site, call.actor, resource.table, record, before))


def patch(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """Some members changed, cleared or, where the contract says so, silently left."""
    _need_verb(resource, "P")
    before = _target(call, resource, ids, "edit")
    table = call.site.tables[resource.table]
    reading = _reading(call, table)
    written = patching.changes(reading, table.model, json_body(call.request.body), newer=call.newer)
    _stop_at(reading, table)
    record = before
    if written:
        record = rules.store(call.site, call.actor, resource.table, {**before, **written}, before)
    return _one(call, 200, table, record)


def delete(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """Gone, 204; an addition in an invoiced period stays (knob)."""
    _need_verb(resource, "D")
    record = _target(call, resource, ids, "delete")
    if (
        resource.table == "additions"
        and call.site.knobs.delete_invoiced_additions == "refuse"
        and additions.was_invoiced(call.site, record)
    ):
        raise plain(409, "Conflict", "The addition has been invoiced and cannot be deleted.")
    call.site.delete(call.actor, resource.table, record)
    return Answer(204)


Verb = Callable[[Call, Resource, tuple[int, ...]], Answer]
VERBS: dict[tuple[str, str], Verb] = {
    ("GET", "list"): listing,
    ("GET", "count"): count,
    ("POST", "list"): create,
    ("GET", "item"): read,
    ("PUT", "item"): replace,
    ("PATCH", "item"): patch,
    ("DELETE", "item"): delete,
}


def not_allowed() -> ApiError:
    """The address exists, the verb does not."""
    return plain(405, "MethodNotAllowed", "The requested resource does not support this http method.")


def _need_verb(resource: Resource, verb: str) -> None:
    if verb not in resource.verbs:
        raise not_allowed()


def _found(call: Call, resource: Resource, ids: tuple[int, ...]) -> list[Record]:
    granted = security.level(call, resource, "inquire")
    table, query = call.site.tables[resource.table], call.query
    parent = _parent(call, resource, ids)["id"] if resource.parent_table else None
    records = table.listed(parent, paging.last_seen_id(call))
    tests = []
    if text := query.get("conditions", "").strip():
        tests.append(record_test(table.model, text))
    if text := query.get("childconditions", "").strip():
        tests.append(child_test(table.model, text))
    if text := query.get("customfieldconditions", "").strip():
        tests.append(custom_field_test(text))
    for test in tests:
        records = [r for r in records if test(r)]
    if granted == "All" and call.role.agreement_types is None:
        return records
    return [r for r in records if security.reaches(call, resource, granted, r)]


def _target(call: Call, resource: Resource, ids: tuple[int, ...], action: str) -> Record:
    granted = security.level(call, resource, action)
    record = call.site.find(resource.table, ids[-1])
    if resource.parent_table is not None:
        parent = _parent(call, resource, ids)
        table = call.site.tables[resource.table]
        if record is not None and not table.belongs(record, parent["id"]):
            record = None
    if record is None:
        raise not_found(f"{call.site.tables[resource.table].model.name} {ids[-1]}")
    if not security.reaches(call, resource, granted, record):
        raise forbidden()
    return record


def _parent(call: Call, resource: Resource, ids: tuple[int, ...]) -> Record:
    name = resource.parent_table or ""
    parent = call.site.find(name, ids[0])
    if parent is None:
        raise not_found(f"{call.site.tables[name].model.name} {ids[0]}")
    if name == "agreements" and not call.role.sees_type((parent.get("type") or {}).get("name", "")):
        raise forbidden()
    return parent


def _parent_member(call: Call, resource: Resource, ids: tuple[int, ...]) -> Record:
    parent = _parent(call, resource, ids)
    if resource.table == "additions":
        return {"agreementId": parent["id"]}
    return {"category": {"id": parent["id"], "name": parent["name"]}}


def _reading(call: Call, table: Table) -> Reading:
    return Reading(call.site, table.model, call.request.body, newer=call.newer)


def _stop_at(reading: Reading, table: Table) -> None:
    errors: list[FieldError] = reading.errors
    if errors:
        raise invalid(table.model.resource, *errors)


def _one(call: Call, status: int, table: Table, record: Record) -> Answer:
    return Answer(status, record_text(call, table, record), record_id=record["id"])
