"""Filters, built from typed names and values so that nothing a person types can change what they mean.

The grammar is in contract 2.5. Where no escape is proven for a character (a backslash, an asterisk, both kinds of
quotes together), the text is refused instead of guessed at: ask by id, or compare what was read in Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote


class UnsafeText(ValueError):  # noqa: N818 - named by the fact
    """A text that no filter can hold without risking another meaning."""


class ConditionTooLong(ValueError):  # noqa: N818 - named by the fact
    """A filter that does not fit into a URL and cannot be cut into several."""


class Operator(StrEnum):
    """The operators a filter can have; there is no way to write another."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    NOT_CONTAINS = "not contains"
    LIKE = "like"
    NOT_LIKE = "not like"


_OPPOSITE = {
    Operator.EQUAL: Operator.NOT_EQUAL,
    Operator.LESS: Operator.AT_LEAST,
    Operator.GREATER: Operator.AT_MOST,
    Operator.CONTAINS: Operator.NOT_CONTAINS,
    Operator.LIKE: Operator.NOT_LIKE,
}
_OPPOSITE |= {right: left for left, right in _OPPOSITE.items()}


class Condition:
    """A filter; combine with `&`, `|` and `~`."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The filter in the site's grammar, not yet percent-encoded."""
        raise NotImplementedError

    @property
    def encoded_length(self) -> int:
        """How many characters of a URL the filter takes."""
        return len(quote(self.text, safe=""))

    def __and__(self, other: "Condition") -> "Condition":
        return All((*_operands(self, All), *_operands(other, All)))

    def __or__(self, other: "Condition") -> "Condition":
        return AnyOf((*_operands(self, AnyOf), *_operands(other, AnyOf)))

    def __invert__(self) -> "Condition":
        raise NotImplementedError

    def __bool__(self) -> bool:
        raise TypeError("combine conditions with & | ~, not with and, or, not")


@dataclass(frozen=True, slots=True)
class Comparison(Condition):
    """One name compared with one value; `literal` is the value in the site's grammar."""

    name: str
    operator: Operator
    literal: str

    @property
    def text(self) -> str:
        """Name, operator, literal."""
        return f"{self.name} {self.operator} {self.literal}"

    def __invert__(self) -> Condition:
        return Comparison(self.name, _OPPOSITE[self.operator], self.literal)


@dataclass(frozen=True, slots=True)
class Membership(Condition):
    """One name that has, or does not have, one of several values."""

    name: str
    literals: tuple[str, ...]
    negated: bool = False

    @property
    def text(self) -> str:
        """Name and list."""
        return f"{self.name} {'not in' if self.negated else 'in'} ({','.join(self.literals)})"

    def __invert__(self) -> Condition:
        return Membership(self.name, self.literals, not self.negated)


@dataclass(frozen=True, slots=True)
class All(Condition):
    """Every operand holds."""

    operands: tuple[Condition, ...]

    @property
    def text(self) -> str:
        """The operands, those that are alternatives in parentheses."""
        return " AND ".join(_grouped(operand) for operand in self.operands)

    def __invert__(self) -> Condition:
        return AnyOf(tuple(~operand for operand in self.operands))


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one operand holds."""

    operands: tuple[Condition, ...]

    @property
    def text(self) -> str:
        """The operands, those that are conjunctions in parentheses."""
        return " OR ".join(_grouped(operand) for operand in self.operands)

    def __invert__(self) -> Condition:
        return All(tuple(~operand for operand in self.operands))


def cut(condition: Condition, longest: int) -> list[Condition]:
    """Filters of at most `longest` encoded characters that together find what the one finds, some of it twice.

    Lists of values and alternatives are halved until they fit.

    Raises:
        ConditionTooLong: there is nothing that could be halved.
    """
    if condition.encoded_length <= longest:
        return [condition]
    halves = _halves(condition)
    if halves is None:
        raise ConditionTooLong(f"the filter has {condition.encoded_length} characters, {longest} are possible")
    return [part for half in halves for part in cut(half, longest)]


def _halves(condition: Condition) -> tuple[Condition, Condition] | None:
    match condition:
        case Membership(name, literals, negated=False) if len(literals) > 1:
            middle = len(literals) // 2
            return Membership(name, literals[:middle]), Membership(name, literals[middle:])
        case AnyOf(operands) if len(operands) > 1:
            middle = len(operands) // 2
            return _any_of(operands[:middle]), _any_of(operands[middle:])
        case All(operands):
            longest_first = sorted(range(len(operands)), key=lambda index: -operands[index].encoded_length)
            for index in longest_first:
                halves = _halves(operands[index])
                if halves is not None:
                    first, second = (All((*operands[:index], half, *operands[index + 1 :])) for half in halves)
                    return first, second
    return None


def _any_of(operands: Sequence[Condition]) -> Condition:
    return operands[0] if len(operands) == 1 else AnyOf(tuple(operands))


def _operands(condition: Condition, kind: type[All] | type[AnyOf]) -> tuple[Condition, ...]:
    return condition.operands if isinstance(condition, kind) else (condition,)


def _grouped(condition: Condition) -> str:
    return f"({condition.text})" if isinstance(condition, All | AnyOf) else condition.text
