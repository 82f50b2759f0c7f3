"""What all records that are read, and all drafts that are written, have in common."""

from functools import cache
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from connectwise.models.values import AS_READ, wire_value
from httpkit import ApiError, Outcome


class Record(BaseModel):
    """A record as the site gave it.

    Everything but the id may be missing: the site leaves null values out, and versions differ. Unknown members are kept
    in `model_extra`; enumerations are plain strings, to be compared with the known values. An empty text where no text
    stands, such as for a date, is None.
    """

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    @classmethod
    def read(cls, raw: Any, *, request_id: str | None, call: str) -> Self:
        """The record in an answer.

        Raises:
            ApiError: `AMBIGUOUS`, the answer holds no such record.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            names = ", ".join(".".join(map(str, problem["loc"])) or "the whole" for problem in error.errors()[:5])
            record_id = raw.get("id") if isinstance(raw, dict) else None
            which = f"{cls.__name__} {record_id}" if type(record_id) is int else cls.__name__
            raise ApiError(
                Outcome.AMBIGUOUS,
                "unreadable_record",
                f"The site's answer is no readable {which}: {names}.",
                request_id=request_id,
                call=call,
            ) from error

    @classmethod
    def wire_path(cls, name: str) -> str:
        """A member by the site's name, whether `name` is that or ours: `next_invoice_date`, `company/id`, `_info`.

        Raises:
            ValueError: there is no such member. The site ignores a name that it does not know (contract 2.5), and a
                member that was not asked for looks like an empty one.
        """
        first, nested, rest = name.partition("/")
        for ours, field in cls.model_fields.items():
            alias = field.alias or ours
            if first not in {ours, alias}:
                continue
            if not nested:
                return alias
            if (record := _record_in(field.annotation)) is not None:
                return f"{alias}/{record.wire_path(rest)}"
            if alias == "_info" and rest.isidentifier():
                return f"{alias}/{rest}"
        raise ValueError(f"{cls.__name__} has no member {name!r}")

    @model_validator(mode="before")
    @classmethod
    def _empty_is_none(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "" not in raw.values():
            return raw
        no_text = _without_text(cls)
        return {name: None if value == "" and name in no_text else value for name, value in raw.items()}


@cache
def _without_text(record: type[Record]) -> frozenset[str | None]:
    """The members, by the site's names, where no text can stand."""
    return frozenset(
        field.alias
        for field in record.model_fields.values()
        if not {str, Any}.intersection((field.annotation, *get_args(field.annotation)))
    )


def _record_in(annotation: Any) -> type[Record] | None:
    """The kind of record that a member is, or is a list of."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return annotation
    return next(filter(None, map(_record_in, get_args(annotation))), None)


class Reference(Record):
    """Another record, as far as a record names it."""

    id: int | None = None
    identifier: str | None = None
    name: str | None = None


class CurrencyReference(Reference):
    """A currency, as a record names it."""

    currency_code: str | None = None
    currency_identifier: str | None = None
    symbol: str | None = None

    @property
    def code(self) -> str:
        """`USD`, say; '' where the record does not tell."""
        return self.currency_code or self.currency_identifier or ""


class IdentifiedRecord(Record):
    """A record with an id of its own."""

    id: int
    info: dict[str, Any] | None = Field(default=None, alias="_info")

    _request_id: str | None = PrivateAttr(default=None)

    @property
    def request_id(self) -> str | None:
        """The site's id of the call that this record came from, for its support and our logs."""
        return self._request_id

    @classmethod
    def read(cls, raw: Any, *, request_id: str | None, call: str) -> Self:
        """The record in an answer, with the call it came from.

        Raises:
            ApiError: as every `Record`.
        """
        record = super().read(raw, request_id=request_id, call=call)
        record._request_id = request_id  # noqa: SLF001 - our own class
        return record


class Draft(BaseModel):
    """Something to write: exactly the members that the pinned version takes, with its lengths.

    What only the site computes has no member here, so it is refused before any call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    marker: ClassVar[str | None] = None
    """The member (on the wire) by which a created record is recognised as ours."""

    def wire(self) -> dict[str, Any]:
        """The body, by the site's names."""
        return {
            field.alias or name: wire_value(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if self._is_sent(name)
        }

    def _is_sent(self, name: str) -> bool:
        raise NotImplementedError


class NewRecord(Draft):
    """A record to create; what is None is left to the site's defaults."""

    def _is_sent(self, name: str) -> bool:
        return getattr(self, name) is not None


class Change(Draft):
    """Members of a record to replace; None clears a member, a member that is not named stays as it is."""

    @classmethod
    def of(cls, record: Record, *names: str) -> Self:
        """The members of a record as they are, those named or all that may be changed: what `patch` can expect.

        The record must have been read whole: a member that was not asked for counts as empty.
        """
        members = {name: _writable(getattr(record, name)) for name in names or cls.model_fields}
        return cls.model_validate(members, context=AS_READ)

    def operations(self) -> list[dict[str, Any]]:
        """The JSON patch; references are replaced whole, as a nested path is answered 200 and ignored."""
        return [{"op": "replace", "path": name, "value": value} for name, value in self.wire().items()]

    def _is_sent(self, name: str) -> bool:
        return name in self.model_fields_set


def _writable(value: Any) -> Any:
    """A value of a record as a draft takes it: a reference by its id, a custom field with what describes it."""
    match value:
        case "":
            return None
        case Reference():
            return {"id": value.id}
        case list():
            return [_writable(row) for row in value]
        case Record():
            return value.model_dump(by_alias=False, exclude=set(value.model_extra or ()))
        case _:
            return value
