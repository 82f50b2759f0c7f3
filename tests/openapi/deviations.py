"""Where what is known of the real service contradicts its published document."""

from dataclasses import dataclass
from typing import Any

from tests.openapi.recording import Exchange

MEDIA = "application/vnd.connectwise.com+json"
_OURS = {"clientid": "any"}


@dataclass(frozen=True, slots=True)
class Deviation:
    """What stands in one place of the document's schemas instead, why, and an exchange that needs it."""

    where: str
    instead: Any
    why: str
    shown_by: Exchange

    def apply(self, document: dict[str, Any]) -> None:
        """Change the document in place."""
        *way, last = self.where.split(".")
        found: Any = document["components"]["schemas"]
        for name in way:
            found = found[name]
        found[last] = self.instead


def _answered(status: int, body: bytes, path: str = "/company/companies/1") -> Exchange:
    return Exchange("GET", path, "", _OURS, b"", status, f"{MEDIA}; charset=utf-8", body)


def _patch(value: bytes) -> Exchange:
    body = b'[{"op":"replace","path":"name","value":%s}]' % value
    return Exchange("PATCH", "/company/companies/1", "", {**_OURS, "content-type": "application/json"}, body)


DEVIATIONS = (
    Deviation(
        "ErrorResponseMessage.properties.errors",
        {"type": "array", "nullable": True, "items": {"$ref": "#/components/schemas/ValidationError"}},
        "bodies with `errors: null` are seen (contract 2.1, 2.7)",
        _answered(404, b'{"code":"NotFound","message":"no","errors":null}'),
    ),
    Deviation(
        "ErrorResponseMessage.properties.error",
        {"type": "string"},
        "the 429 says `error` where all others say `code` (2.7)",
        _answered(429, b'{"error":"ConnectWiseAPI","message":"Too many requests."}'),
    ),
    Deviation(
        "CustomFieldValue.properties.value",
        {"anyOf": [{"type": kind} for kind in ("string", "number", "boolean")]},
        "published as an object; it is the text, number or flag that filters compare (2.5)",
        _answered(200, b'{"id":1,"identifier":"a","name":"a","customFields":[{"id":1,"value":"abc"}]}'),
    ),
    Deviation(
        "Member.required",
        [],
        "members are answered without a last name and more (section 4, PYCW's issue 26; nulls are left out, 2.5)",
        _answered(200, b'{"id":1,"identifier":"api"}', "/system/members/1"),
    ),
    Deviation(
        "PatchOperation.properties.value",
        {},
        "published as an object; every client writes texts, numbers, flags and references (2.6)",
        _patch(b'"text"'),
    ),
)
