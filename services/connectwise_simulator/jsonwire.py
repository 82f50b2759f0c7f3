"""JSON with exact numbers: decimals come in as `Decimal` and go out as numbers, never as floats or strings."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring_ascii  # the C function where there is one
from typing import Any

LARGEST_EXPONENT = 28  # beyond it a number is an attack on memory, not an amount


class NotAnAmountError(ValueError):
    """NaN, Infinity or an exponent no amount has."""


def loads(text: str | bytes) -> Any:
    """The value of a JSON text; every number with a fraction or exponent is a `Decimal`."""
    return json.loads(text, parse_float=_decimal, parse_constant=_refuse)


def dumps(value: object) -> str:
    """Compact JSON of plain values; `Decimal` is written digit by digit as it was kept."""
    return _text(value, _digits)


def exact_text(value: object) -> str:
    """JSON from which `exact_value` gives the same value again: a whole `Decimal` is marked by an exponent."""
    return _text(value, _exponent)


def exact_value(text: bytes) -> Any:
    """What `exact_text` was given."""
    return _EXACT.decode(text.decode("ascii"))


def _text(value: object, amount: Callable[[Decimal], str]) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return amount(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{encode_basestring_ascii(k)}:{_text(v, amount)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join([_text(v, amount) for v in value]) + "]"
    raise TypeError(f"{type(value).__name__} has no place in JSON here")


def error_text(body: Mapping[str, Any]) -> str:
    """Errors are indented with CRLF on the wire (seen in a public client's tests)."""
    return json.dumps(body, indent=2).replace("\n", "\r\n")


_EXACT = json.JSONDecoder(parse_float=Decimal)


def _digits(amount: Decimal) -> str:
    return format(amount, "f")


def _exponent(amount: Decimal) -> str:
    text = str(amount)
    return text if "." in text or "E" in text else f"{text}E0"


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > LARGEST_EXPONENT:
        raise NotAnAmountError(text)
    return number


def _refuse(text: str) -> None:
    raise NotAnAmountError(text)
