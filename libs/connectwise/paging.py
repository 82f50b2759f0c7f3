"""Lists read to their end, page by page, by the site's forward-only paging (contract 2.4).

Forward-only pages are `id > pageId`, so rows that come or go between two pages shift nothing.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectwise.calls import Calls
from connectwise.errors import ScanBroken
from httpkit import Answer


async def pages(calls: Calls, path: str, params: Mapping[str, str | int]) -> AsyncIterator[tuple[list[Any], Answer]]:
    """The rows of each page, with the answer they came in.

    The end is where the Link header names no next page; a short or empty page is not the end. Of the link only the page
    id is used: the filters stay ours, and credentials cannot be led to another host.

    Raises:
        ScanBroken: the site did not page as asked, so nobody knows whether this is all.
    """
    page_id: int | None = None
    call = f"GET {path}"
    while True:
        asked = dict(params) if page_id is None else {**params, "pageId": page_id}
        answer = await calls.read(path, asked, forward=True)
        rows = answer.json
        if not isinstance(rows, list):
            raise ScanBroken("the answer is no list", request_id=answer.request_id, call=call)
        yield rows, answer
        if "link" not in answer.headers:
            raise ScanBroken("the answer does not say what comes next", request_id=answer.request_id, call=call)
        following = _next_page_id(answer.headers["link"])
        if following is None:
            return
        if following <= (page_id or 0):
            raise ScanBroken("the next page is not after this one", request_id=answer.request_id, call=call)
        page_id = following


def _next_page_id(link: str) -> int | None:
    """The page id of the link with the relation `next`; None where there is none; 0 for one that cannot be read."""
    for part in link.split(",<") if link else ():
        target, _, attributes = part.strip().lstrip("<").partition(">")
        relations = [value.strip().removeprefix("rel=").strip("\"'") for value in attributes.split(";")]
        if "next" in relations:
            values = parse_qs(urlsplit(target).query).get("pageId") or parse_qs(urlsplit(target).query).get("pageid")
            return int(values[0]) if values and values[0].isascii() and values[0].isdigit() else 0
    return None
