"""What is wrong with what a person typed into the connection's form (R5)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMPANY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}")
_CLIENT = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Wrong:
    """A field and the rule it breaks, for the person who typed it."""

    field: str
    rule: str


def wrong_fields(company_id: str, public_key: str, private_key: str | None, client_id: str) -> Iterator[Wrong]:
    """The fields that cannot be right. Values are trimmed; a `private_key` of None is kept as it was."""
    if not _COMPANY.fullmatch(company_id):
        yield Wrong("company_id", "is the login's company id: letters, digits, dot, dash or underscore")
    keys = {"public_key": public_key, "client_id": client_id}
    if private_key is not None:
        keys["private_key"] = private_key
    for name, value in keys.items():
        if not value:
            yield Wrong(name, "is empty")
        elif len(value) > _LONGEST or not value.isascii() or not value.isprintable() or " " in value:
            yield Wrong(name, "contains characters that a key cannot have, or is too long")
        elif "+" in value or ":" in value:
            yield Wrong(name, "is the key alone, without the company id, plus sign or colon of a sign-in")
        elif name != "client_id" and _CLIENT.fullmatch(value):
            yield Wrong(name, "looks like a client id: are the fields swapped?")


def site_id(company_id: str) -> str:
    """The site's own id: company ids are unique over the vendor's cloud and, unlike hosts, never change."""
    return f"connectwise:{company_id.lower()}"
