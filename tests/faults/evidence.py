"""What a play has left behind, and which invariants that breaks: pure, and no rule of it is delivery's own."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from delivery import State
from tests.faults.oracle import Invariant


@dataclass(frozen=True, slots=True)
class Made:
    """An effect, as the peer's history keeps it; `number` is its operation's place among those on the record."""

    line: str
    remote_id: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How an operation that stands for a line has ended, or not."""

    line: str
    state: State
    remote_id: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """`accepted`: lines and what their records must say; `records`: what the peer's records say now, by id."""

    accepted: Mapping[str, object]
    made: Sequence[Made]
    standing: Sequence[Standing]
    records: Mapping[int, object]

    def broken(self) -> set[Invariant]:
        """The invariants that do not hold."""
        holds = {
            Invariant.ENDED: self._accounted(),
            Invariant.ONCE: max(Counter(one.line for one in self.made).values(), default=0) <= 1,
            Invariant.CONTENT: all(
                one.remote_id in self.records and self.records[one.remote_id] == self.accepted[one.line]
                for one in self._confirmed()
                if one.remote_id is not None
            ),
            Invariant.BIJECTION: self._one_to_one(),
            Invariant.ORDER: self._in_order(),
        }
        return {invariant for invariant, held in holds.items() if not held}

    def _confirmed(self) -> list[Standing]:
        return [one for one in self.standing if one.state is State.CONFIRMED]

    def _accounted(self) -> bool:
        there = set(self.records)
        told = {
            one.line
            for one in self.standing
            if one.state.is_terminal
            and one.state is not State.SUPERSEDED
            and (one.state is not State.CONFIRMED or one.remote_id in there)
        }
        return set(self.accepted) <= told

    def _one_to_one(self) -> bool:
        ids = [one.remote_id for one in self._confirmed()]
        whose = {one.remote_id: one.line for one in self.made if one.number == 0}
        return (
            None not in ids
            and len(ids) == len(set(ids))
            and all(whose.get(one.remote_id or 0, one.line) == one.line for one in self._confirmed())
        )

    def _in_order(self) -> bool:
        numbers: dict[int, list[int]] = defaultdict(list)
        for one in self.made:
            numbers[one.remote_id].append(one.number)
        return all(sequence == sorted(sequence) for sequence in numbers.values())
