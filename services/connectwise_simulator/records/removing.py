"""DELETE: what is referred to stays (409), and what belongs to a record goes with it."""

from collections.abc import Iterator

from connectwise_simulator.billing import additions
from connectwise_simulator.errors import plain
from connectwise_simulator.records import custom_fields, lists
from connectwise_simulator.registry import TABLES
from connectwise_simulator.schema import Kind, Record
from connectwise_simulator.site import Actor, Site

# Tables whose rows are part of a record of another: they have no life without it.
PARTS = {
    "agreements": (
        *("additions", "adjustments", "agreementSites", "agreementWorkRoles", "agreementWorkTypes", "boardDefaults"),
        *("workRoleExclusions", "workTypeExclusions"),
    ),
    "companies": ("companySites", "typeAssociations"),
    "contacts": ("communications", "contactTypeAssociations"),
}

Row = tuple[str, int]  # table and id


def remove(site: Site, actor: Actor, table: str, record: Record) -> None:
    """Delete a record with its parts; raises 409 if anything else refers to one of them."""
    parts = [(name, part) for name in PARTS.get(table, ()) for part in site.tables[name].children(record["id"])]
    gone = {(table, record["id"]), *((name, part["id"]) for name, part in parts)}
    for name, one in [(table, record), *parts]:
        if (
            name == "additions"
            and site.knobs.delete_invoiced_additions == "refuse"
            and additions.was_invoiced(site, one)
        ):
            raise plain(409, "Conflict", "The addition has been invoiced and cannot be deleted.")
    for name in {name for name, _ in gone}:
        ids = {number for other, number in gone if other == name}
        user = next((row for row in _users(site, name, ids) if row not in gone), None)
        if user is not None:
            said = f"{TABLES[table].model.name} {record['id']} is in use by {TABLES[user[0]].model.name} {user[1]}."
            raise plain(409, "Conflict", said)
    for name, one in [*parts, (table, record)]:
        site.delete(actor, name, one)
    lists.follow_row(site, table, {**record, "defaultFlag": False})
    if table == "userDefinedFields":
        custom_fields.follow_definition(site, record, None)


def _users(site: Site, table: str, ids: set[int]) -> Iterator[Row]:
    """Rows that refer to one of these records."""
    for other in site.tables.values():
        fields = [f for f in other.model.fields.values() if f.table == table]
        for record in other if fields else ():
            if any(_refers(record.get(f.name), f.kind, ids) for f in fields):
                yield other.name, record["id"]


def _refers(value: object, kind: Kind, ids: set[int]) -> bool:
    items = value if kind is Kind.REFERENCES and isinstance(value, list) else [value]
    return any(isinstance(item, dict) and item.get("id") in ids for item in items)
