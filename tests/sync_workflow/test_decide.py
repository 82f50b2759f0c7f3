"""What follows from the facts of a run, in whatever order they come."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.values import Currency, DocumentId
from sync_workflow.domain import view
from sync_workflow.domain.run import (
    Amended,
    Approval,
    Command,
    Document,
    Fact,
    Order,
    ReconcileAsked,
    Report,
    Run,
    StepName,
    StepState,
    decide,
)
from sync_workflow.domain.view import RunState


def document(lines: int = 10, **changes: Any) -> Document:
    told: dict[str, Any] = {
        "version": 1,
        "number": "G1",
        "file": "recon.csv",
        "cost_total": Decimal(100),
        "tied": False,
    }
    told |= changes
    return Document(DocumentId(told.pop("document_id", "d-1")), currency=Currency("USD"), lines=lines, **told)


def lines(version: int, *, total: int = 10, **counts: int) -> Report:
    waiting = counts.get("waiting", 0)
    state = StepState.RUNNING if waiting else StepState.DONE
    return Report(version, StepName.LINES, state, total - waiting, total, counts)


def write(version: int, done: int, total: int, failed: int = 0) -> Report:
    state = StepState.DONE if done == total else StepState.RUNNING
    return Report(version, StepName.WRITE, state, done, total, {"failed": failed})


def reconcile(version: int, state: StepState = StepState.DONE) -> Report:
    return Report(version, StepName.RECONCILE, state, 2, 2, message="2 agreements read back")


def follow(facts: Sequence[Fact]) -> tuple[Run, list[Command]]:
    run, given_ = Run(), list[Command]()
    for fact in facts:
        run, commands = decide(run, fact)
        given_.extend(commands)
    return run, given_


def orders(commands: Sequence[Command]) -> list[Order]:
    return [command.order for command in commands]


READY: list[Fact] = [document(), lines(1, held=2, ready=8)]
APPROVED: list[Fact] = [*READY, Approval(1, "ines")]
WRITTEN: list[Fact] = [*APPROVED, lines(2, held=2, pushed=8), write(3, 3, 8), write(4, 8, 8)]
CLOSED: list[Fact] = [*WRITTEN, reconcile(5)]


@pytest.mark.requirement("R103")
def test_ready_lines_wait_for_one_approval() -> None:
    run, commands = follow(READY)
    assert view.state(run) is RunState.NEEDS_APPROVAL
    assert not commands
    approve = next(step for step in view.steps(run) if step.step is StepName.APPROVE)
    assert (approve.state, approve.message) == (StepState.BLOCKED, "8 lines are ready and wait for approval")

    run, commands = follow(APPROVED)
    assert view.state(run) is RunState.RUNNING
    assert commands == [Command(Order.APPROVE, "ines")]


def test_once_written_it_is_read_back_once_and_closed() -> None:
    run, commands = follow(WRITTEN)
    assert view.state(run) is RunState.RUNNING
    assert orders(commands) == [Order.APPROVE, Order.RECONCILE]
    run, commands = follow([*CLOSED, *WRITTEN, *CLOSED])
    assert view.state(run) is RunState.CLOSED_WITH_HELD
    assert orders(commands) == [Order.APPROVE, Order.RECONCILE]


def test_without_held_lines_it_is_closed() -> None:
    facts: list[Fact] = [document(1), lines(1, total=1, ready=1), Approval(1, "ines"), lines(2, total=1, pushed=1)]
    run, _ = follow([*facts, write(2, 1, 1), reconcile(3)])
    assert view.state(run) is RunState.CLOSED


def test_all_held_closes_without_an_approval() -> None:
    run, commands = follow([document(), lines(1, held=10)])
    assert orders(commands) == [Order.RECONCILE]
    assert view.state(follow([document(), lines(1, held=10), reconcile(2)])[0]) is RunState.CLOSED_WITH_HELD
    assert {step.state for step in view.steps(run) if step.step in (StepName.APPROVE, StepName.WRITE)} == {
        StepState.DONE
    }


def test_a_freed_line_opens_a_closed_run_again() -> None:
    freed: list[Fact] = [*CLOSED, lines(6, held=1, ready=1, pushed=8)]
    run, _ = follow(freed)
    assert view.state(run) is RunState.NEEDS_APPROVAL

    again: list[Fact] = [*freed, Approval(6, "ines"), lines(7, held=1, pushed=9), write(7, 8, 9)]
    assert view.state(follow(again)[0]) is RunState.RUNNING
    run, commands = follow([*again, write(8, 9, 9)])
    assert view.state(run) is RunState.RUNNING, "the proof is of before"
    assert orders(commands) == [Order.APPROVE, Order.RECONCILE] * 2
    assert view.state(follow([*again, write(8, 9, 9), reconcile(9)])[0]) is RunState.CLOSED_WITH_HELD


def test_a_retried_line_is_read_back_too() -> None:
    failed: list[Fact] = [*APPROVED, lines(2, held=2, pushed=7, failed=1), write(2, 8, 8, failed=1), reconcile(3)]
    assert view.state(follow(failed)[0]) is RunState.CLOSED_WITH_HELD
    retried: list[Fact] = [*failed, lines(4, held=2, pushed=7, ready=1), write(4, 7, 7), Approval(4, "ines")]
    _, commands = follow([*retried, lines(5, held=2, pushed=8), write(5, 7, 8), write(6, 8, 8)])
    assert orders(commands) == [Order.APPROVE, Order.RECONCILE] * 2


def test_the_same_files_again_close_by_themselves() -> None:
    run, commands = follow([document(new=False), lines(1, total=0)])
    assert view.state(run) is RunState.CLOSED
    assert not commands
    assert {step.state for step in view.steps(run)[3:]} == {StepState.DONE}


@pytest.mark.parametrize("seen", [0, 4])
def test_nothing_is_asked_or_closed_while_lines_are_still_arriving(seen: int) -> None:
    run, commands = follow([document(10), lines(1, total=seen, ready=seen)])
    assert view.state(run) is RunState.RUNNING
    assert not commands
    step = view.steps(run)[3]
    assert (step.state, step.message) == (StepState.RUNNING, "lines are still arriving")


def test_lines_that_moved_to_a_later_run_are_not_waited_for() -> None:
    facts: list[Fact] = [document(10), lines(1, total=6, ready=6)]
    assert view.state(follow(facts)[0]) is RunState.RUNNING
    assert view.state(follow([*facts, Amended(DocumentId("d-1"), 2)])[0]) is RunState.NEEDS_APPROVAL


def test_a_report_on_writing_that_is_older_than_the_lines_settles_nothing() -> None:
    _, commands = follow([*APPROVED, lines(2, held=2, pushed=8), Report(0, StepName.WRITE, StepState.WAITING)])
    assert orders(commands) == [Order.APPROVE]


def test_a_proof_that_fails_is_a_failed_run_until_it_holds() -> None:
    assert view.state(follow([*WRITTEN, reconcile(5, StepState.FAILED)])[0]) is RunState.FAILED
    assert view.state(follow([*WRITTEN, reconcile(5, StepState.FAILED), reconcile(6)])[0]) is RunState.CLOSED_WITH_HELD


def test_an_approval_twice_is_one_command() -> None:
    _, commands = follow([*APPROVED, Approval(1, "noor")])
    assert orders(commands) == [Order.APPROVE]


def test_a_person_can_have_it_read_back_at_any_time() -> None:
    run, _ = follow(CLOSED)
    assert decide(run, ReconcileAsked("ines")) == (run, [Command(Order.RECONCILE, "ines")])


counts = st.fixed_dictionaries({name: st.integers(0, 3) for name in ("ready", "held", "pushed", "failed", "waiting")})
versions = st.integers(1, 6)
facts_ = st.one_of(
    st.builds(document, lines=st.integers(0, 6), document_id=st.sampled_from(["d-1", "d-2"]), new=st.booleans()),
    st.builds(lambda version, total, said: lines(version, total=total, **said), versions, st.integers(0, 9), counts),
    st.builds(write, versions, st.integers(0, 3), st.integers(0, 3), st.integers(0, 1)),
    st.builds(reconcile, versions, st.sampled_from(StepState)),
    st.builds(Approval, versions, st.sampled_from(["ines", "noor"])),
    st.builds(Amended, st.just(DocumentId("d-1")), st.integers(1, 3)),
)


@given(st.data(), st.lists(facts_, max_size=12))
def test_any_order_and_repetition_of_facts_ends_the_same(data: st.DataObject, facts: list[Fact]) -> None:
    repeated: list[Fact] = facts + data.draw(st.lists(st.sampled_from(facts), max_size=6) if facts else st.just([]))
    shuffled = data.draw(st.permutations(repeated))
    one, _ = follow(facts)
    other, _ = follow(shuffled)
    assert (view.state(one), view.steps(one), one.documents) == (view.state(other), view.steps(other), other.documents)


@given(st.lists(facts_, max_size=20))
def test_a_settled_run_was_read_back_once_for_each_time_more_was_written(facts: list[Fact]) -> None:
    run, commands = follow(facts)
    by_itself = [command for command in commands if command.order is Order.RECONCILE]
    if run.is_settled and not run.is_empty:
        assert run.asked is not None
        assert run.asked >= run.written.lines
    assert len(by_itself) <= 1 + run.written.lines
