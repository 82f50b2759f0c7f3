"""What a client wrote, turned into what a record keeps: strict about names, lenient about numbers in texts.

Unknown members are refused at once; lengths, dates and dangling references are collected, so that one answer names
them all. Values of the wrong kind get the 500 the contract reports.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectwise_simulator.errors import FieldError, plain, unconvertible, unknown_member
from connectwise_simulator.jsonwire import LARGEST_EXPONENT, loads
from connectwise_simulator.schema import (
    ANYTHING,
    IDENTIFIED,
    REFERENCES_INSIDE,
    Field,
    Kind,
    Model,
    Record,
    members_of,
)
from connectwise_simulator.site import Site, reference

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CONTROL = re.compile(r"\r\n|[\r\n\f\b]")  # "not supported" in bodies; shown as a space
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:]+(?:Z|[+-][0-9:]+)?)?")  # whole seconds
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_INT32 = 2**31
_YEARS = range(1753, 9999)  # of a datetime of the peer's database, without the last: a period that begins in it ends


def json_body(body: bytes) -> Any:
    """The body's JSON value, or the peer's refusal."""
    try:
        value = loads(body.decode("utf-8-sig"))
        return _writable(value) if _SURROGATE.search(body) else value
    except (ValueError, RecursionError):
        raise plain(400, "ConnectWiseApi", "The request body is not valid JSON.") from None


def _writable(value: Any) -> Any:
    """The value with U+FFFD for halves of characters: JSON can escape them, UTF-8 cannot hold them."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if isinstance(value, dict):
        return {_writable(name): _writable(item) for name, item in value.items()}
    return value


class Reading:
    """One body read against a model: the values by field name, and what is wrong with them."""

    def __init__(self, site: Site, model: Model, text: bytes, *, newer: bool) -> None:
        self._site = site
        self._model = model
        self._text = text
        self._newer = newer
        self.company: int | None = None  # the record's own: of several sites of one name, its is meant
        self.errors: list[FieldError] = []

    def record(self, body: Any) -> Record:
        """The values of a whole record; computed members and `_info` are left out, whatever they say."""
        if not isinstance(body, dict):
            raise unconvertible(body, self._model.name, "")
        values: Record = {}
        for name, value in sorted(body.items(), key=lambda member: member[0].lower() != "company"):
            if name == "_info":
                continue
            field = self._model.folded.get(name.lower())
            if field is None or (field.newer and not self._newer):
                raise unknown_member(self._model.name, name, self._position(name))
            if not field.computed:
                values[field.name] = self.value(field, value)
        return values

    def value(self, field: Field, value: Any) -> Any:
        """One value as the record keeps it; None for null."""
        if value is None:
            return None
        return _CONVERTERS[field.kind](self, field, value)

    def _position(self, name: str) -> int:
        found = self._text.find(f'"{name}"'.encode())
        return found + len(name) + 3  # after the quotes and the colon

    def _integer(self, field: Field, value: Any) -> int:
        number = self._number(field, value)
        if number != number.to_integral_value() or not -_INT32 <= number < _INT32:
            raise unconvertible(value, "System.Int32", field.name)
        return int(number)

    def _number(self, field: Field, value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise unconvertible(value, "System.Double", field.name)
        if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
            raise unconvertible(value, "System.Double", field.name)
        number = Decimal(value)
        if abs(number.adjusted()) > LARGEST_EXPONENT:
            raise unconvertible(value, "System.Double", field.name)
        return number

    def _flag(self, field: Field, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if isinstance(value, str):
            raise plain(500, "ConnectWiseApi", "String was not recognized as a valid Boolean.")
        raise unconvertible(value, "System.Boolean", field.name)

    def _text_value(self, field: Field, value: Any) -> str:
        if isinstance(value, dict | list):
            raise unconvertible(value, "System.String", field.name)
        text = _CONTROL.sub(" ", value if isinstance(value, str) else str(value))
        if field.longest is not None and len(text) > field.longest:
            message = f"The field {field.name} must be a string with a maximum length of {field.longest}."
            self.errors.append(FieldError("MaxLengthField", message, field.name))
        return text

    def _date(self, field: Field, value: Any) -> str | None:
        if not isinstance(value, str):
            raise unconvertible(value, "System.DateTime", field.name)
        if _DATE.fullmatch(value):
            try:
                moment = datetime.fromisoformat(value)
                if moment.tzinfo is not None:
                    moment = moment.astimezone(UTC)
            except (ValueError, OverflowError):
                pass
            else:
                if moment.year in _YEARS:
                    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
        message = f"Unsupported format applied to {field.name}"
        self.errors.append(FieldError("InvalidField", message, field.name))
        return None

    def _choice(self, field: Field, value: Any) -> str:
        for choice in field.choices:
            if isinstance(value, str) and value.lower() == choice.lower():
                return choice
        raise unconvertible(value, f"{self._model.name}.{field.name}", field.name)

    def _reference(self, field: Field, value: Any) -> Record | None:
        self._members(field, value)
        if field.table is None:
            return {k: v for k, v in value.items() if k != "_info"}
        target = self._target(field.table, value)
        if target is None:
            if all(value.get(k) is None for k in ("id", "identifier", "name")):
                return None
            key = "id" if value.get("id") is not None else "identifier" if "identifier" in value else "name"
            message = f"{field.name[0].upper()}{field.name[1:]} {value.get(key)} not found"
            self.errors.append(FieldError("NotFound", message, f"{field.name}/{key}"))
            return None
        if field.name == "company":
            self.company = target["id"]
        return reference(field.reference, target)

    def _references(self, field: Field, value: Any) -> list[Record]:
        if not isinstance(value, list):
            raise unconvertible(value, f"{field.reference}[]", field.name)
        if field.table is not None:
            return [found for item in value if (found := self._reference(field, item)) is not None]
        for item in value:
            self._members(field, item)
        if field.reference in IDENTIFIED:
            return [{k: v for k, v in item.items() if v is not None} for item in value]
        return [{"id": n, **{k: v for k, v in item.items() if v is not None}} for n, item in enumerate(value, 1)]

    def _list(self, field: Field, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise unconvertible(value, "System.Array", field.name)
        return value

    def _map(self, field: Field, value: Any) -> Record:
        if not isinstance(value, dict):
            raise unconvertible(value, "System.Object", field.name)
        return value

    def _members(self, field: Field, value: Any) -> None:
        if not isinstance(value, dict):
            raise unconvertible(value, field.reference, field.name)
        allowed = members_of(field.reference)
        for name, inner in value.items():
            path = f"{field.name}.{name}"
            if name not in allowed:
                raise unknown_member(field.reference, path, self._position(name))
            if reference_inside := REFERENCES_INSIDE.get((field.reference, name)):
                if inner is not None:
                    self._members(Field(path, Kind.REFERENCE, reference=reference_inside), inner)
            elif isinstance(inner, dict | list) and (field.reference, name) not in ANYTHING and name != "_info":
                raise unconvertible(inner, field.reference, path)

    def _target(self, table: str, value: Record) -> Record | None:
        """By id; without one by identifier, then by name: of the record's own company, if that has one of the name."""
        if value.get("id") is not None:
            wanted = value["id"]
            if isinstance(wanted, str) and wanted.isascii() and wanted.isdigit():
                wanted = int(wanted[:12])
            return None if isinstance(wanted, bool) else self._site.find(table, wanted)
        for key in ("identifier", "name"):
            if isinstance(value.get(key), str):
                found = self._site.tables[table].named(key, value[key])
                own = [row for row in found if row.get("company", {}).get("id") == self.company]
                return next(iter(own or found), None)
        return None


_CONVERTERS = {
    Kind.INTEGER: Reading._integer,  # noqa: SLF001 - the table belongs to the class above
    Kind.NUMBER: Reading._number,  # noqa: SLF001
    Kind.FLAG: Reading._flag,  # noqa: SLF001
    Kind.TEXT: Reading._text_value,  # noqa: SLF001
    Kind.DATE: Reading._date,  # noqa: SLF001
    Kind.CHOICE: Reading._choice,  # noqa: SLF001
    Kind.REFERENCE: Reading._reference,  # noqa: SLF001
    Kind.REFERENCES: Reading._references,  # noqa: SLF001
    Kind.LIST: Reading._list,  # noqa: SLF001
    Kind.MAP: Reading._map,  # noqa: SLF001
}
