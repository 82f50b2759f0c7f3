"""The verbs of every resource: list, count, create, read, replace, patch, delete."""

from collections.abc import Callable, Iterator

from connectwise_simulator import security
from connectwise_simulator.billing import invoicing
from connectwise_simulator.call import Answer, Call
from connectwise_simulator.errors import ApiError, FieldError, forbidden, invalid, not_found, plain
from connectwise_simulator.filters import paging
from connectwise_simulator.filters.matching import child_test, custom_field_test, order, record_test, wanted
from connectwise_simulator.filters.selection import record_text
from connectwise_simulator.models.system import MY_SECURITY, MY_SECURITY_ITEM, SECURITY_ROLE_SETTING
from connectwise_simulator.records import patching, removing, required, rules
from connectwise_simulator.records.values import Reading, json_body
from connectwise_simulator.registry import Resource
from connectwise_simulator.schema import Model, Record
from connectwise_simulator.tables import Table, Wanted


def listing(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """A page of records, filtered, ordered and cut to the asked fields."""
    _need_verb(resource, "R")
    forward = paging.is_forward_only(call)
    order_by = call.query.get("orderby", "").strip()
    if forward and order_by:
        raise plain(400, "ConnectWiseApi", "orderBy is not supported with forward-only pagination.")
    table = _table(call, resource, ids)
    records = _found(call, resource, table, ids)
    if order_by:
        records = iter(order(resource.model(table.model), order_by, records))
    shown, headers = paging.page(call, records)
    texts = [record_text(call, table, record, resource.view) for record in shown]
    return Answer(200, "[" + ",".join(texts) + "]", headers)


def count(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """How many records the same filter finds."""
    _need_verb(resource, "R")
    return Answer(200, f'{{"count":{sum(1 for _ in _found(call, resource, _table(call, resource, ids), ids))}}}')


def create(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """A new record, answered in full with 201."""
    _need_verb(resource, "C")
    security.level(call, resource, "add")
    model = resource.model(call.site.tables[resource.table].model)
    reading = _reading(call, model)
    record = reading.record(json_body(call.request.body)) | resource.fixed
    _stop_at(reading, model)
    if "memberId" in model.fields:
        record["memberId"] = call.key.member  # who made it, whatever the body says
    return _stored(call, resource, ids, record, None)


def read(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """One record by id."""
    _need_verb(resource, "r")
    return _one(call, 200, resource, _table(call, resource, ids), _target(call, resource, ids, "inquire"))


def replace(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """A whole record in place of another: what is not given goes back to its default, unless it must be given."""
    _need_verb(resource, "U")
    before = _target(call, resource, ids, "edit")
    model = resource.model(call.site.tables[resource.table].model)
    reading = _reading(call, model)
    written = reading.record(json_body(call.request.body)) | resource.fixed
    reading.errors += required.left_out(model, written, before)
    _stop_at(reading, model)
    kept = {k: v for k, v in before.items() if k not in model.fields or model.fields[k].computed}
    flags = {k: False for k, v in before.items() if isinstance(v, bool)}
    defaults = rules.RULES.get(resource.table, rules.GENERIC).defaults(call.site, {**kept, **written})
    record = {**flags, **defaults, **{k: v for k, v in written.items() if v is not None}, **kept}
    return _stored(call, resource, ids, record, before)


def patch(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """Some members changed, cleared or, where the contract says so, silently left."""
    _need_verb(resource, "P")
    before = _target(call, resource, ids, "edit")
    table = call.site.tables[resource.table]
    model = resource.model(table.model)
    reading = _reading(call, model)
    reading.company = before["id"] if resource.table == "companies" else before.get("company", {}).get("id")
    written = patching.changes(reading, model, json_body(call.request.body), newer=call.newer)
    _stop_at(reading, model)
    if not written:
        return _one(call, 200, resource, table, before)
    return _stored(call, resource, ids, {**before, **written, **resource.fixed}, before)


def delete(call: Call, resource: Resource, ids: tuple[int, ...]) -> Answer:
    """Gone, 204; what is referred to or was invoiced stays, 409."""
    _need_verb(resource, "D")
    record = _target(call, resource, ids, "delete")
    if resource.table == "invoices":
        invoicing.withdraw(call.site, call.actor, record)
    else:
        removing.remove(call.site, call.actor, resource.table, record)
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


def _table(call: Call, resource: Resource, ids: tuple[int, ...]) -> Table:
    """The rows of an address: a table, or what the security of the call or of a role comes to."""
    if resource.table in call.site.tables:
        return call.site.tables[resource.table]
    if resource.table == "roleSettings":
        return _made(SECURITY_ROLE_SETTING, security.settings_rows(call, _parent(call, resource, ids)))
    if resource.table == "mySecurity":
        return _made(MY_SECURITY, security.my_rows(call))
    return _made(MY_SECURITY_ITEM, security.customize_rows(call))


def _made(model: Model, rows: list[Record]) -> Table:
    table = Table(model.name, model)
    for row in rows:
        table.put(row)
    return table


def _found(call: Call, resource: Resource, table: Table, ids: tuple[int, ...]) -> Iterator[Record]:
    """What the filters find, in the order of ids; found one by one, as a forward-only page needs only its own."""
    granted = security.level(call, resource, "inquire")
    query, model = call.query, resource.model(table.model)
    parent = _parent(call, resource, ids)["id"] if resource.parent_table and table.has_parents else None
    tests = []
    certain: tuple[Wanted, ...] = ()
    if text := query.get("conditions", "").strip():
        tests.append(record_test(model, text))
        certain = wanted(model, text)
    if text := query.get("childconditions", "").strip():
        tests.append(child_test(model, text))
    if text := query.get("customfieldconditions", "").strip():
        tests.append(custom_field_test(text))
    records = table.listed(parent, paging.last_seen_id(call), certain)
    if resource.fixed:
        tests.append(lambda record: _is_fixed(resource, record))
    for test in tests:
        records = filter(test, records)
    if granted == "All" and call.role.agreement_types is None:
        return records
    return (r for r in records if security.reaches(call, resource, granted, r))


def _target(call: Call, resource: Resource, ids: tuple[int, ...], action: str) -> Record:
    granted = security.level(call, resource, action)
    table = _table(call, resource, ids)
    record = table.get(ids[-1])
    if resource.parent_table is not None and table.has_parents:
        parent = _parent(call, resource, ids)
        if record is not None and not table.belongs(record, parent["id"]):
            record = None
    if record is None or not _is_fixed(resource, record):
        raise not_found(f"{table.model.name} {ids[-1]}")
    if not security.reaches(call, resource, granted, record):
        raise forbidden()
    return record


def _is_fixed(resource: Resource, record: Record) -> bool:
    return all(record.get(name) == value for name, value in resource.fixed.items())


def _parent(call: Call, resource: Resource, ids: tuple[int, ...]) -> Record:
    name = resource.parent_table or ""
    parent = call.site.find(name, ids[0])
    if parent is None:
        raise not_found(f"{call.site.tables[name].model.name} {ids[0]}")
    if name == "agreements" and not call.role.sees_type((parent.get("type") or {}).get("name", "")):
        raise forbidden()
    return parent


def _stored(call: Call, resource: Resource, ids: tuple[int, ...], record: Record, before: Record | None) -> Answer:
    """The record written where the path says it stands, and only where the role reaches."""
    if resource.parent_table is not None:
        record |= call.site.under(resource.table, _parent(call, resource, ids))
    elif resource.table == "agreements" and not call.role.sees_type((record.get("type") or {}).get("name", "")):
        raise forbidden()
    written = rules.store(call.site, call.actor, resource.table, record, before)
    return _one(call, 201 if before is None else 200, resource, call.site.tables[resource.table], written)


def _reading(call: Call, model: Model) -> Reading:
    return Reading(call.site, model, call.request.body, newer=call.newer)


def _stop_at(reading: Reading, model: Model) -> None:
    errors: list[FieldError] = reading.errors
    if errors:
        raise invalid(model.resource, *errors)


def _one(call: Call, status: int, resource: Resource, table: Table, record: Record) -> Answer:
    return Answer(status, record_text(call, table, record, resource.view), record_id=record["id"])
