"""Filters on the rows inside a record: `childConditions` and `customFieldConditions` (contract 2.5).

The site has no `in` there, so these names have none. There is no `~` either: these filters ask whether some row
holds, and turning the operator round would ask about some other row, not about none.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from connectwise.filters.conditions import Comparison, Condition, Operator
from connectwise.filters.fields import DateField, Field, NumberField, TextField, TimeField

V = TypeVar("V", int, int | Decimal, str, date, datetime)


@dataclass(frozen=True, slots=True)
class ChildCondition:
    """What one row of a list inside the record must satisfy as a whole; combine with `&` and `|`."""

    condition: Condition

    @property
    def text(self) -> str:
        """The filter in the site's grammar, not yet percent-encoded."""
        return self.condition.text

    def __and__(self, other: "ChildCondition") -> "ChildCondition":
        return ChildCondition(self.condition & other.condition)

    def __or__(self, other: "ChildCondition") -> "ChildCondition":
        return ChildCondition(self.condition | other.condition)

    def __bool__(self) -> bool:
        raise TypeError("combine conditions with & and |, not with and, or, not")


class ChildField(Generic[V]):
    """A name inside the rows of a list, such as `types/id`."""

    __slots__ = ("_field",)
    __hash__ = object.__hash__

    def __init__(self, field: Field[V]) -> None:
        self._field: Field[V] = field

    def __eq__(self, value: V | None) -> ChildCondition:  # type: ignore[override]  # a condition, as in SQLAlchemy
        return ChildCondition(self._field == value)

    def __ne__(self, value: V | None) -> ChildCondition:  # type: ignore[override]
        return ChildCondition(self._field != value)

    def __lt__(self, value: V) -> ChildCondition:
        return ChildCondition(self._field < value)

    def __le__(self, value: V) -> ChildCondition:
        return ChildCondition(self._field <= value)

    def __gt__(self, value: V) -> ChildCondition:
        return ChildCondition(self._field > value)

    def __ge__(self, value: V) -> ChildCondition:
        return ChildCondition(self._field >= value)


class ChildText(ChildField[str]):
    """A text inside the rows of a list."""

    __slots__ = ("_text",)

    def __init__(self, field: TextField) -> None:
        super().__init__(field)
        self._text = field

    def contains(self, text: str) -> ChildCondition:
        """The text occurs somewhere."""
        return ChildCondition(self._text.contains(text))

    def starts_with(self, text: str) -> ChildCondition:
        """The text is at the start."""
        return ChildCondition(self._text.starts_with(text))


CustomValue = str | bool | int | Decimal | date | datetime


@dataclass(frozen=True, slots=True)
class CustomFieldCondition:
    """What one of a record's custom fields must satisfy; combine with `|`.

    Two custom fields cannot be asked for together: the site looks for one field that satisfies everything.
    """

    condition: Condition

    @property
    def text(self) -> str:
        """The filter in the site's grammar, not yet percent-encoded."""
        return self.condition.text

    def __or__(self, other: "CustomFieldCondition") -> "CustomFieldCondition":
        return CustomFieldCondition(self.condition | other.condition)

    def __bool__(self) -> bool:
        raise TypeError("combine conditions with |, not with and, or, not")


class CustomFieldName:
    """A custom field by its caption; made by `custom_field`."""

    __slots__ = ("_caption",)
    __hash__ = object.__hash__

    def __init__(self, caption: str) -> None:
        self._caption = TextField("caption") == caption

    def __eq__(self, value: CustomValue | None) -> CustomFieldCondition:  # type: ignore[override]
        return self._that(Operator.EQUAL, value)

    def __ne__(self, value: CustomValue | None) -> CustomFieldCondition:  # type: ignore[override]
        return self._that(Operator.NOT_EQUAL, value)

    def __lt__(self, value: int | Decimal | date) -> CustomFieldCondition:
        return self._that(Operator.LESS, value)

    def __le__(self, value: int | Decimal | date) -> CustomFieldCondition:
        return self._that(Operator.AT_MOST, value)

    def __gt__(self, value: int | Decimal | date) -> CustomFieldCondition:
        return self._that(Operator.GREATER, value)

    def __ge__(self, value: int | Decimal | date) -> CustomFieldCondition:
        return self._that(Operator.AT_LEAST, value)

    @property
    def is_set(self) -> CustomFieldCondition:
        """The field has a value."""
        return self._that(Operator.NOT_EQUAL, None)

    def contains(self, text: str) -> CustomFieldCondition:
        """The text occurs somewhere in the value."""
        return CustomFieldCondition(self._caption & TextField("value").contains(text))

    def _that(self, operator: Operator, value: CustomValue | None) -> CustomFieldCondition:
        return CustomFieldCondition(self._caption & Comparison("value", operator, _literal(value)))


def custom_field(caption: str) -> CustomFieldName:
    """The custom field with this caption: `custom_field("Contract") == "C-7"`.

    Raises:
        UnsafeText: the caption cannot be written safely.
    """
    return CustomFieldName(caption)


def _literal(value: CustomValue | None) -> str:
    """A value in the site's grammar, by its Python type."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return NumberField("value").literal(value)
        case datetime():
            return TimeField("value").literal(value)
        case date():
            return DateField("value").literal(value)
        case _:
            return TextField("value").literal(value)
