"""The judge: what ConnectWise really holds, beside what was accepted and what the system says of it. Pure.

It shares no rule with the code under test. What a line must become it computes itself, and it knows a line again by its
product's name, which is unique and comes first in what the customer reads, never by our marker.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from connectwise_simulator.state.history import Effect
from contracts.events import InvoiceLineReceived

US = "public"
"""The member of our key: what others did in the office is no effect of ours."""
CHARGE = "charge"
CORRECTING = "Correction: ", "Reversal: "
"""How an addition begins that corrects another, in what the customer reads."""
CENT = Decimal("0.01")


class Invariant(StrEnum):
    """What has to hold when all is over, whatever went wrong on the way."""

    ENDED = "I1: a line's coverage ends in one confirmed effect or one visible terminal state"
    ONCE = "I2: no line has two effects in ConnectWise"
    CONTENT = "I3: an addition says what the line says: to the cent, agreement, product, dates"
    BIJECTION = "I4: confirmed creations and remote ids are one to one"
    ORDER = "I5: operations on one target take effect in their order"
    SETTLED = "I6: everything settles within its time after the fault ends"
    VISIBLE = "I7: what is ambiguous, dead, refused, paused or in conflict is in a metric and in the API"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A line that a person approved, and what it must become; amounts in the agreement's currency.

    `before`: what it was to become until the supplier changed it, oldest first. Then its additions together say what
    it has become, so a void line's say nothing.
    """

    name: str
    identity: str
    agreement_id: int
    item_id: int
    quantity: Decimal
    cost: Decimal
    price: Decimal
    effective: date
    cancelled: date
    before: tuple["Accepted", ...] = ()

    def then(self, newer: "Accepted") -> "Accepted":
        """The supplier has changed it."""
        return replace(newer, before=(*self.before, replace(self, before=())))

    def voided(self) -> "Accepted":
        """The supplier has withdrawn it."""
        nothing = Decimal(0)
        return self.then(replace(self, quantity=nothing, cost=nothing, price=nothing))


@dataclass(frozen=True, slots=True)
class Plan:
    """Where lines go: the part of mapping, catalog, program and agreement that an addition depends on."""

    agreement_id: int
    item_id: int
    markup_percent: Decimal
    first_day: date
    last_day: date

    def accepts(self, line: InvoiceLineReceived) -> Accepted:
        """What a month's charge must become: the supplier's cost to the cent, the list price with the markup on it."""
        price = abs(line.quantity) * line.list_unit * (100 + self.markup_percent) / 100
        return Accepted(
            line.product_name,
            line.identity,
            self.agreement_id,
            self.item_id,
            line.quantity,
            _cents(line.cost),
            _cents(price),
            self.first_day,
            self.last_day,
        )


@dataclass(frozen=True, slots=True)
class Said:
    """An operation as the system has it. `covers`: the lines it stands for now, `part`: which part of them.

    `writes`: the members that a patch changes, and to what.
    """

    key: str
    seq: int
    state: str
    remote_id: int | None = None
    covers: tuple[str, ...] = ()
    kind: str = "create"
    part: str = CHARGE
    writes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A line as people see it."""

    name: str
    state: str
    reason: str = ""
    addition_id: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What can be seen from outside, by kind of question: the metric, and what the API lists."""

    metric: Mapping[str, float] = field(default_factory=dict)
    api: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is judged. `questions`: by kind, what the tables say waits for a person or is in doubt.

    `settled_after`: seconds from the end of the last fault until nothing was on its way, None where it still is;
    `within`: how many are allowed. `attempts`: by operation, the requests made for it, in words.
    """

    accepted: Sequence[Accepted]
    history: Sequence[Effect]
    operations: Sequence[Said]
    lines: Sequence[Row]
    questions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shown: Shown = field(default_factory=Shown)
    settled_after: float | None = 0.0
    within: float = 10.0
    attempts: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Violation:
    """What does not hold, and of which line where it is one line's."""

    invariant: Invariant
    detail: str
    line: str = ""

    def __str__(self) -> str:
        return f"{self.invariant}: {self.line}{': ' if self.line else ''}{self.detail}"


def violations(evidence: Evidence) -> list[Violation]:
    """Everything that does not hold, by invariant."""
    court = _Court(evidence)
    rules = court.ended, court.once, court.content, court.bijection, court.order, court.settled, court.visible
    return [found for rule in rules for found in rule()]


def report(evidence: Evidence, found: Sequence[Violation], case: str, seed: int, command: str) -> str:
    """A failed judgement in words: what does not hold, the timeline of each line concerned, how to run it alone."""
    said = [f"{case}, seed {seed}: {len(found)} violations", *(f"  {violation}" for violation in found)]
    concerned = [name for name in dict.fromkeys(one.line for one in found) if name][:5]
    for name in concerned:
        said += [f"timeline of {name}", *_timeline(evidence, name)]
    return "\n".join([*said, f"alone: {command}"])


def line_of(record: Mapping[str, Any]) -> str:
    """The name of the line that an addition is for; what a person wrote by hand is nobody's."""
    said = _said(record)
    for word in CORRECTING:
        said = said.removeprefix(word)
    return said.partition(":")[0]


def _corrects(record: Mapping[str, Any]) -> bool:
    return _said(record).startswith(CORRECTING)


def _said(record: Mapping[str, Any]) -> str:
    return str(record.get("invoiceDescription") or "")


class _Court:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._accepted = {line.name: line for line in evidence.accepted}
        self._rows = {row.name: row for row in evidence.lines}
        self._made: dict[str, list[Effect]] = defaultdict(list)
        self._last: dict[int, Mapping[str, Any] | None] = {}
        for effect in evidence.history:
            self._last[effect.record_id] = effect.after
            if effect.before is None and effect.after is not None and effect.member == US and effect.told != "office":
                self._made[line_of(effect.after)].append(effect)
        self._standing: dict[str, list[Said]] = defaultdict(list)
        for operation in evidence.operations:
            for name in operation.covers:
                self._standing[name].append(operation)

    def ended(self) -> Iterator[Violation]:
        for name in self._accepted:
            standing = self._standing[name]
            states = [operation.state for operation in standing if operation.part == CHARGE]
            row = self._rows.get(name)
            wrong = _wrong_end(states, row, there=bool(self._made[name])) if row else ["the line is gone"]
            wrong += [
                f"its {one.part} is {one.state}"
                for one in standing
                if one.part != CHARGE and one.state not in ("confirmed", "conflict")
            ]
            yield from (Violation(Invariant.ENDED, detail, name) for detail in wrong)

    def once(self) -> Iterator[Violation]:
        for name, made in self._made.items():
            if name not in self._accepted:
                yield Violation(Invariant.ONCE, f"nobody accepted what addition {made[0].record_id} is for", name)
                continue
            for what, most in (("additions", 1), ("corrections", len(self._accepted[name].before))):
                ids = [effect.record_id for effect in made if _corrects(effect.after or {}) == (what == "corrections")]
                if len(ids) > most:
                    yield Violation(Invariant.ONCE, f"{len(ids)} {what}: {', '.join(map(str, ids))}", name)

    def content(self) -> Iterator[Violation]:
        """As it was written it says one of the line's versions; with its corrections, as they are now, the last one."""
        for name, line in self._accepted.items():
            for effect in self._made[name]:
                record = effect.after or {}
                if not _corrects(record):
                    versions = [list(_differs(one, [record], "was written")) for one in (line, *line.before)]
                    yield from min(versions, key=len)
            there = (self._last.get(one.remote_id or 0) for one in self._confirmed() if name in one.covers)
            yield from _differs(line, [record for record in there if record is not None], "is confirmed")

    def bijection(self) -> Iterator[Violation]:
        confirmed = self._confirmed()
        names = {effect.record_id: name for name, made in self._made.items() for effect in made}
        for remote_id, times in Counter(operation.remote_id for operation in confirmed).items():
            if times > 1:
                yield Violation(Invariant.BIJECTION, f"{times} operations claim addition {remote_id}")
        for operation in confirmed:
            for name in operation.covers:
                if names.get(operation.remote_id or 0) != name:
                    yield Violation(Invariant.BIJECTION, f"no addition {operation.remote_id} was made for it", name)
                row = self._rows.get(name)
                if row is not None and operation.part == CHARGE and row.addition_id != operation.remote_id:
                    detail = f"addition {operation.remote_id} is told as {row.addition_id}"
                    yield Violation(Invariant.BIJECTION, detail, name)
        claimed = {operation.remote_id for operation in confirmed}
        for remote_id, name in names.items():
            unsure = [one for one in self._standing[name] if one.state in ("conflict", "ambiguous")]
            if remote_id not in claimed and not unsure:
                yield Violation(Invariant.BIJECTION, f"nobody claims addition {remote_id}", name)

    def order(self) -> Iterator[Violation]:
        """Every change of a record took effect once, in the order in which the changes were queued."""
        changes: dict[int, list[Effect]] = defaultdict(list)
        for effect in self._evidence.history:
            if effect.before is not None and effect.after is not None and effect.member == US:
                changes[effect.record_id].append(effect)
        asked: dict[int, list[Said]] = defaultdict(list)
        for operation in sorted(self._evidence.operations, key=lambda one: one.seq):
            if operation.kind == "patch" and operation.state in ("confirmed", "conflict"):
                asked[operation.remote_id or 0].append(operation)
        for record_id in sorted(changes.keys() | asked.keys()):
            for detail in _disorder(asked[record_id], changes[record_id]):
                yield Violation(Invariant.ORDER, f"addition {record_id}: {detail}")

    def settled(self) -> Iterator[Violation]:
        after, within = self._evidence.settled_after, self._evidence.within
        if after is None:
            yield Violation(Invariant.SETTLED, f"still under way after {within:.1f} s")
        elif after > within:
            yield Violation(Invariant.SETTLED, f"it took {after:.1f} s instead of {within:.1f} s")

    def visible(self) -> Iterator[Violation]:
        shown = self._evidence.shown
        for kind, which in self._evidence.questions.items():
            if missing := which - shown.api.get(kind, frozenset()):
                yield Violation(Invariant.VISIBLE, f"the API does not list {kind} {', '.join(sorted(missing))}")
            if shown.metric.get(kind, 0) < len(which):
                yield Violation(Invariant.VISIBLE, f"{len(which)} {kind}, the metric says {shown.metric.get(kind, 0)}")

    def _confirmed(self) -> list[Said]:
        return [one for one in self._evidence.operations if (one.state, one.kind) == ("confirmed", "create")]


def _differs(wanted: Accepted, records: Sequence[Mapping[str, Any]], how: str) -> Iterator[Violation]:
    """What additions do not say of the line that they are for; several say its amounts together."""
    if not records:
        return
    seats = [_seats(record) for record in records]
    amounts: dict[str, Any] = {
        "quantity": sum(seats, Decimal(0)),
        "cost": sum((_extended(record, "unitCost") for record in records), Decimal(0)),
        "price": sum((_extended(record, "unitPrice") for record in records), Decimal(0)),
    }
    places: list[dict[str, Any]] = [
        {
            "agreement_id": record.get("agreementId"),
            "item_id": (record.get("product") or {}).get("id"),
            "effective": _day(record.get("effectiveDate")),
            "cancelled": _day(record.get("cancelledDate")),
            "name": line_of(record),
        }
        for record in records
    ]
    for what, value in [pair for seen in (amounts, *places) for pair in seen.items()]:
        if value != getattr(wanted, what):
            detail = f"{what} {how} as {value} instead of {getattr(wanted, what)}"
            yield Violation(Invariant.CONTENT, detail, wanted.name)


def _seats(record: Mapping[str, Any]) -> Decimal:
    """A credit's quantity is above zero and its unit amounts are below."""
    return Decimal(record.get("quantity") or 0).copy_sign(record.get("unitCost") or 0)


def _extended(record: Mapping[str, Any], unit: str) -> Decimal:
    return _cents(Decimal(record.get("quantity") or 0) * (record.get(unit) or 0))


def _disorder(asked: Sequence[Said], changes: Sequence[Effect]) -> Iterator[str]:
    """What is wrong about the changes of a record; a change in conflict may have taken effect or not."""
    left, places = list(changes), []
    for operation in asked:
        effect = next((one for one in left if _made_by(operation, one)), None)
        if effect is not None:
            left.remove(effect)
            places.append(effect.seq)
        elif operation.state == "confirmed":
            yield f"{operation.key} is confirmed and never took effect"
    if places != sorted(places):
        yield f"its changes took effect as numbers {places} of the history"
    yield from (f"number {effect.seq} of the history changed it once more" for effect in left)


def _made_by(operation: Said, effect: Effect) -> bool:
    before, after, writes = effect.before or {}, effect.after or {}, operation.writes
    return all(after.get(name) == value for name, value in writes.items()) and any(
        before.get(name) != value for name, value in writes.items()
    )


def _wrong_end(states: Sequence[str], row: Row, *, there: bool) -> list[str]:
    """What is wrong about a line for which operations in these states stand; `there`: whether ConnectWise ever had it.

    Nothing may stand for a line whose operation has let go of it: then people must be told why.
    """
    told = f"people are told {row.state} {row.reason}"
    ends = {
        ("confirmed",): {
            f"confirmed, and {told}": row.state != "synced",
            "confirmed, and ConnectWise never had it": not there,
        },
        ("conflict",): {f"a conflict, and {told}": (row.state, row.reason) != ("failed", "conflict")},
        (): {
            f"nothing stands for it, and {told}": row.state not in ("failed", "held", "ignored") or not row.reason,
            "nothing stands for it, and ConnectWise has it": there,
        },
    }
    wrong = ends.get(tuple(states), {f"it is {', '.join(states)}": True})
    return [detail for detail, is_so in wrong.items() if is_so]


def _timeline(evidence: Evidence, name: str) -> Iterator[str]:
    for effect in evidence.history:
        record = effect.after or effect.before or {}
        if line_of(record) == name:
            what = "made" if effect.before is None else "changed" if effect.after else "deleted"
            yield (
                f"  ConnectWise {effect.seq}: addition {effect.record_id} {what} by {effect.member},"
                f" told {effect.told}: agreement {record.get('agreementId')}, {record.get('quantity')} at"
                f" {record.get('unitPrice')} / {record.get('unitCost')}"
            )
    for operation in evidence.operations:
        if name in operation.covers:
            yield f"  {operation.key}: {operation.state}, addition {operation.remote_id}"
            yield from (f"    {attempt}" for attempt in evidence.attempts.get(operation.key, ()))
    yield from (f"  people see: {row}" for row in evidence.lines if row.name == name)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None
