"""Records in memory. A record is never changed in place: a write puts a new one, so the history can keep both."""

import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from connectwise_simulator.hrefs import linked
from connectwise_simulator.jsonwire import dumps
from connectwise_simulator.schema import Model, Record

Parent = Callable[[Record], int | None]
Reader = Callable[[Record], Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Values one of which a record must have under a name to be looked at: what an index answers."""

    name: str
    read: Reader
    values: frozenset[Any]


class Table:
    """The records of one type, ordered by id, with indexes for what is asked often."""

    def __init__(self, name: str, model: Model, parent: Parent | None = None) -> None:
        self.name = name
        self.model = model
        self._parent = parent
        self._records: dict[int, Record] = {}
        self._ids: list[int] = []
        self.highest = 0  # deleted ids are not given out again
        self._children = _Index(parent or _no_parent)
        self._indexes: dict[str, _Index] = {}
        self._texts: dict[tuple[int, bool], str] = {}
        self._unlisted_until: dict[int, float] = {}
        self._newer = [f.name for f in model.fields.values() if f.newer]

    @property
    def has_parents(self) -> bool:
        """Whether its records stand below those of another table."""
        return self._parent is not None

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter([self._records[i] for i in self._ids])

    def get(self, record_id: int) -> Record | None:
        """The record, or None."""
        return self._records.get(record_id)

    def next_id(self) -> int:
        """The id the next record gets; ids only grow."""
        self.highest += 1
        return self.highest

    def put(self, record: Record) -> None:
        """Add or replace a record."""
        record_id = record["id"]
        old = self._records.get(record_id)
        self._records[record_id] = record
        self.highest = max(self.highest, record_id)
        self._forget_texts(record_id)
        if old is None:
            insort(self._ids, record_id)
        self._file(record_id, old, record)

    def delete(self, record_id: int) -> None:
        """Take a record out."""
        old = self._records.pop(record_id)
        del self._ids[bisect_left(self._ids, record_id)]
        self._forget_texts(record_id)
        self._file(record_id, old, None)

    def listed(self, parent: int | None = None, after: int = 0, wanted: Iterable[Wanted] = ()) -> Iterator[Record]:
        """Records with a greater id than `after`, of one parent if given, as lists see them: in the order of ids.

        Only those are looked at that have one of the wanted values; whether one has all of them is not judged here.
        """
        ids = self._ids if parent is None else self._children.ids(parent)
        filed = ids
        for one in wanted:
            found = self._holding(one, len(ids))
            if found is not None:
                ids = found
        start = bisect_right(ids, after) if after else 0
        records: Iterator[Record] = map(self._records.__getitem__, ids[start:] if start else ids)
        if parent is not None and ids is not filed:
            records = filter(lambda r: self.belongs(r, parent), records)
        if self._unlisted_until:
            now = time.monotonic()
            hidden = self._unlisted_until = {i: t for i, t in self._unlisted_until.items() if t > now}
            records = filter(lambda r: r["id"] not in hidden, records)
        return records

    def named(self, name: str, text: str) -> list[Record]:
        """Records with this text under a name, in any case."""
        index = self._index(f"{name} in any case", lambda r: str(r.get(name, "")).lower())
        return [self._records[i] for i in index.ids(text.lower())]

    def children(self, parent: int) -> list[Record]:
        """All records of a parent, unlisted ones too."""
        return [self._records[i] for i in self._children.ids(parent)]

    def number_of(self, parent: int) -> int:
        """How many records a parent has."""
        return len(self._children.ids(parent))

    def belongs(self, record: Record, parent: int) -> bool:
        """Whether the record is filed under this parent."""
        return self._parent is not None and self._parent(record) == parent

    def unlist(self, record_id: int, seconds: float) -> None:
        """Keep a record out of lists for a while; reading it by id works."""
        self._unlisted_until[record_id] = time.monotonic() + seconds

    def text(self, record: Record, newer: bool) -> str:
        """The record's JSON, kept until the record is replaced. Fields newer than 2025.1 only if asked for."""
        key = (record["id"], newer or not self._newer)
        text = self._texts.get(key)
        if text is None:
            hidden = [] if key[1] else self._newer
            shown = {k: v for k, v in record.items() if k not in hidden}
            text = self._texts[key] = dumps(linked(self.model, shown))
        return text

    def _holding(self, wanted: Wanted, fewer_than: int) -> list[int] | None:
        """The ids of records with one of the values; None if there are not fewer than so many."""
        if wanted.name == "id":
            return sorted(self._records[v]["id"] for v in wanted.values if v in self._records)
        index = self._index(wanted.name, wanted.read)
        parts = [index.ids(value) for value in wanted.values]
        if sum(map(len, parts)) >= fewer_than:
            return None
        return parts[0] if len(parts) == 1 else sorted(i for part in parts for i in part)

    def _index(self, name: str, read: Reader) -> "_Index":
        """The index of that name, made when it is first asked for."""
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = _Index(read)
            for record in self:
                index.file(record["id"], None, record)
        return index

    def _forget_texts(self, record_id: int) -> None:
        self._texts.pop((record_id, True), None)
        self._texts.pop((record_id, False), None)

    def _file(self, record_id: int, old: Record | None, new: Record | None) -> None:
        if self._parent is not None:
            self._children.file(record_id, old, new)
        for index in self._indexes.values():
            index.file(record_id, old, new)


class _Index:
    """The ids of records by what is read from them, in order."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._ids: dict[Any, list[int]] = {}

    def ids(self, value: Any) -> list[int]:
        """Those of one value. The list is the index's own."""
        return self._ids.get(value, [])

    def file(self, record_id: int, old: Record | None, new: Record | None) -> None:
        """Follow a record that came, went or changed."""
        was = None if old is None else (self._read(old),)
        now = None if new is None else (self._read(new),)
        if was == now:
            return
        if was is not None:
            ids = self._ids[was[0]]
            del ids[bisect_left(ids, record_id)]
            if not ids:
                del self._ids[was[0]]
        if now is not None:
            insort(self._ids.setdefault(now[0], []), record_id)


def _no_parent(_record: Record) -> None:
    return None
