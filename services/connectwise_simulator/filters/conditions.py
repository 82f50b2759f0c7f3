"""The filter language of list calls, read into a tree: the contract's section 2.5.

    expression := term (OR term)*          term := factor (AND factor)*
    factor     := '(' expression ')' | name operator value
    operator   := = != < <= > >= | [not] contains | [not] like | [not] in
    value      := "text" | 'text' | [date] | number | true | false | null;  `in` takes ( value, ... )

Names are paths with `/`; words are read in any case.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from connectwise_simulator.errors import bad_condition

DEEPEST = 60  # parentheses; a filter nested deeper is a mistake, and recursion has an end


@dataclass(frozen=True, slots=True)
class DateLiteral:
    """A date in square brackets, as the UTC text that records keep."""

    text: str


Literal = str | Decimal | bool | DateLiteral | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name operator literals`; only `in` has more or less than one literal."""

    path: str
    operator: str
    literals: tuple[Literal, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Both:
    """All parts hold."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple["Expression", ...]


Expression = Comparison | Both | Either


@lru_cache(maxsize=512)
def parse(text: str) -> Expression:
    """The tree of a filter; `ApiFindCondition` 400 where it cannot be read."""
    parser = _Parser(text)
    tree = parser.expression(0)
    parser.end()
    return tree


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<date>\[[^\[\]]*\])
    | (?P<number>-?\d+(?:\.\d+)?(?![\w/]))
    | (?P<operator><=|>=|!=|<>|=|<|>)
    | (?P<mark>[(),])
    | (?P<word>[A-Za-z_][\w/]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WORD_OPERATORS = ("contains", "like", "in")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?")
_HINT = "Texts stand in quotes, dates in square brackets; numbers are digits; true, false and null are bare words."


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0

    def expression(self, depth: int) -> Expression:
        parts = [self.term(depth)]
        while self.took_word("or"):
            parts.append(self.term(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def term(self, depth: int) -> Expression:
        parts = [self.factor(depth)]
        while self.took_word("and"):
            parts.append(self.factor(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def factor(self, depth: int) -> Expression:
        if depth > DEEPEST:
            raise bad_condition("The condition is nested too deeply.")
        if self.took("mark", "("):
            inner = self.expression(depth + 1)
            self.need(")")
            return inner
        return self.comparison()

    def comparison(self) -> Comparison:
        kind, path = self.next()
        if kind != "word":
            raise bad_condition(f"Expected a name before '{path}'.")
        kind, operator = self.next()
        operator = operator.lower()
        negated = kind == "word" and operator == "not"
        if negated:
            kind, operator = self.next()
            operator = operator.lower()
        if kind == "word" and operator not in _WORD_OPERATORS:
            raise bad_condition(f"'{operator}' is not an operator.")
        if kind not in ("word", "operator") or (negated and kind == "operator"):
            raise bad_condition(f"Expected an operator after '{path}'.")
        if operator == "in":
            return Comparison(path, operator, self.values(), negated)
        return Comparison(path, "!=" if operator == "<>" else operator, (self.value(),), negated)

    def values(self) -> tuple[Literal, ...]:
        self.need("(")
        found = [self.value()]
        while self.took("mark", ","):
            found.append(self.value())
        self.need(")")
        return tuple(found)

    def value(self) -> Literal:
        kind, text = self.next()
        if kind == "text":
            return _ESCAPED.sub(r"\1", text[1:-1])
        if kind == "date":
            return DateLiteral(_utc_text(text[1:-1]))
        if kind == "number":
            return Decimal(text)
        word = text.lower()
        if kind == "word" and word in ("true", "false"):
            return word == "true"
        if kind == "word" and word == "null":
            return None
        raise bad_condition(f"Expected a value, not '{text}'. {_HINT}")

    def next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise bad_condition("The condition ends too early.")
        self.at += 1
        return self.tokens[self.at - 1]

    def took(self, kind: str, text: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == (kind, text)
        self.at += found
        return found

    def took_word(self, word: str) -> bool:
        if self.at < len(self.tokens):
            kind, text = self.tokens[self.at]
            if kind == "word" and text.lower() == word:
                self.at += 1
                return True
        return False

    def need(self, mark: str) -> None:
        if not self.took("mark", mark):
            raise bad_condition(f"Expected '{mark}'.")

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise bad_condition(f"Did not expect '{self.tokens[self.at][1]}'.")


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise bad_condition(f"The condition cannot be read at position {at + 1}. {_HINT}")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _utc_text(text: str) -> str:
    written = _DATE.fullmatch(text.strip())
    try:
        moment = datetime.fromisoformat(written[0] if written else "")
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_condition(f"'{text}' is not a date.") from None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
