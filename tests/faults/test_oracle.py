"""The judge can say no: each invariant is broken by hand in what it is shown, and it says that one and no other."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectwise_simulator.state.history import Effect
from tests.factories import facts
from tests.faults.oracle import Accepted, Evidence, Invariant, Plan, Row, Said, Shown, report, violations

PLAN = Plan(1, 501, Decimal(10), date(2026, 12, 1), date(2026, 12, 31))
LINES = tuple(PLAN.accepts(facts.billed(number, product_name=f"Line {number}")) for number in (1, 2))


def effect(seq: int, line: Accepted, **changes: Any) -> Effect:
    """An addition as the simulator's history keeps it, made by us."""
    after = {
        "id": seq,
        "agreementId": 1,
        "product": {"id": 501},
        "quantity": Decimal(10),
        "unitPrice": Decimal("20.3280"),
        "unitCost": Decimal("18.48"),
        "effectiveDate": "2026-12-01T00:00:00Z",
        "cancelledDate": "2026-12-31T00:00:00Z",
        "invoiceDescription": f"{line.name}: cycleCharge 10",
    }
    told: dict[str, Any] = {
        "seq": seq,
        "time": "2026-11-07T17:00:00Z",
        "site": "harbor",
        "member": "public",
        "method": "POST",
        "path": "",
        "table": "additions",
        "record_id": seq,
        "before": None,
        "told": 201,
    }
    record = {name: value for name, value in changes.items() if name in after}
    others = {name: value for name, value in changes.items() if name not in after}
    return Effect(**told | {"after": after | record} | others)


def changed(evidence: Evidence, number: int, **changes: Any) -> Evidence:
    """One operation is otherwise."""
    operations = list(evidence.operations)
    operations[number] = replace(operations[number], **changes)
    return replace(evidence, operations=operations)


def seen(evidence: Evidence, number: int, **changes: Any) -> Evidence:
    """People see a line otherwise."""
    lines = list(evidence.lines)
    lines[number] = replace(lines[number], **changes)
    return replace(evidence, lines=lines)


def written(evidence: Evidence, number: int, **changes: Any) -> Evidence:
    """ConnectWise holds it otherwise."""
    history = list(evidence.history)
    history[number] = effect(number + 1, LINES[number], **changes)
    return replace(evidence, history=history)


def also(evidence: Evidence, *effects: Effect) -> Evidence:
    """More has happened in ConnectWise."""
    return replace(evidence, history=[*evidence.history, *effects])


GOOD = Evidence(
    accepted=LINES,
    history=[effect(1, LINES[0]), effect(2, LINES[1])],
    operations=[
        Said("addition/1", 11, "confirmed", 1, ("Line 1",)),
        Said("addition/2", 12, "confirmed", 2, ("Line 2",)),
    ],
    lines=[Row("Line 1", "synced", "", 1), Row("Line 2", "synced", "", 2)],
)
REFUSED = seen(
    replace(changed(GOOD, 1, state="rejected", remote_id=None, covers=()), history=GOOD.history[:1]),
    1,
    state="failed",
    reason="InvalidField",
    addition_id=None,
)
DOUBTED = replace(
    seen(changed(GOOD, 1, state="conflict"), 1, state="failed", reason="conflict", addition_id=None),
    questions={"conflict": frozenset({"addition/2"})},
    shown=Shown({"conflict": 1}, {"conflict": frozenset({"addition/2"})}),
)


def patched(*places: int | None, state: str = "confirmed") -> Evidence:
    """Changes of one record, in the order in which they were queued, and where in the history each took effect."""
    was = GOOD.history[0].after or {}
    said, effects = [], []
    for number, place in enumerate(places, 1):
        said.append(Said(f"patch/{number}", 20 + number, state, 1, (), "patch", "", {"note": number}))
        if place is not None:
            after = {**was, "note": number}
            effects.append(effect(place, LINES[0], record_id=1, before=was, after=after))
    ordered = sorted(effects, key=lambda one: one.seq)
    return replace(GOOD, operations=[*GOOD.operations, *said], history=[*GOOD.history, *ordered])


def corrected(*seats: int, newest: Accepted, **changes: Any) -> Evidence:
    """Line 1 was written for ten seats, then corrected by so many, each time with an addition of its own."""
    word = "Correction" if newest.quantity else "Reversal"
    effects, said = [], []
    for number, more in enumerate(seats, 3):
        unit = Decimal(1).copy_sign(more)
        correction = {
            "quantity": Decimal(abs(more)),
            "unitPrice": unit * Decimal("20.3280"),
            "unitCost": unit * Decimal("18.48"),
            "invoiceDescription": f"{word}: Line 1: so much less",
        }
        effects.append(effect(number, LINES[0], **correction | changes))
        said.append(Said(f"addition/1/{number}", 20 + number, "confirmed", number, ("Line 1",), part="difference"))
    return replace(also(GOOD, *effects), accepted=(newest, LINES[1]), operations=[*GOOD.operations, *said])


def of_seats(seats: int) -> Accepted:
    """Line 1 as the supplier's next version has it."""
    price = (seats * Decimal("20.3280")).quantize(Decimal("0.01"))
    return LINES[0].then(replace(LINES[0], quantity=Decimal(seats), cost=seats * Decimal("18.48"), price=price))


VOIDED = corrected(-10, newest=LINES[0].voided())
NEVER_SENT = replace(
    seen(
        replace(changed(GOOD, 0, state="superseded", remote_id=None, covers=()), history=GOOD.history[1:]),
        0,
        state="ignored",
        reason="nothing",
        addition_id=None,
    ),
    accepted=(LINES[0].voided(), LINES[1]),
)


@pytest.mark.parametrize(
    "evidence",
    [
        GOOD,
        REFUSED,
        DOUBTED,
        patched(3, 4),
        patched(3, None, state="conflict"),
        corrected(1, newest=of_seats(11)),
        corrected(1, 1, newest=of_seats(11).then(of_seats(12))),
        VOIDED,
        NEVER_SENT,
    ],
    ids=["good", "refused", "doubt", "patched", "one patched", "corrected", "corrected twice", "void", "void unsent"],
)
def test_what_is_right_is_not_complained_about(evidence: Evidence) -> None:
    assert violations(evidence) == []


OFFICE = {"member": "office", "told": 201}
FORGED: list[tuple[str, Invariant, Evidence]] = [
    ("in doubt for ever", Invariant.ENDED, changed(GOOD, 1, state="ambiguous")),
    (
        "never sent",
        Invariant.ENDED,
        replace(changed(GOOD, 1, state="pending", remote_id=None), history=GOOD.history[:1]),
    ),
    ("refused and not told", Invariant.ENDED, seen(REFUSED, 1, state="queued", reason="")),
    ("refused without a reason", Invariant.ENDED, seen(REFUSED, 1, reason="")),
    ("refused and there", Invariant.ENDED, replace(REFUSED, history=GOOD.history)),
    ("a conflict told as written", Invariant.ENDED, seen(DOUBTED, 1, state="synced", reason="")),
    ("the line is gone", Invariant.ENDED, replace(GOOD, lines=GOOD.lines[:1])),
    ("two operations stand for it", Invariant.ENDED, changed(GOOD, 1, covers=("Line 2", "Line 1"))),
    ("confirmed and never there", Invariant.ENDED, replace(GOOD, history=GOOD.history[:1])),
    ("billed twice", Invariant.ONCE, also(GOOD, effect(3, LINES[1]))),
    (
        "billed twice and deleted again",
        Invariant.ONCE,
        also(GOOD, effect(3, LINES[1]), effect(3, LINES[1], after=None, before={})),
    ),
    ("billed and not accepted", Invariant.ONCE, replace(GOOD, accepted=LINES[:1])),
    ("a cent too much", Invariant.CONTENT, written(GOOD, 1, unitPrice=Decimal("20.3290"))),
    ("a cent too little cost", Invariant.CONTENT, written(GOOD, 1, unitCost=Decimal("18.479"))),
    ("another agreement", Invariant.CONTENT, written(GOOD, 1, agreementId=2)),
    ("another product", Invariant.CONTENT, written(GOOD, 1, product={"id": 502})),
    ("another quantity", Invariant.CONTENT, written(GOOD, 1, quantity=Decimal(9))),
    ("a day early", Invariant.CONTENT, written(GOOD, 1, effectiveDate="2026-11-30T00:00:00Z")),
    ("a day longer", Invariant.CONTENT, written(GOOD, 1, cancelledDate="2027-01-01T00:00:00Z")),
    (
        "edited in the office and confirmed",
        Invariant.CONTENT,
        also(GOOD, effect(3, LINES[1], record_id=2, before={}, unitPrice=Decimal(1), member="office")),
    ),
    ("one addition for two", Invariant.BIJECTION, seen(changed(GOOD, 1, remote_id=1), 1, addition_id=1)),
    ("an id that is not there", Invariant.BIJECTION, seen(changed(GOOD, 1, remote_id=9), 1, addition_id=9)),
    ("another id is told", Invariant.BIJECTION, seen(GOOD, 1, addition_id=1)),
    ("out of order", Invariant.ORDER, patched(4, 3)),
    ("a change that never took effect", Invariant.ORDER, patched(3, None)),
    ("a change once more", Invariant.ORDER, also(patched(3, 4), patched(5).history[-1])),
    ("a change by nobody", Invariant.ORDER, replace(patched(3), operations=GOOD.operations)),
    ("corrected twice", Invariant.ONCE, corrected(1, 1, newest=of_seats(11))),
    ("not accepted and corrected", Invariant.ONCE, corrected(1, newest=LINES[0])),
    ("billed anew instead of corrected", Invariant.ONCE, also(VOIDED, effect(4, LINES[0]))),
    ("not corrected", Invariant.CONTENT, corrected(newest=of_seats(11))),
    ("corrected too much", Invariant.CONTENT, corrected(2, newest=of_seats(11))),
    ("corrected elsewhere", Invariant.CONTENT, corrected(1, newest=of_seats(11), agreementId=2)),
    ("void and still billed", Invariant.CONTENT, corrected(newest=LINES[0].voided())),
    ("void and billed the wrong way", Invariant.CONTENT, corrected(10, newest=LINES[0].voided())),
    ("a reversal never sent", Invariant.ENDED, changed(VOIDED, 2, state="pending", remote_id=None)),
    ("a reversal of nothing", Invariant.BIJECTION, changed(VOIDED, 2, remote_id=9)),
    ("not settled", Invariant.SETTLED, replace(GOOD, settled_after=None)),
    ("settled late", Invariant.SETTLED, replace(GOOD, settled_after=10.1)),
    ("not in the API", Invariant.VISIBLE, replace(DOUBTED, shown=Shown({"conflict": 1}))),
    (
        "not in the metric",
        Invariant.VISIBLE,
        replace(DOUBTED, shown=Shown({}, {"conflict": frozenset({"addition/2"})})),
    ),
]


@pytest.mark.parametrize(("broken", "evidence"), [one[1:] for one in FORGED], ids=[one[0] for one in FORGED])
def test_each_forged_history_breaks_its_invariant(broken: Invariant, evidence: Evidence) -> None:
    assert broken in {one.invariant for one in violations(evidence)}


def test_every_invariant_is_forged() -> None:
    assert {broken for _, broken, _ in FORGED} == set(Invariant)


@pytest.mark.parametrize(
    "there", [effect(3, LINES[1], **OFFICE), effect(3, LINES[1], told="office")], ids=["by hand", "by its copy"]
)
def test_what_the_office_adds_is_no_effect_of_ours(there: Effect) -> None:
    assert violations(also(GOOD, there)) == []


def test_a_failed_judgement_says_seed_timeline_and_how_to_run_it_alone() -> None:
    evidence = replace(also(GOOD, effect(3, LINES[1])), attempts={"addition/2": ["07:43 attempt 1: ambiguous 504"]})
    said = report(evidence, violations(evidence), "504_after", 7, "pytest --seeds 7 one")
    for part in (
        "504_after, seed 7",
        "I2",
        "addition 3 made by public",
        "attempt 1: ambiguous 504",
        "alone: pytest --seeds 7 one",
    ):
        assert part in said
    assert "Line 1" not in said
