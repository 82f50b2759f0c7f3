"""A reader of the site's filter grammar, written from the contract and apart from the builder."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<time>\[[^\]]*\])|(?P<number>-?\d+(?:\.\d+)?)|(?P<mark>!=|<=|>=|[=<>(),])
        |(?P<word>[A-Za-z][A-Za-z/]*))""",
    re.VERBOSE,
)


def tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match, f"no token at {text[position:]!r}"
        kind = match.lastgroup or ""
        found.append((kind, match[kind]))
        position = match.end()
    return found


class Reader:
    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)

    def read(self) -> Test:
        test = self._any_of()
        assert not self._tokens, f"unread: {self._tokens}"
        return test

    def _any_of(self) -> Test:
        tests = [self._all()]
        while self._accept("OR"):
            tests.append(self._all())
        return lambda row: any(test(row) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._accept("AND"):
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._accept("("):
            inner = self._any_of()
            assert self._accept(")")
            return inner
        name = self._take("word")
        negated = self._accept("not")
        if self._accept("in"):
            values = self._values()
            return lambda row: (row[name] in values) is not negated
        if self._accept("contains"):
            part = pattern(self._take("text")[1:-1])
            return lambda row: bool(re.search(part, row[name], re.DOTALL)) is not negated
        if self._accept("like"):
            whole = pattern(self._take("text")[1:-1])
            return lambda row: bool(re.fullmatch(whole, row[name], re.DOTALL)) is not negated
        operator, value = self._take("mark"), self._value()
        return lambda row: _COMPARE[operator](row[name], value)

    def _values(self) -> list[Any]:
        assert self._accept("(")
        values = [self._value()]
        while self._accept(","):
            values.append(self._value())
        assert self._accept(")")
        return values

    def _value(self) -> Any:
        kind, value = self._tokens.pop(0)
        match kind:
            case "text":
                return value[1:-1].replace("[[]", "[")
            case "time":
                return value[1:-1]
            case "number":
                return int(value)
            case _:
                return {"true": True, "false": False, "null": None}[value]

    def _take(self, kind: str) -> str:
        assert self._tokens[0][0] == kind, self._tokens
        return self._tokens.pop(0)[1]

    def _accept(self, value: str) -> bool:
        if self._tokens and self._tokens[0][0] in {"word", "mark"} and self._tokens[0][1] == value:
            self._tokens.pop(0)
            return True
        return False


def pattern(text: str) -> str:
    """A LIKE pattern as a regular expression: % and * any text, _ one character, [x] the character itself."""
    parts = re.findall(r"\[.\]|.", text, re.DOTALL)
    return "".join(
        re.escape(part[1]) if len(part) == 3 else {"%": ".*", "*": ".*", "_": "."}.get(part) or re.escape(part)
        for part in parts
    )


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}
