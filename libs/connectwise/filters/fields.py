"""Names that filters can use, each with the kind of value that it has."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from connectwise.filters.conditions import Comparison, Condition, Membership, Operator, UnsafeText
from connectwise.models.values import CONTROLS

_LARGEST_EXPONENT = 40  # as in what is written

V = TypeVar("V", int, int | Decimal, str, date, datetime)


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by; `text` is in the site's grammar."""

    text: str

    def then(self, following: "Order") -> "Order":
        """Sorted by this, and where it is equal, by the following."""
        return Order(f"{self.text}, {following.text}")


class Name:
    """A name of the site's that lists can be sorted by."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def ascending(self) -> Order:
        """Smallest first."""
        return Order(f"{self.name} asc")

    @property
    def descending(self) -> Order:
        """Largest first."""
        return Order(f"{self.name} desc")


class Field(Name, Generic[V]):
    """A name to compare; subclasses know how its values are written."""

    __slots__ = ()
    __hash__ = object.__hash__

    def literal(self, value: V) -> str:
        """The value in the site's grammar.

        Raises:
            TypeError: the value is of another type.
            UnsafeText: the text cannot be written safely.
        """
        raise NotImplementedError

    def __eq__(self, value: V | None) -> Condition:  # type: ignore[override]  # a condition, as in SQLAlchemy
        return Comparison(self.name, Operator.EQUAL, self._literal_or_null(value))

    def __ne__(self, value: V | None) -> Condition:  # type: ignore[override]
        return Comparison(self.name, Operator.NOT_EQUAL, self._literal_or_null(value))

    def __lt__(self, value: V) -> Condition:
        return Comparison(self.name, Operator.LESS, self.literal(value))

    def __le__(self, value: V) -> Condition:
        return Comparison(self.name, Operator.AT_MOST, self.literal(value))

    def __gt__(self, value: V) -> Condition:
        return Comparison(self.name, Operator.GREATER, self.literal(value))

    def __ge__(self, value: V) -> Condition:
        return Comparison(self.name, Operator.AT_LEAST, self.literal(value))

    def in_(self, values: Iterable[V]) -> Condition:
        """One of several values; long lists are cut into several requests.

        Raises:
            ValueError: no values, which would find nothing: do not ask.
        """
        literals = tuple(dict.fromkeys(self.literal(value) for value in values))
        if not literals:
            raise ValueError("a list of no values finds nothing; do not ask")
        return Membership(self.name, literals)

    def _literal_or_null(self, value: V | None) -> str:
        return "null" if value is None else self.literal(value)


class IntField(Field[int]):
    """A whole number, such as an id."""

    __slots__ = ()

    def literal(self, value: int) -> str:
        """Bare digits."""
        if type(value) is not int:
            raise TypeError(f"{self.name} is compared with an int")
        return str(value)


class NumberField(Field[int | Decimal]):
    """A number."""

    __slots__ = ()

    def literal(self, value: int | Decimal) -> str:
        """Digits and a point, never an exponent."""
        if type(value) not in {int, Decimal} or not Decimal(value).is_finite():
            raise TypeError(f"{self.name} is compared with an int or a finite Decimal")
        if abs(Decimal(value).adjusted()) > _LARGEST_EXPONENT:
            raise UnsafeText(f"{self.name}: a number of this size fills a URL alone")
        return format(Decimal(value), "f")


class BoolField(Name):
    """A flag; `.is_true` and `.is_false` are its conditions."""

    __slots__ = ()

    @property
    def is_true(self) -> Condition:
        """The flag is set."""
        return Comparison(self.name, Operator.EQUAL, "true")

    @property
    def is_false(self) -> Condition:
        """The flag is not set."""
        return Comparison(self.name, Operator.EQUAL, "false")


class DateField(Field[date]):
    """A civil date."""

    __slots__ = ()

    def literal(self, value: date) -> str:
        """The date at midnight, in brackets."""
        if type(value) is not date:
            raise TypeError(f"{self.name} is compared with a date")
        return f"[{value.isoformat()}T00:00:00Z]"


class TimeField(Field[datetime]):
    """An instant. The site knows whole seconds only: a fraction is cut off where that finds the same records."""

    __slots__ = ()

    def __lt__(self, value: datetime) -> Condition:
        return super().__lt__(_whole_second_from(value))

    def __ge__(self, value: datetime) -> Condition:
        return super().__ge__(_whole_second_from(value))

    def literal(self, value: datetime) -> str:
        """The instant in UTC, in brackets."""
        if type(value) is not datetime or value.tzinfo is None:
            raise TypeError(f"{self.name} is compared with a datetime that has a time zone")
        return f"[{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z]"


class TextField(Field[str]):
    """A text; the site compares without regard to case."""

    __slots__ = ()

    def literal(self, value: str) -> str:
        """The text in quotes that it does not contain."""
        return _quoted(_checked(self.name, value).replace("[", "[[]"))

    def contains(self, text: str) -> Condition:
        """The text occurs somewhere."""
        return Comparison(self.name, Operator.CONTAINS, _quoted(_pattern(self.name, text)))

    def starts_with(self, text: str) -> Condition:
        """The text is at the start."""
        return Comparison(self.name, Operator.LIKE, _quoted(_pattern(self.name, text) + "%"))


def _whole_second_from(value: datetime) -> datetime:
    if not isinstance(value, datetime):
        return value  # `literal` says what is wrong with it
    return value + timedelta(microseconds=-value.microsecond % 1_000_000)


def _pattern(name: str, text: str) -> str:
    """A text inside a pattern, with the wildcards in brackets, as in SQL's LIKE."""
    if not text:
        raise UnsafeText(f"{name}: an empty text would match everything")
    bracketed = _checked(name, text).replace("[", "[[]")
    return bracketed.replace("%", "[%]").replace("_", "[_]")


def _checked(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is compared with a str")
    if CONTROLS.search(value) or "\\" in value or "*" in value or ('"' in value and "'" in value):
        raise UnsafeText(f"{name}: a filter cannot hold control characters, a backslash, an asterisk or both quotes")
    return value


def _quoted(text: str) -> str:
    mark = "'" if '"' in text else '"'
    return f"{mark}{text}{mark}"
