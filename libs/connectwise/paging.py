"""Lists read to their end, page by page (contract 2.4). The end is where the Link header says so.

A short or an empty page is never the end. Of a link only the number of the next page is used: the filters stay ours,
and credentials cannot be led to another host.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectwise.calls import Calls
from connectwise.errors import ScanBroken
from httpkit import Answer

LARGEST_PAGE = 1000
_PAGE_NUMBER = re.compile("[0-9]{1,19}")  # an id, with room
_LINK = re.compile(r"<([^>]*)>([^<]*)")  # a target, and its attributes up to the next target

Params = Mapping[str, str | int]
Page = tuple[list[Any], Answer]


async def forward_pages(
    calls: Calls, path: str, params: Params, *, attempts: int | None = None, admit_within: float | None = None
) -> AsyncIterator[Page]:
    """Pages of the forward-only kind, ordered by id: rows that come or go between two pages shift nothing.

    Raises:
        ScanBroken: the site did not page as asked, so nobody knows whether this is all.
    """
    page_id = 0
    while True:
        params_of_page = {**params, "pageId": page_id} if page_id else params
        answer = await calls.read(path, params_of_page, forward=True, attempts=attempts, admit_within=admit_within)
        yield _rows(answer, path), answer
        if "link" not in answer.headers:
            raise _broken("the answer does not say what comes next", answer, path)
        following = _next(answer.headers["link"], "pageid")
        if following is None:
            return
        if following <= page_id:
            raise _broken("the next page is not after this one", answer, path)
        page_id = following


async def numbered_pages(
    calls: Calls,
    path: str,
    params: Params,
    *,
    page_size: int,
    attempts: int | None = None,
    admit_within: float | None = None,
) -> AsyncIterator[Page]:
    """Pages of the navigable kind, for lists that have no other and for those in an order of one's own.

    They are no snapshot: what comes or goes meanwhile shifts rows from one page to another.

    Raises:
        ScanBroken: the site did not page as asked, so nobody knows whether this is all.
    """
    number, is_said = 1, True
    while True:
        params_of_page = {**params, "pageSize": page_size, "page": number}
        answer = await calls.read(path, params_of_page, attempts=attempts, admit_within=admit_within)
        rows = _rows(answer, path)
        has_link = "link" in answer.headers
        if rows and not has_link and not is_said:
            raise _broken("the answer does not say what comes next", answer, path)
        yield rows, answer
        following = _next(answer.headers.get("link", ""), "page")
        # The last page names no next one, and a list of one page may have no header at all: behind a full one that says
        # nothing there must be nothing.
        is_said = has_link or len(rows) < page_size
        if not is_said:
            following = number + 1
        if following is None:
            return
        if following <= number:
            raise _broken("the next page is not after this one", answer, path)
        number = following


def _rows(answer: Answer, path: str) -> list[Any]:
    rows = answer.json
    if not isinstance(rows, list):
        raise _broken("the answer is no list", answer, path)
    return rows


def _broken(reason: str, answer: Answer, path: str) -> ScanBroken:
    return ScanBroken(reason, request_id=answer.request_id, call=f"GET {path}")


def _next(link: str, name: str) -> int | None:
    """The page number of the link with the relation `next`; None where there is none; 0 for one that is unreadable."""
    for target, attributes in _LINK.findall(link):
        relations = [value.strip(" ,").removeprefix("rel=").strip("\"'").lower() for value in attributes.split(";")]
        if "next" in relations:
            return _number_in(target, name)
    return None


def _number_in(target: str, name: str) -> int:
    try:
        values = [value for key, value in parse_qsl(urlsplit(target).query) if key.lower() == name]
    except ValueError:  # a host in half a bracket
        return 0
    return int(values[0]) if values and _PAGE_NUMBER.fullmatch(values[0]) else 0
