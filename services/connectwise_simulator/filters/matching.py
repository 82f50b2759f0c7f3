"""A filter tree turned into a test on records of one model.

Comparisons with an absent value hold only for `= null`, as in SQL; absent flags count as false. Texts compare
without case [assumed: the collation]; `%` and `*` are wildcards of `like`; `[[]` is a literal bracket everywhere, a
bare one is taken as it is where nothing is a pattern [assumed].
"""

import operator
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from itertools import product
from typing import Any

from connectwise_simulator.errors import ApiError, bad_condition
from connectwise_simulator.filters.conditions import Both, Comparison, DateLiteral, Expression, Literal, parse
from connectwise_simulator.schema import INFO, Field, Kind, Model, Record, members_of
from connectwise_simulator.tables import Reader, Wanted

Test = Callable[[Record], bool]

_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_PATTERNS = ("contains", "like")
_COLLECTIONS = (Kind.REFERENCES, Kind.LIST)
_INDEXED = ("id", "identifier", "name", "serialnumber", "integrationxref", "vendorsku")  # and every id of a reference


def record_test(model: Model, text: str) -> Test:
    """The test for `conditions`."""
    return _compiled(model.name, text, _Names(model))


def wanted(model: Model, text: str) -> tuple[Wanted, ...]:
    """What every record that passes `conditions` has for certain, as far as an index can find it: `=` and `in`."""
    return _wanted(model.name, text, _Names(model))


def child_test(model: Model, text: str) -> Test:
    """The test for `childConditions`: one element of each named list satisfies the whole filter."""
    tree = parse(text)
    arrays = sorted({_array(model, c.path) for c in _comparisons(tree)})
    for comparison in _comparisons(tree):
        _no_in(comparison)
    test = _test(tree, lambda path: _element_reader(model, path))

    def holds(record: Record) -> bool:
        rows = [[e for e in record.get(a, ()) if isinstance(e, dict)] for a in arrays]
        return any(test(dict(zip(arrays, row, strict=True))) for row in product(*rows))

    return holds


def custom_field_test(text: str) -> Test:
    """The test for `customFieldConditions`: one custom field satisfies the whole filter."""
    tree = parse(text)
    for comparison in _comparisons(tree):
        _no_in(comparison)
    test = _test(tree, _custom_reader)
    return lambda record: any(test(field) for field in record.get("customFields", ()))


def order(model: Model, text: str, records: Iterable[Record]) -> list[Record]:
    """Records in the order of `name [asc|desc], ...`; absent values come first, ties by id."""
    ordered = sorted(records, key=operator.itemgetter("id"))
    for part in reversed([p.split() for p in text.split(",") if p.strip()]):
        name, direction = part[0], " ".join(part[1:]).lower() or "asc"
        if direction not in ("asc", "desc"):
            raise bad_condition(f"'{direction}' is not a sort direction.")
        ordered.sort(key=_rank_by(_Names(model)(name)[1]), reverse=direction == "desc")
    return ordered


class _Names:
    """Resolves a filter's path against a model; equal for equal models, so compiled filters are shared."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Names) and other.model is self.model

    def __hash__(self) -> int:
        return hash(self.model.name)

    def __call__(self, path: str) -> tuple[Field | None, Reader]:
        head, *rest = path.lower().split("/")
        if head == "_info" and len(rest) == 1:
            head, rest = rest[0], []
        info = {name.lower(): name for name in INFO}
        if not rest and head in info:
            known = info[head]
            return _INFO_FIELDS[known], lambda r: r["_info"].get(known)
        field = self.model.folded.get(head)
        if field is None or field.kind in _COLLECTIONS or (rest and field.kind not in (Kind.REFERENCE, Kind.MAP)):
            raise _unknown(path)
        name = field.name
        if not rest:
            if field.kind is Kind.FLAG:
                return field, lambda r: r.get(name, False)
            return field, lambda r: r.get(name)
        if len(rest) > 1:
            raise _unknown(path)
        member = _member(field.reference, rest[0], path)
        return _member_field(member), lambda r: (r.get(name) or {}).get(member)


def _member_field(member: str) -> Field | None:
    """What a member of a reference is compared with; None where only the value tells."""
    if member.endswith("Flag"):
        return Field(member, Kind.FLAG)
    return {"id": _MEMBER_ID, "name": _MEMBER_TEXT, "identifier": _MEMBER_TEXT}.get(member)


_MEMBER_ID, _MEMBER_TEXT = Field("id", Kind.INTEGER), Field("name", Kind.TEXT)
_INFO_FIELDS = {n: Field(n, Kind.DATE if n in ("lastUpdated", "dateEntered") else Kind.TEXT) for n in INFO}


@lru_cache(maxsize=512)
def _compiled(_model: str, text: str, names: _Names) -> Test:
    return _test(parse(text), names)


@lru_cache(maxsize=512)
def _wanted(_model: str, text: str, names: _Names) -> tuple[Wanted, ...]:
    tree = parse(text)
    return tuple(
        Wanted(c.path.lower(), _folded(read), frozenset(_comparable(field, literal, c) for literal in c.literals))
        for c in (tree.parts if isinstance(tree, Both) else (tree,))
        if isinstance(c, Comparison) and c.operator in ("=", "in") and not c.negated
        if c.path.lower() in _INDEXED or c.path.lower().endswith("/id")
        for field, read in (names(c.path),)
    )


def _folded(read: Reader) -> Reader:
    return lambda record: _fold(read(record))


def _test(tree: Expression, names: Callable[[str], tuple[Field | None, Reader]]) -> Test:
    if isinstance(tree, Comparison):
        field, read = names(tree.path)
        return _compare(field, read, tree)
    parts = [_test(part, names) for part in tree.parts]
    if isinstance(tree, Both):
        return lambda record: all(part(record) for part in parts)
    return lambda record: any(part(record) for part in parts)


def _compare(field: Field | None, read: Reader, c: Comparison) -> Test:
    literals = [_comparable(field, literal, c) for literal in c.literals]
    if c.operator == "in":
        wanted = set(literals)
        return lambda r: (v := _fold(read(r))) is not None and (v in wanted) != c.negated
    [literal] = literals
    if c.operator in _PATTERNS:
        if not isinstance(literal, str):
            raise bad_condition(f"'{c.operator}' needs a text.")
        pattern = _pattern(f"%{literal}%" if c.operator == "contains" else literal)
        return lambda r: (v := _fold(read(r))) is not None and (pattern.fullmatch(str(v)) is not None) != c.negated
    if c.operator == "=":
        return lambda r: _fold(read(r)) == literal
    if c.operator == "!=":
        return lambda r: (v := _fold(read(r))) != literal and (v is not None or literal is None)
    if literal is None or isinstance(literal, bool):
        raise bad_condition(f"'{c.operator}' needs a text, a number or a date.")
    holds = _ORDER[c.operator]
    # Some paths have no declared type: values of another type than the literal's do not compare.
    return lambda r: (
        (v := _fold(read(r))) is not None and isinstance(v, str) == isinstance(literal, str) and holds(v, literal)
    )


def _comparable(field: Field | None, literal: Literal, c: Comparison) -> Any:
    """The literal as records keep it; refuses a literal of the wrong type."""
    given = _type_name(literal)
    if isinstance(literal, DateLiteral):
        value: Any = literal.text.lower()
    elif isinstance(literal, str):
        value = literal.lower() if c.operator in _PATTERNS else literal.lower().replace("[[]", "[")
    else:
        value = literal
    if field is None or literal is None:
        return value
    wanted = {
        Kind.FLAG: ("boolean",),
        Kind.INTEGER: ("numeric",),
        Kind.NUMBER: ("numeric",),
        Kind.DATE: ("date",),
        Kind.TEXT: ("string", "date"),
        Kind.CHOICE: ("string",),
        Kind.REFERENCE: ("null",),
    }.get(field.kind)
    if wanted is not None and given not in wanted:
        raise bad_condition(f"Expected a {wanted[0]} value, not a {given}.")
    if field.kind is Kind.CHOICE and not any(w in value for w in "%*["):
        choices = [choice.lower() for choice in field.choices]
        if not any(value in choice if c.operator == "contains" else value == choice for choice in choices):
            raise bad_condition("Enum value supplied was invalid")
    return value


def _type_name(literal: Literal) -> str:
    if isinstance(literal, bool):
        return "boolean"
    if isinstance(literal, Decimal):
        return "numeric"
    return "date" if isinstance(literal, DateLiteral) else "string"


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


@lru_cache(maxsize=512)
def _pattern(like: str) -> re.Pattern[str]:
    between, at = [""], 0  # what stands between the wildcards
    while at < len(like):
        char = like[at]
        end = like.find("]", at + 2) if char == "[" else -1
        if end > 0:
            body = like[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            between[-1] += f"[{body}]"
            at = end
        elif char in "%*":
            between.append("")
        elif char == "_":
            between[-1] += "."
        else:
            between[-1] += re.escape(char)
        at += 1
    first, *middle = between
    # The first place where a part fits is as good as any later one; trying all would take years for ten wildcards.
    found = first + "".join(f"(?>.*?{part})" for part in middle[:-1]) + "".join(f".*{part}" for part in middle[-1:])
    try:
        return re.compile(found, re.DOTALL)
    except re.error:
        raise bad_condition(f"'{like}' is not a pattern.") from None


def _comparisons(tree: Expression) -> list[Comparison]:
    if isinstance(tree, Comparison):
        return [tree]
    return [c for part in tree.parts for c in _comparisons(part)]


def _no_in(comparison: Comparison) -> None:
    if comparison.operator == "in":
        raise bad_condition("'in' cannot be used here.")


def _array(model: Model, path: str) -> str:
    head, slash, _ = path.partition("/")
    field = model.folded.get(head.lower())
    if field is None or field.kind is not Kind.REFERENCES or not slash:
        raise _unknown(path)
    return field.name


def _element_reader(model: Model, path: str) -> tuple[Field | None, Reader]:
    array = _array(model, path)
    member, *more = path.split("/")[1:]
    name = _member(model.fields[array].reference, member.lower(), path)
    if more:
        inner = more[0].lower()
        return None, lambda row: next((v for k, v in (row[array].get(name) or {}).items() if k.lower() == inner), None)
    return _member_field(name), lambda row: row[array].get(name)


def _custom_reader(path: str) -> tuple[None, Reader]:
    name = _member("CustomFieldValue", path.lower(), path)
    return None, lambda field: field.get(name)


def _member(reference: str, folded: str, path: str) -> str:
    for name in members_of(reference):
        if name.lower() == folded and name != "_info":
            return name
    raise _unknown(path)


def _unknown(path: str) -> ApiError:
    return bad_condition(f"{path} is not a recognized name.")


def _rank_by(read: Reader) -> Callable[[Record], tuple[int, Any]]:
    return lambda record: _rank(read(record))


def _rank(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, str):
        return (2, value.lower())
    return (1, 0 if isinstance(value, dict) else value)
