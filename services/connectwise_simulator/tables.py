"""Records in memory. A record is never changed in place: a write puts a new one, so the history can keep both."""

import time
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator

from connectwise_simulator.jsonwire import dumps
from connectwise_simulator.schema import Model, Record

Parent = Callable[[Record], int | None]


class Table:
    """The records of one type, ordered by id, with the ids of each parent apart."""

    def __init__(self, name: str, model: Model, parent: Parent | None = None) -> None:
        self.name = name
        self.model = model
        self._parent = parent
        self._records: dict[int, Record] = {}
        self._ids: list[int] = []
        self.highest = 0  # deleted ids are not given out again
        self._children: dict[int, list[int]] = {}
        self._texts: dict[tuple[int, bool], str] = {}
        self._unlisted_until: dict[int, float] = {}
        self._newer = [f.name for f in model.fields.values() if f.newer]

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
        self._ids.remove(record_id)
        self._forget_texts(record_id)
        self._file(record_id, old, None)

    def listed(self, parent: int | None = None, after: int = 0) -> list[Record]:
        """Records with a greater id than `after`, of one parent if given, as lists see them."""
        ids = self._ids if parent is None else self._children.get(parent, [])
        if after:
            ids = ids[bisect_right(ids, after) :]
        if self._unlisted_until:
            now = time.monotonic()
            self._unlisted_until = {i: t for i, t in self._unlisted_until.items() if t > now}
            return [self._records[i] for i in ids if i not in self._unlisted_until]
        return [self._records[i] for i in ids]

    def children(self, parent: int) -> list[Record]:
        """All records of a parent, unlisted ones too."""
        return [self._records[i] for i in self._children.get(parent, [])]

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
            text = self._texts[key] = dumps({k: v for k, v in record.items() if k not in hidden})
        return text

    def _forget_texts(self, record_id: int) -> None:
        self._texts.pop((record_id, True), None)
        self._texts.pop((record_id, False), None)

    def _file(self, record_id: int, old: Record | None, new: Record | None) -> None:
        if self._parent is None:
            return
        was = None if old is None else self._parent(old)
        now = None if new is None else self._parent(new)
        if was == now:
            return
        if was is not None:
            self._children[was].remove(record_id)
        if now is not None:
            insort(self._children.setdefault(now, []), record_id)
