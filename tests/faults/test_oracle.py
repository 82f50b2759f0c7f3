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


def patched(first: int, second: int) -> Evidence:
    """Two changes of one record, queued as 4 and then 5, that came to be in these places."""
    said = [
        Said(f"patch/{number}", 20 + number, "confirmed", 1, (), "patch", "record-1", {"note": number})
        for number in (1, 2)
    ]
    was = GOOD.history[0].after or {}
    effects = [
        effect(place, LINES[0], record_id=1, before=was, after={**was, "note": number})
        for number, place in ((1, first), (2, second))
    ]
    ordered = sorted(effects, key=lambda one: one.seq)
    return replace(GOOD, operations=[*GOOD.operations, *said], history=[*GOOD.history, *ordered])


@pytest.mark.parametrize(
    "evidence", [GOOD, REFUSED, DOUBTED, patched(3, 4)], ids=["good", "refused", "doubt", "patched"]
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
