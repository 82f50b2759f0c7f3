"""What all records that are read, and all drafts that are written, have in common."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic.alias_generators import to_camel

from connectwise.models.values import wire_value
from httpkit import ApiError, Outcome


class Record(BaseModel):
    """A record as the site gave it.

    Everything but the id may be missing: the site leaves null values out, and versions differ. Unknown members are kept
    in `model_extra`; enumerations are plain strings, to be compared with the known values.
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
            raise ApiError(
                Outcome.AMBIGUOUS,
                "unreadable_record",
                f"The site's answer is no readable {cls.__name__}: {names}.",
                request_id=request_id,
                call=call,
            ) from error


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
        return cls.model_validate({name: _writable(getattr(record, name)) for name in names or cls.model_fields})

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
