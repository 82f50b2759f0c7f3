"""Lists of a record whose items have an address of their own: both show the same rows and are kept in step.

A company's `types`, a contact's `types` and `communicationItems`. Writing the list writes the rows, with their history;
writing a row changes what the record shows and nothing else of it [assumed: its `lastUpdated` stays].
"""

from dataclasses import dataclass

from connectwise_simulator.errors import FieldError
from connectwise_simulator.registry import TABLES
from connectwise_simulator.schema import Record, members_of
from connectwise_simulator.site import Actor, Site

_ITEM = members_of("ContactCommunicationItem")
_PHONE = {"defaultPhoneType": ("type", "name"), "defaultPhoneNbr": ("value",), "defaultPhoneExtension": ("extension",)}


@dataclass(frozen=True, slots=True)
class SharedList:
    """Where the list stands and which table holds its rows."""

    owner: str
    member: str
    rows: str

    @property
    def has_own_items(self) -> bool:
        """Whether an item is its row; otherwise it is the type that the row names."""
        return self.rows == "communications"

    def values(self, item: Record) -> Record:
        """What an item says of its row."""
        return communication(item) if self.has_own_items else {"type": item}

    def item(self, row: Record) -> Record:
        """A row as the list shows it."""
        return {k: v for k, v in row.items() if k in _ITEM and k != "_info"} if self.has_own_items else row["type"]

    def means(self, item: Record, row: Record) -> bool:
        """Whether an item of a written list is this row: by its id, a type by the type's."""
        return bool(item.get("id") == (row if self.has_own_items else row["type"])["id"])


LISTS = (
    SharedList("companies", "types", "typeAssociations"),
    SharedList("contacts", "types", "contactTypeAssociations"),
    SharedList("contacts", "communicationItems", "communications"),
)


def write_rows(site: Site, actor: Actor, table: str, record: Record) -> Record:
    """Bring the rows to what a record's lists say; the lists as the rows then show them."""
    found: Record = {}
    for one in LISTS:
        if one.owner == table:
            left = site.tables[one.rows].children(record["id"])
            for item in record.get(one.member) or ():
                before = next((row for row in left if one.means(item, row)), None)
                left = [row for row in left if row is not before]
                _write(site, actor, one, record, one.values(item), before)
            for row in left:
                site.delete(actor, one.rows, row)
            found |= _shown(site, one, record["id"])
    return found


def follow_row(site: Site, table: str, row: Record) -> None:
    """A row came, went or changed at its own address: its record shows it. One default a kind: the last one said."""
    for one in LISTS:
        owner = site.find(one.owner, TABLES[table].parent_of(row)) if one.rows == table else None
        if owner is not None:
            for other in site.tables[table].children(owner["id"]):
                if row.get("defaultFlag") and other["id"] != row["id"] and _kind(other) == _kind(row):
                    site.refresh(table, {**other, "defaultFlag": False})
            site.refresh(one.owner, {**owner, **_shown(site, one, owner["id"])})


def begin(site: Site) -> None:
    """Make the rows of records that were entered with their lists: as old as these, without history."""
    for one in LISTS:
        table = site.tables[one.rows]
        for owner in list(site.tables[one.owner]):
            for item in owner.get(one.member) or ():
                table.put(
                    {"id": table.next_id(), **one.values(item), **site.under(one.rows, owner), "_info": owner["_info"]}
                )
            if owner.get(one.member):
                shown = {**owner, **_shown(site, one, owner["id"])}
                site.tables[one.owner].put({name: value for name, value in shown.items() if value is not None})


def repeated(site: Site, record: Record, before: Record | None) -> list[FieldError]:
    """A record has a type once."""
    table = "typeAssociations" if "company" in record else "contactTypeAssociations"
    others = site.tables[table].children(TABLES[table].parent_of(record) or 0)
    if any(row["type"]["id"] == record["type"]["id"] for row in others if row is not before):
        return [FieldError("ObjectExists", "A matching type association already exists", "type")]
    return []


def communication(item: Record) -> Record:
    """What the service makes of a value: its kind where none is said [assumed], and the domain of an address."""
    value = str(item.get("value", ""))
    made = {"defaultFlag": False, "communicationType": "Email" if "@" in value else "Phone"}
    made |= {k: v for k, v in item.items() if k != "id" and v is not None}
    return made | ({"domain": f"@{value.rpartition('@')[2]}"} if "@" in value else {})


def _write(site: Site, actor: Actor, one: SharedList, owner: Record, values: Record, before: Record | None) -> None:
    if before is None:
        new = {"id": site.tables[one.rows].next_id(), **values, **site.under(one.rows, owner)}
        site.put(actor, one.rows, None, new)
    elif any(before.get(name) != value for name, value in values.items()):
        site.put(actor, one.rows, before, {**before, **values})


def _shown(site: Site, one: SharedList, owner_id: int) -> Record:
    rows = site.tables[one.rows].children(owner_id)
    found: Record = {one.member: [one.item(row) for row in rows] or None}
    if one.rows == "communications":
        phones = [row for row in rows if row["communicationType"] == "Phone"]
        phone = next((row for row in phones if row.get("defaultFlag")), {})
        found |= {name: _inside(phone, path) for name, path in _PHONE.items()}
    return found


def _inside(row: Record, path: tuple[str, ...]) -> str | None:
    value = row.get(path[0])
    return (value or {}).get(path[1]) if len(path) > 1 else value


def _kind(row: Record) -> str | None:
    return row.get("communicationType")
