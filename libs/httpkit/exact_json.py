"""JSON whose numbers are exact: `Decimal` in, `Decimal` out, never a float (architecture, section 7)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal, Inexact, Overflow, Subnormal
from typing import Any, NoReturn

_LARGEST_EXPONENT = 40  # money has 20 digits; 1E+999999 written out would be a megabyte of zeros
# What a peer may send: a double ends at 1E+308. Made an integer, as an id is one, 1E+9999999 takes ten seconds.
_NUMBERS = Context(prec=1000, Emax=400, Emin=-400, traps=[Inexact, Overflow, Subnormal])


class UnreadableJson(ValueError):  # noqa: N818 - named by the fact, as all our exceptions
    """The text is not JSON, or holds a number that JSON does not know (NaN, Infinity) or no computer can write out."""


def loads(content: bytes | str) -> Any:
    """The value of a JSON text; whole numbers as `int`, all others as `Decimal`.

    Raises:
        UnreadableJson: the text is not JSON.
    """
    try:
        return json.loads(content, parse_float=_NUMBERS.create_decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise UnreadableJson(f"not JSON ({len(content)} bytes)") from error


def dumps(value: Any) -> bytes:
    """The JSON text of a value; a `Decimal` as a number with all its digits (`Decimal("17.600000")` is 17.600000).

    The standard encoder cannot write a Decimal as a number, and pydantic's writes it as a string.

    Raises:
        TypeError: a float (money would lose digits unseen) or another type that JSON has no form for.
        ValueError: a Decimal that is no finite number of at most 40 digits before the point.
    """
    return "".join(_encode(value)).encode()


def _encode(value: Any) -> Iterator[str]:
    match value:
        case None | bool() | int() | str():
            yield json.dumps(value)
        case Decimal():
            yield _number(value)
        case Mapping():
            yield "{"
            for index, (key, member) in enumerate(value.items()):
                if not isinstance(key, str):
                    raise TypeError(f"a JSON member is named by a string, not by {type(key).__name__}")
                yield f"{',' if index else ''}{json.dumps(key)}:"
                yield from _encode(member)
            yield "}"
        case Sequence() if not isinstance(value, bytes | bytearray):
            yield "["
            for index, member in enumerate(value):
                if index:
                    yield ","
                yield from _encode(member)
            yield "]"
        case _:
            raise TypeError(f"{type(value).__name__} has no exact form in JSON")


def _number(value: Decimal) -> str:
    if not value.is_finite() or abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("a number in JSON is finite and of a sensible size")
    return format(value, "f")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
