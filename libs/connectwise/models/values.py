"""How values travel: civil dates, exact amounts, plain text, references."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

_DATE_LENGTH = len("2025-01-31")
E = TypeVar("E", bound=StrEnum)

AS_READ = {"as": "read"}
"""The context in which a draft is made of a record, to be compared with one: then it may hold what is new to us."""

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line and paragraph separators, and halves of characters; blanks and joiners are text."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _civil(value: Any) -> Any:
    """`2025-01-31T00:00:00Z` is the 31st wherever one stands: the time is no instant and is never shifted."""
    if isinstance(value, str):
        return date.fromisoformat(value[:_DATE_LENGTH])
    return value


def _civil_or_text(value: Any) -> Any:
    try:
        return _civil(value)
    except ValueError:
        return value


def _exact(value: Any) -> Any:
    if isinstance(value, float | bool):
        raise ValueError("an amount is a Decimal or an int; a float has lost digits already")  # noqa: TRY004 - pydantic
    return value


def _one_line(value: str) -> str:
    """Line breaks and control characters are shown as a blank by the site (contract 2.6), so a blank is sent."""
    return CONTROLS.sub(" ", value.replace("\r\n", "\n"))


def _known(value: Any, known: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    return value if info.context is AS_READ and isinstance(value, str) else known(value)


CivilDate = Annotated[date, BeforeValidator(_civil)]
DateText = Annotated[date | str, BeforeValidator(_civil_or_text)]
"""A date that the site gives as plain text: what is no date stays the text that it is."""
Amount = Annotated[Decimal, BeforeValidator(_exact)]
Text = Annotated[str, AfterValidator(_one_line)]
Known = Annotated[E, WrapValidator(_known)]
"""A value of an enumeration, to write: the site answers 500 to others, which would look like a write that was lost."""


class Part(BaseModel):
    """A value with members of its own inside something we write."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    def wire(self) -> dict[str, Any]:
        """Its members by the site's names; what is not set is left out."""
        return {
            field.alias or name: wire_value(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if getattr(self, name) is not None
        }


class Ref(Part):
    """A reference in something we write; by id wherever it is known."""

    id: int | None = None
    identifier: Text | None = None
    name: Text | None = None


@dataclass(frozen=True, slots=True)
class RefBy:
    """Which members a reference has in this place; the site refuses what it does not know."""

    members: tuple[str, ...]

    def __call__(self, ref: Ref) -> Ref:
        """The reference, if it has only these.

        Raises:
            ValueError: it has another member, or none.
        """
        given = set(ref.wire())
        if not given or not given <= set(self.members):
            raise ValueError(f"this is referred to by {' or '.join(self.members)}")
        return ref


_BY_NAME = RefBy(("id", "name"))
_BY_IDENTIFIER = RefBy(("id", "identifier"))
_BY_BOTH = RefBy(("id", "identifier", "name"))
_BY_ID = RefBy(("id",))
NamedRef = Annotated[Ref, AfterValidator(_BY_NAME), _BY_NAME]
ItemRef = Annotated[Ref, AfterValidator(_BY_IDENTIFIER), _BY_IDENTIFIER]
CompanyRef = Annotated[Ref, AfterValidator(_BY_BOTH), _BY_BOTH]
IdRef = Annotated[Ref, AfterValidator(_BY_ID), _BY_ID]


def wire_value(value: Any) -> Any:
    """A value as JSON has it: dates as midnight Z, references without what is not set."""
    match value:
        case date():
            return f"{value.isoformat()}T00:00:00Z"
        case Part():
            return value.wire()
        case list() | tuple():
            return [wire_value(member) for member in value]
        case _:
            return value


def shows(record_value: Any, written: Any) -> bool:
    """Whether a record's raw value is what was written; an absent value is null (contract 2.5), an empty text none.

    People type texts of several lines, which we would write as one.
    """
    match written:
        case None | "":
            return record_value is None or record_value == ""
        case dict():
            return isinstance(record_value, dict) and all(
                shows(record_value.get(name), member) for name, member in written.items()
            )
        case list():
            rows = record_value or []
            return isinstance(rows, list) and all(any(shows(row, member) for row in rows) for member in written)
        case str() if isinstance(record_value, str) and written.endswith("T00:00:00Z"):
            return record_value[:_DATE_LENGTH] == written[:_DATE_LENGTH]
        case str() if isinstance(record_value, int | Decimal) and not isinstance(record_value, bool):
            return _NUMBER.fullmatch(written) is not None and Decimal(written) == record_value
        case str() if isinstance(record_value, str):
            return _one_line(record_value) == _one_line(written)
        case bool():
            return record_value is written
        case _:
            return bool(record_value == written) and not isinstance(record_value, bool)
