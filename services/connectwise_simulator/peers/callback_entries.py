"""Registered callbacks: what a client may ask to be told, and whether a change is what it asked for."""

from connectwise_simulator.errors import FieldError
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site
from connectwise_simulator.state.history import Effect

# Type: the table whose changes it tells of. No source lists a type for additions; of the rest there are no records.
TABLE_OF = {
    "agreement": "agreements",
    "company": "companies",
    "contact": "contacts",
    "invoice": "invoices",
    "member": "members",
    "productcatalog": "catalog",
    "site": "companySites",
}
ELSEWHERE = ("activity", "configuration", "expense", "opportunity", "project", "purchaseorder", "schedule", "ticket")
TYPES = (*TABLE_OF, *ELSEWHERE, "time")
_SINGULARS = {f"{name[:-1]}ies" if name.endswith("y") else f"{name}s": name for name in TYPES}

# Level: the member of a record whose id must be `objectId`. The contract lists those of agreements and companies.
_IDS_AT = {
    "agreement": {"type": "type", "company": "company", "agreement": "id"},
    "company": {"status": "status", "type": "types", "territory": "territory", "company": "id", "integratortag": ""},
    "contact": {"company": "company", "contact": "id"},
    "invoice": {"company": "company", "invoice": "id"},
    "member": {"member": "id"},
    "productcatalog": {"productcatalog": "id"},
    "site": {"company": "company", "site": "id"},
}
_SAME = ("level", "url")


def kind_of(entry: Record) -> str:
    """The type of a registration, one of `TYPES`: sources send it in any case, the guide in the plural."""
    name = str(entry.get("type", "")).lower()
    return _SINGULARS.get(name, name)


def problems(site: Site, record: Record, before: Record | None) -> list[FieldError]:
    """Types and levels that there are not, and what is registered already: same type, level, object and url."""
    kind, level = kind_of(record), str(record.get("level", "")).lower()
    found = []
    if kind not in TYPES:
        found.append(FieldError("InvalidField", f"{record.get('type')} is not a type of callback.", "type"))
    elif kind in _IDS_AT and level not in ("owner", *_IDS_AT[kind]):
        message = f"{record.get('level')} is not a level of {record['type']} callbacks."
        found.append(FieldError("InvalidField", message, "level"))
    wanted = _identity(record)
    if (before is None or _identity(before) != wanted) and any(
        _identity(other) == wanted and other["id"] != record.get("id") for other in site.tables["callbacks"]
    ):
        found.append(FieldError("ObjectExists", "A matching callback entry already exists", "objectId"))
    return found


def is_about(site: Site, entry: Record, effect: Effect) -> bool:
    """Whether this callback tells of this change: of its table, at its level, and not the registrant's own if asked."""
    if entry.get("inactiveFlag") or (
        entry.get("isSelfSuppressedFlag") and effect.member == entry["_info"]["enteredBy"]
    ):
        return False
    kind, level = kind_of(entry), entry["level"].lower()
    record = _record(site, kind, effect)
    if record is None:
        return False
    return bool(level == "owner" or entry["objectId"] in _ids(record, _IDS_AT[kind][level]))


def subject(site: Site, kind: str, effect: Effect) -> tuple[str, Record]:
    """What is told of the change: `added`, `updated` or `deleted`, and the record."""
    record = _record(site, kind, effect)
    if record is None:
        raise LookupError(f"{kind} callbacks are not about {effect.table}")
    if effect.table != TABLE_OF[kind] or (effect.before is not None and effect.after is not None):
        return "updated", record
    return ("deleted" if effect.after is None else "added"), record


def _record(site: Site, kind: str, effect: Effect) -> Record | None:
    record = effect.after or effect.before or {}
    if TABLE_OF.get(kind) == effect.table:
        return record
    if kind == "agreement" and effect.table == "additions" and site.knobs.additions_fire_agreement_callbacks:
        return site.find("agreements", record["agreementId"])
    return None


def _ids(record: Record, member: str) -> list[int]:
    value = record.get(member)
    if isinstance(value, int):
        return [value]
    return [one["id"] for one in (value if isinstance(value, list) else [value]) if one]


def _identity(record: Record) -> tuple[str, ...]:
    return (kind_of(record), *(str(record.get(name, "")).lower() for name in _SAME), str(record.get("objectId")))
