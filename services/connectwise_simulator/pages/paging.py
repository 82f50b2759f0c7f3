"""Long lists, fifty rows at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectwise_simulator.pages.asked import Asked, Problem, address
from connectwise_simulator.pages.html import Html, element
from connectwise_simulator.pages.parts import link

Row = TypeVar("Row")
SIZE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list."""

    rows: Sequence[Row]
    number: int
    last: int
    total: int


def page_of(rows: Sequence[Row], asked: Asked) -> Page[Row]:
    """The page that is asked for, the first if none is."""
    number, last = asked.whole("page") or 1, max((len(rows) + SIZE - 1) // SIZE, 1)
    if number > last:
        raise Problem(404, f"There is no page {number}; the last one is {last}.")
    return Page(rows[(number - 1) * SIZE : number * SIZE], number, last, len(rows))


def turning(page: Page[Row], asked: Asked, *path: str | int) -> Html | None:
    """Links to the other pages; the rest of the query stays as it is."""
    if page.last == 1:
        return None
    kept = {name: value for name, value in asked.query.items() if name != "page"}
    targets = (("First", 1), ("Previous", page.number - 1), ("Next", page.number + 1), ("Last", page.last))
    shown = [
        link(text, address(asked.site, *path, **kept, page=to))
        for text, to in targets
        if 1 <= to <= page.last and to != page.number
    ]
    return element("nav", f"Page {page.number} of {page.last}", *shown, aria_label="Pages", class_="pages")
