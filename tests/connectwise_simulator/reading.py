"""A page as a person's browser reads it: tables, links, forms, and what a screen reader would be told."""

from collections import Counter
from html.parser import HTMLParser

VOID = ("br", "input", "link", "meta")


class Reading(HTMLParser):
    """What is on one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {}  # of each element, by tag
        self.alerts: list[str] = []
        self.links: list[str] = []
        self.tables: dict[str, list[dict[str, str]]] = {}
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._caption = ""
        self._rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    @property
    def title(self) -> str:
        return self.texts["h1"][0]

    @property
    def facts(self) -> dict[str, str]:
        return dict(zip(self.texts.get("dt", []), self.texts.get("dd", []), strict=True))

    def table(self, caption: str) -> list[dict[str, str]]:
        """The rows of the table whose caption begins so."""
        [found] = [rows for name, rows in self.tables.items() if name.startswith(caption)]
        return found

    def unlabelled(self) -> list[str | None]:
        """Controls nobody would hear the name of."""
        labelled = {given.get("for") for tag, given in self.attributes if tag == "label"}
        controls = [given.get("id") for tag, given in self.attributes if tag in ("input", "select", "textarea")]
        return [control for control in controls if control not in labelled]

    def repeated_ids(self) -> list[str]:
        ids = Counter(given["id"] for _, given in self.attributes if given.get("id"))
        return [str(one) for one, times in ids.items() if times > 1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.attributes.append((tag, given))
        if tag == "a":
            self.links.append(given["href"] or "")
        if tag == "tr":
            self._rows.append([])
        if tag not in VOID:
            self._open.append((tag, given, []))

    def handle_endtag(self, tag: str) -> None:
        opened, given, parts = self._open.pop()
        assert opened == tag, (opened, tag)
        text = "".join(parts)
        if self._open:
            self._open[-1][2].append(text)
        self.texts.setdefault(tag, []).append(text)
        if given.get("role") == "alert":
            self.alerts.append(text)
        if tag in ("th", "td"):
            self._rows[-1].append(text)
        if tag == "caption":
            self._caption = text
        if tag == "table":
            head, *rows = self._rows
            self.tables[self._caption] = [dict(zip(head, row, strict=True)) for row in rows]
            self._rows = []

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1][2].append(data)
