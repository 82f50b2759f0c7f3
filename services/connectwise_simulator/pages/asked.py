"""What a person asks for: numbers, texts and forms, none of which can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request

from connectwise_simulator.schema import Record
from connectwise_simulator.site import Site
from connectwise_simulator.world import World

LONGEST = 10  # digits: no sequence is longer
LARGEST_FORM = 64_000  # bytes
MOST_FIELDS = 50


class Problem(Exception):  # noqa: N818 - no failure of ours, a page that says what is wrong
    """What was asked for is not there, or cannot be."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """The site, the path's own number if it has one, and the query of a page."""

    world: World
    site: Site
    number: int
    query: Mapping[str, str]

    def text(self, name: str) -> str:
        """A text; empty if not asked for."""
        return self.query.get(name, "").strip()

    def whole(self, name: str) -> int | None:
        """A whole number from 1 on; None if not asked for."""
        text = self.text(name)
        return whole(text, name) if text else None

    def record(self, table: str, one: str) -> Record:
        """The record that the path's number names."""
        found = self.site.find(table, self.number)
        if found is None:
            raise Problem(404, f"There is no {one} {self.number}.")
        return found


def whole(text: str, name: str) -> int:
    """A whole number from 1 on."""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST and int(text)):
        raise Problem(400, f"“{name}” should be a whole number from 1 on.")
    return int(text)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form that were filled in; the last of a name counts."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Problem(400, "This is not a form.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise Problem(400, "The form is too large.")
    try:
        fields = parse_qsl(body.decode("ascii", "replace"), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(400, "The form has too many fields.") from None
    return {name: value.strip() for name, value in fields if value.strip()}


def address(site: Site, *parts: str | int, **query: str | int | None) -> str:
    """Where a page of a site is; what is None or empty is left out of the query."""
    path = "/".join(quote(str(part), safe="") for part in ("", "sites", site.company_id, *parts))
    asked = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(asked, errors='replace')}" if asked else path
