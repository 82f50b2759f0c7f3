"""User-defined fields: their definitions, and their values on a record."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from connectwise.models.base import IdentifiedRecord, Record
from connectwise.models.values import Part, wire_value


class UserDefinedFieldOption(Record):
    """A value that a list or option field can have."""

    id: int | None = None
    option_value: str | None = None
    default_flag: bool | None = None
    inactive_flag: bool | None = None


class UserDefinedField(IdentifiedRecord):
    """The definition of a custom field; `pod_id` says on which screen it stands."""

    pod_id: int | None = None
    caption: str | None = None
    sequence_number: int | None = None
    field_type_identifier: str | None = None
    entry_type_identifier: str | None = None
    number_decimals: int | None = None
    required_flag: bool | None = None
    read_only_flag: bool | None = None
    options: list[UserDefinedFieldOption] | None = None


class CustomField(Record):
    """The value of a user-defined field on a record."""

    id: int | None = None
    caption: str | None = None
    type: str | None = None
    entry_method: str | None = None
    number_of_decimals: int | None = None
    value: Any = None


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("a number is a Decimal or an int; a float has lost digits already")  # noqa: TRY004 - pydantic
    return wire_value(value) if isinstance(value, date) else value


class CustomFieldValue(Part):
    """The value of a user-defined field to write; None clears it, a date is written as midnight."""

    id: int
    caption: str | None = None
    type: str | None = None
    entry_method: str | None = None
    number_of_decimals: int | None = None
    value: Annotated[str | bool | int | Decimal | None, BeforeValidator(_plain)] = None

    def wire(self) -> dict[str, Any]:
        """Its members by the site's names, the value in any case."""
        return {**super().wire(), "value": self.value}


CustomFieldValues = tuple[CustomFieldValue, ...]


def with_custom_field(fields: Iterable[CustomField] | None, caption: str, value: Any) -> CustomFieldValues:
    """The custom fields of a record as they are, with one value replaced: the site takes the whole array only.

    Read the record shortly before; a value that somebody changes meanwhile would be set back.

    Raises:
        LookupError: the record has no custom field with this caption, or several.
    """
    present = [field for field in fields or () if field.id is not None]
    if len([field for field in present if field.caption == caption]) != 1:
        raise LookupError(f"the record has no single custom field {caption!r}")
    return tuple(
        CustomFieldValue(
            id=field.id,
            caption=field.caption,
            type=field.type,
            entry_method=field.entry_method,
            number_of_decimals=field.number_of_decimals,
            value=value if field.caption == caption else field.value,
        )
        for field in present
        if field.id is not None
    )
