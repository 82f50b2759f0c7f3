"""What really happened: an append-only list of every effect, whatever the client was told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from connectwise_simulator.schema import Record
from connectwise_simulator.state.journal import Journal

PENDING = "pending"


@dataclass(slots=True)
class Effect:
    """One change of one record. Only `told` is written later, once, when the client gets its answer."""

    seq: int
    time: str
    site: str
    member: str
    method: str
    path: str
    table: str
    record_id: int
    before: Record | None
    after: Record | None
    told: int | str = PENDING

    def view(self) -> dict[str, Any]:
        """As `/_simulator/history` answers it."""
        return {
            "seq": self.seq,
            "time": self.time,
            "site": self.site,
            "member": self.member,
            "method": self.method,
            "path": self.path,
            "type": self.table,
            "id": self.record_id,
            "before": self.before,
            "after": self.after,
            "told": self.told,
        }


class History:
    """All effects of all sites in their order; sequence numbers start at 1 and have no gaps."""

    def __init__(self, journal: Journal) -> None:
        self._effects: list[Effect] = []
        self._of_record: dict[tuple[str, str, int], list[Effect]] = {}
        self._journal = journal
        self.heard: Callable[[Effect], None] | None = None  # who is told of each new effect

    def append(self, **facts: Any) -> Effect:
        """Record one effect."""
        effect = Effect(seq=len(self._effects) + 1, **facts)
        self._effects.append(effect)
        self._of_record.setdefault((effect.site, effect.table, effect.record_id), []).append(effect)
        # `before` is what the journal's reader has in its table by then.
        self._journal.note("effect", {name: value for name, value in facts.items() if name != "before"})
        if self.heard is not None:
            self.heard(effect)
        return effect

    def told(self, effects: Sequence[Effect], answer: int | str) -> None:
        """Write down what the client heard of these effects."""
        for effect in effects:
            effect.told = answer
        if effects:
            self._journal.note("told", [effect.seq for effect in effects], answer)

    def effect(self, seq: int) -> Effect:
        """The effect of this number."""
        return self._effects[seq - 1]

    def of_record(self, site: str, table: str, record_id: int) -> Sequence[Effect]:
        """Everything that happened to one record, the oldest first; found without looking at other effects."""
        return self._of_record.get((site, table, record_id), ())

    def after(self, seq: int, limit: int, site: str | None, table: str | None) -> list[Effect]:
        """Up to `limit` effects with a greater sequence number, of one site or record type if given."""
        found: list[Effect] = []
        for effect in self._effects[max(seq, 0) :]:
            if (site is None or effect.site == site) and (table is None or effect.table == table):
                found.append(effect)
                if len(found) == limit:
                    break
        return found

    def __iter__(self) -> Iterator[Effect]:
        return iter(self._effects)

    def __len__(self) -> int:
        return len(self._effects)
