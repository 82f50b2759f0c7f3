"""What pages are made of: tables, facts, links."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectwise_simulator.pages.html import Child, Html, element

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A heading, and the cell below it. Numbers stand to the right, words get room."""

    title: str
    cell: Callable[[Row], Child]
    is_number: bool = False
    is_wordy: bool = False

    @property
    def look(self) -> str | None:
        """The class of its cells."""
        if self.is_number:
            return "n"
        return "w" if self.is_wordy else None


def table(caption: str, columns: Sequence[Column[Row]], rows: Sequence[Row]) -> Html:
    """Rows under headings, in a box of their own that scrolls; the first column names the row."""
    if not rows:
        return element("p", f"{caption}: none.")
    head = element("tr", *[element("th", c.title, scope="col", class_=c.look) for c in columns])
    body = [element("tr", *_cells(columns, row)) for row in rows]
    parts = (element("caption", caption), element("thead", head), element("tbody", *body))
    # A box that scrolls has to be reached by the keyboard, and what is reached has a name.
    return element("div", element("table", *parts), class_="wide", role="region", aria_label=caption, tabindex="0")


def facts(shown: Mapping[str, Child]) -> Html:
    """Names with their values; those without a value are left out."""
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in shown.items() if value]
    return element("dl", *pairs)


def link(text: Child, href: str) -> Html:
    """A link."""
    return element("a", text, href=href)


def _cells(columns: Sequence[Column[Row]], row: Row) -> list[Html]:
    first, *others = columns
    name = element("th", first.cell(row), scope="row", class_=first.look)
    return [name, *[element("td", c.cell(row), class_=c.look) for c in others]]
