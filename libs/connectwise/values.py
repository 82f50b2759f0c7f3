"""How values travel: civil dates, exact amounts, plain text, references."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

_DATE_LENGTH = len("2025-01-31")


def _civil(value: Any) -> Any:
    """`2025-01-31T00:00:00Z` is the 31st wherever one stands: the time is no instant and is never shifted."""
    if isinstance(value, str):
        return date.fromisoformat(value[:_DATE_LENGTH])
    return value


def _exact(value: Any) -> Any:
    if isinstance(value, float | bool):
        raise ValueError("an amount is a Decimal or an int; a float has lost digits already")  # noqa: TRY004 - pydantic
    return value


def _one_line(value: str) -> str:
    """Line breaks and control characters are shown as a blank by the site (contract 2.6), so a blank is sent."""
    return "".join(character if character.isprintable() else " " for character in value.replace("\r\n", "\n"))


CivilDate = Annotated[date, BeforeValidator(_civil)]
Amount = Annotated[Decimal, BeforeValidator(_exact)]
Text = Annotated[str, AfterValidator(_one_line)]


class Ref(BaseModel):
    """A reference in something we write; by id wherever it is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    id: int | None = None
    identifier: Text | None = None
    name: Text | None = None


def wire_value(value: Any) -> Any:
    """A value as JSON has it: dates as midnight Z, references without what is not set."""
    match value:
        case date():
            return f"{value.isoformat()}T00:00:00Z"
        case BaseModel():
            return {
                field.alias or name: wire_value(getattr(value, name))
                for name, field in type(value).model_fields.items()
                if getattr(value, name) is not None
            }
        case list() | tuple():
            return [wire_value(member) for member in value]
        case _:
            return value


def shows(record_value: Any, written: Any) -> bool:
    """Whether a record's raw value is what was written; an absent value is null (contract 2.5)."""
    match written:
        case dict():
            return isinstance(record_value, dict) and all(
                shows(record_value.get(name), member) for name, member in written.items()
            )
        case list():
            return (
                isinstance(record_value, list)
                and len(record_value) >= len(written)
                and all(any(shows(candidate, member) for candidate in record_value) for member in written)
            )
        case str() if isinstance(record_value, str) and written.endswith("T00:00:00Z"):
            return record_value[:_DATE_LENGTH] == written[:_DATE_LENGTH]
        case bool() | None:
            return record_value is written
        case _:
            return bool(record_value == written) and not isinstance(record_value, bool)
