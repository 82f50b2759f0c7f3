"""Pages of a list, both kinds: navigable by number with first/prev/next/last, forward-only by id."""

from collections.abc import Iterator
from itertools import islice
from urllib.parse import parse_qsl, quote, urlencode

from connectwise_simulator.call import Call
from connectwise_simulator.errors import plain
from connectwise_simulator.schema import Record

DEFAULT_SIZE = 25
LARGEST = 1000
LONGEST = 10  # digits


def is_forward_only(call: Call) -> bool:
    """Whether the client asked for paging by id."""
    return call.request.headers.get("pagination-type", "").lower() == "forward-only"


def page_size(call: Call) -> int:
    """25 unless asked; above 1,000 capped (knob: refused)."""
    size = _whole(call, "pagesize", DEFAULT_SIZE)
    if size > LARGEST and call.site.knobs.large_pages == "refuse":
        raise plain(400, "ConnectWiseApi", f"pageSize cannot be greater than {LARGEST}.")
    return min(size, LARGEST)


def last_seen_id(call: Call) -> int:
    """`pageId`: forward-only pages hold greater ids."""
    return _whole(call, "pageid", 0) if is_forward_only(call) else 0


def page(call: Call, found: Iterator[Record]) -> tuple[list[Record], list[tuple[str, str]]]:
    """The records of the asked page and its Link header.

    Forward-only: the header is always there, empty at the end. Navigable: links that lead nowhere are left out.
    """
    size = page_size(call)
    if is_forward_only(call):
        records = list(islice(found, size + 1))
        shown, more = records[:size], len(records) > size
        return shown, [("link", _link(call, "pageId", shown[-1]["id"], "next") if more else "")]
    records = list(found)
    number = max(_whole(call, "page", 1), 1)
    last = max((len(records) + size - 1) // size, 1)
    targets = [("first", 1), ("prev", number - 1)] if number > 1 else []
    targets += [("next", number + 1), ("last", last)] if number < last else []
    links = ", ".join(_link(call, "page", target, rel) for rel, target in targets)
    shown = records[(number - 1) * size : number * size]
    return shown, [("link", links)] if links else []


def _link(call: Call, name: str, value: int, rel: str) -> str:
    # The asked filters stay as they were written; the number comes last, as public clients look for it there.
    asked = parse_qsl(call.request.query, keep_blank_values=True)
    kept = [(k, v) for k, v in asked if k.lower() not in ("page", "pageid", "pagesize")]
    query = urlencode([*kept, ("pageSize", page_size(call)), (name, value)], quote_via=quote)
    return f'<{call.request.url}?{query}>; rel="{rel}"'


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST):
        raise plain(400, "ConnectWiseApi", f"{name} must be a whole number.")
    return int(text) or default
