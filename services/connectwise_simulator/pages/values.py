"""How values read: civil dates, moments, money with its currency."""

from decimal import Decimal
from typing import Any

from connectwise_simulator.pages.html import Html, element, html
from connectwise_simulator.schema import Record

CENTS = 2


def day(text: str | None) -> Html | None:
    """The civil date of what the API carries as a midnight."""
    return element("time", text[:10]) if text else None


def moment(text: str) -> Html:
    """An instant, in UTC as it is kept."""
    return element("time", text.replace("T", " ").replace("Z", " UTC"), datetime=text)


def span(first: str, last: str) -> Html:
    """A stretch of days, both inside."""
    return html(day(first), " to ", day(last))


def number(value: Decimal | int | None) -> str:
    """Every digit there is and no zeros after them."""
    if value is None:
        return ""
    text = format(value, ",f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Decimal | int | None, currency: Record | None) -> str:
    """An amount with at least its currency's digits; unit prices may have more."""
    if value is None:
        return ""
    currency = currency or {}
    digits = max(len(number(value).partition(".")[2]), currency.get("numberOfDecimals", CENTS))
    return f"{value:,.{digits}f} {currency.get('currencyIdentifier', '')}".rstrip()


def yes(value: Any) -> str:
    """A flag."""
    return "yes" if value else "no"


def name(reference: Record | None) -> str:
    """What a reference calls its record."""
    found = reference or {}
    return str(found.get("name") or found.get("identifier") or found.get("id") or "")
