"""Single fields of a file: exact, and refused rather than guessed."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from billing_intake.domain.refusals import FieldRefused

# Digits before the point: more is no invoice but a shifted column.
_LARGEST_EXPONENT = 15
# A file says the same dates, prices and names over and over: reading each once halves the time a row takes.
_REMEMBERED = 4_096
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


@lru_cache(_REMEMBERED)
def decimal(column: str, text: str) -> Decimal:
    """An exact number. A leading apostrophe (a spreadsheet's mark for text) is dropped; `0E-20` is zero.

    Thousands separators and currency signs are refused: `1,234` is one thing here and another there.
    """
    bare = text.strip().removeprefix("'").strip()
    if not _NUMBER.fullmatch(bare):
        raise FieldRefused(column, text, "is not a plain number like -1234.56")
    try:
        value = Decimal(bare)
    except InvalidOperation as error:
        raise FieldRefused(column, text, "is not a plain number like -1234.56") from error
    if value and value.adjusted() >= _LARGEST_EXPONENT:
        raise FieldRefused(column, text, f"has more than {_LARGEST_EXPONENT} digits before the point")
    return value or Decimal(0)


@lru_cache(_REMEMBERED)
def decimal_or_zero(column: str, text: str) -> Decimal:
    """The same, an empty field being zero."""
    return decimal(column, text) if text.strip() else Decimal(0)


@lru_cache(_REMEMBERED)
def civil_date(column: str, text: str) -> date | None:
    """A date by ISO 8601, with or without a time, or None where the field is empty.

    `3/4/2026` is refused: whether that is March or April depends on who exported the file.
    """
    bare = text.strip()
    if not bare:
        return None
    try:
        found = date.fromisoformat(bare[:10])
    except ValueError as error:
        raise FieldRefused(column, text, "is not a date like 2026-10-31") from error
    if bare[10:11] not in ("", "T", "t", " "):
        raise FieldRefused(column, text, "is not a date like 2026-10-31")
    if found == date.max:
        raise FieldRefused(column, text, "is the last day there is, not the end of a charge")
    return found


@lru_cache(_REMEMBERED)
def words(text: str) -> str:
    """Free text without the control characters that databases and terminals stumble over."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


@lru_cache(_REMEMBERED)
def money_or_zero(column: str, text: str) -> Decimal:
    """An amount of money that PostgreSQL's numeric(20,6) holds exactly."""
    value = decimal_or_zero(column, text)
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:  # noqa: PLR2004 (six places)
        raise FieldRefused(column, text, "has more than six decimal places, which no amount of money has")
    return value
