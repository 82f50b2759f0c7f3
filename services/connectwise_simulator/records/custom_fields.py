"""User-defined fields: a definition shows on every record of its screen's type, with a value or without one."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectwise_simulator.errors import FieldError
from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site

# The screens' real ids are in no source: names stand for them [assumed].
TABLE_OF_SCREEN = {
    "company": "companies",
    "site": "companySites",
    "contact": "contacts",
    "agreement": "agreements",
    "addition": "additions",
    "adjustment": "adjustments",
    "product": "catalog",
    "invoice": "invoices",
    "member": "members",
}
_SHOWN = ("id", "caption", "type", "entryMethod", "numberOfDecimals", "value")
_NUMBERS = ("Number", "Percent", "Currency")
_CHOICES = ("List", "Option")


def of_table(site: Site, table: str) -> list[Record]:
    """The definitions that show on a table's records, in the order of their sequence numbers."""
    found = (field for field in site.tables["userDefinedFields"] if _table(field) == table)
    return sorted(found, key=lambda field: (field["sequenceNumber"], field["id"]))


def shown(site: Site, table: str, record: Record) -> Record:
    """`customFields` as the record answers them: all there are, those without a value without `value`."""
    definitions = of_table(site, table)
    values = [(_meant(definitions, item) or {}, item.get("value")) for item in record.get("customFields") or ()]
    given = {field.get("id"): value for field, value in values}
    return {"customFields": [_shown(field, given.get(field["id"])) for field in definitions] or None}


def problems(site: Site, table: str, record: Record, before: Record | None) -> list[FieldError]:
    """What is wrong with written values: a field that is not there, a value of another type, none where one must be."""
    if before is not None and record.get("customFields") == before.get("customFields"):
        return []
    definitions, found, given = of_table(site, table), [], set()
    for item in record.get("customFields") or ():
        field = _meant(definitions, item)
        if field is None:
            name = item.get("id", item.get("caption"))
            found.append(FieldError("NotFound", f"Custom field {name} not found", "customFields/id"))
        elif item.get("value") is not None:
            given.add(field["id"])
            found += _misfits(field, item["value"])
    return found + [
        FieldError("MissingRequiredField", f"The custom field {field['caption']} is required.", "customFields")
        for field in definitions
        if field.get("requiredFlag") and field["id"] not in given and record.get("customFields") is not None
    ]


def follow_definition(site: Site, before: Record | None, after: Record | None) -> None:
    """A definition came, went or changed: every record of its type follows; not a change anyone made to them."""
    for table in _tables(field for field in (before, after) if field is not None):
        for record in list(site.tables[table]):
            site.refresh(table, {**record, **shown(site, table, record)})


def begin(site: Site) -> None:
    """Show the definitions that a site begins with."""
    for table in _tables(site.tables["userDefinedFields"]):
        for record in list(site.tables[table]):
            site.tables[table].put({**record, **shown(site, table, record)})


def defaults(site: Site, record: Record) -> Record:
    """A date is entered as a date, everything else into a field."""
    entry = "Date" if record.get("fieldTypeIdentifier") == "Date" else "EntryField"
    return {"entryTypeIdentifier": entry, "displayOnScreenFlag": True, "dateCreated": site.clock.stamp()}


def definition_problems(_site: Site, record: Record, _before: Record | None) -> list[FieldError]:
    """The screen has to be one of ours; sequence numbers are 1 to 500; decimals belong to numbers."""
    found = []
    if _table(record) is None:
        names = ", ".join(TABLE_OF_SCREEN)
        found.append(FieldError("InvalidField", f"screenId is one of {names}.", "screenId"))
    if not 1 <= record["sequenceNumber"] <= 500:  # noqa: PLR2004 - the contract's
        found.append(FieldError("InvalidField", "sequenceNumber must be between 1 and 500.", "sequenceNumber"))
    if record.get("numberDecimals") is not None and record["fieldTypeIdentifier"] not in _NUMBERS:
        found.append(FieldError("InvalidField", "numberDecimals is for numbers and percents.", "numberDecimals"))
    return found


def _tables(definitions: Iterable[Record]) -> set[str]:
    return {table for field in definitions if (table := _table(field)) is not None}


def _table(field: Record) -> str | None:
    return TABLE_OF_SCREEN.get(str(field.get("screenId", "")).lower())


def _meant(definitions: list[Record], item: Record) -> Record | None:
    """The definition an item names: by id, without one by its caption [assumed]."""
    name = "id" if item.get("id") is not None else "caption"
    return next((field for field in definitions if str(field[name]) == str(item.get(name))), None)


def _shown(field: Record, value: Any) -> Record:
    made = {
        "id": field["id"],
        "caption": field["caption"],
        "type": field["fieldTypeIdentifier"],
        "entryMethod": field.get("entryTypeIdentifier"),
        "numberOfDecimals": field.get("numberDecimals", 0),
        "value": value,
    }
    return {name: made[name] for name in _SHOWN if made[name] is not None}


def _misfits(field: Record, value: Any) -> list[FieldError]:
    kind = field["fieldTypeIdentifier"]
    options = [str(o.get("optionValue")) for o in field.get("options") or () if not o.get("inactiveFlag")]
    if kind in _NUMBERS:
        fits = isinstance(value, Decimal | int) and not isinstance(value, bool)
    elif kind == "Checkbox":
        fits = isinstance(value, bool)
    elif kind == "Date":
        fits = isinstance(value, str) and _is_date(value)
    else:
        fits = isinstance(value, str | Decimal | int) and not isinstance(value, bool)
    if fits and field.get("entryTypeIdentifier") in _CHOICES and options:
        fits = str(value) in options
    if fits:
        return []
    return [
        FieldError("InvalidField", f"The value of {field['caption']} is not one of a {kind}.", "customFields/value")
    ]


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
