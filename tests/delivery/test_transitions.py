"""The state machine as a pure function: what may follow from what, for every fact there is."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.operations import Kind, State
from delivery.transitions import (
    NOT_FOUND_WAIT,
    SHORT_WAIT,
    Abandoned,
    Adopted,
    Answered,
    Claimed,
    Fact,
    GivenBack,
    Hit,
    ImpossibleError,
    Next,
    NotThere,
    Read,
    transition,
)
from httpkit import Outcome

WRITES = st.sampled_from([Kind.CREATE, Kind.PATCH])
texts = st.sampled_from(["", "code"])
hits = st.builds(Hit, st.integers(1, 9), st.booleans(), texts, st.booleans())
reads = st.builds(Read, st.lists(hits, max_size=3), texts, texts)
answers = st.builds(
    Answered,
    st.sampled_from(Outcome),
    st.sampled_from([None, 400, 401, 403, 404, 429, 500]),
    st.none() | st.integers(1, 9),
    texts,
    texts,
    st.none() | st.floats(0, 60),
    st.booleans(),
)
adopted = st.builds(Adopted, st.integers(1, 9))
facts = st.one_of(st.sampled_from([Claimed(), GivenBack(), Abandoned(), NotThere()]), reads, answers, adopted)

POSSIBLE = {
    (State.PENDING, Claimed),
    (State.PENDING, Read),
    (State.AMBIGUOUS, Claimed),
    (State.AMBIGUOUS, Read),
    (State.IN_FLIGHT, Answered),
    (State.IN_FLIGHT, GivenBack),
    (State.IN_FLIGHT, Abandoned),
    (State.CONFLICT, Adopted),
    (State.CONFLICT, NotThere),
}
DECISIONS = {Adopted, NotThere}


@given(st.sampled_from(State), st.sampled_from(Kind), facts)
def test_every_fact_has_one_consequence_or_is_impossible(state: State, kind: Kind, fact: Fact) -> None:
    if (state, type(fact)) in POSSIBLE:
        assert isinstance(transition(state, kind, fact), Next)
    else:
        with pytest.raises(ImpossibleError):
            transition(state, kind, fact)


@pytest.mark.parametrize("state", [state for state in State if state.is_terminal])
def test_nothing_follows_a_terminal_state_but_what_a_person_decides_of_a_conflict(state: State) -> None:
    assert {kind for owner, kind in POSSIBLE if owner is state} == (DECISIONS if state is State.CONFLICT else set())
    assert {fact for _, fact in POSSIBLE} == set(get_args(Fact))


@given(WRITES, adopted, reads)
def test_a_person_confirms_a_record_or_has_it_looked_for_again(kind: Kind, decision: Adopted, read: Read) -> None:
    after = transition(State.CONFLICT, kind, decision)
    assert (after.state, after.remote_id, after.send) == (State.CONFIRMED, decision.remote_id, False)
    again = transition(State.CONFLICT, kind, NotThere())
    assert (again.state, again.send) == (State.PENDING, False)
    if any(not hit.elsewhere for hit in read.hits):
        assert not transition(again.state, kind, read).send


@given(WRITES, reads)
def test_what_may_be_at_the_peer_is_sent_again_only_after_a_read_that_lacks_it(kind: Kind, read: Read) -> None:
    after = transition(State.AMBIGUOUS, kind, read)
    own = [hit for hit in read.hits if not hit.elsewhere]
    assert after.state is not State.PENDING
    assert after.send == (not own and not read.conflict and not read.overtaken and not read.closed)
    assert (after.state is State.AMBIGUOUS) == after.send


@given(WRITES, answers)
def test_an_uncertain_answer_always_leads_to_a_quarantine(kind: Kind, answer: Answered) -> None:
    after = transition(State.IN_FLIGHT, kind, answer)
    assert (after.state is State.AMBIGUOUS) == (answer.outcome is Outcome.AMBIGUOUS)
    assert transition(State.IN_FLIGHT, kind, Abandoned()).state is State.AMBIGUOUS


@given(st.sampled_from(Kind), answers)
def test_only_a_good_answer_confirms(kind: Kind, answer: Answered) -> None:
    after = transition(State.IN_FLIGHT, kind, answer)
    assert (after.state is State.CONFIRMED) == (answer.outcome is Outcome.OK)
    assert not after.send


@given(st.sampled_from([State.PENDING, State.AMBIGUOUS]), WRITES, reads)
def test_a_read_confirms_exactly_one_equal_record_of_our_own(state: State, kind: Kind, read: Read) -> None:
    own = [hit for hit in read.hits if not hit.elsewhere]
    after = transition(state, kind, read)
    assert (after.state is State.CONFIRMED) == (len(own) == 1 and own[0].equal)
    if len(own) > 1 or any(not hit.equal for hit in own):
        assert after.state is State.CONFLICT


@given(st.sampled_from([State.PENDING, State.AMBIGUOUS]), WRITES, st.lists(hits, max_size=3), texts, texts)
def test_copies_elsewhere_change_nothing(
    state: State, kind: Kind, found: list[Hit], conflict: str, closed: str
) -> None:
    here = [hit for hit in found if not hit.elsewhere]
    assert transition(state, kind, Read(found, conflict, closed=closed)) == transition(
        state, kind, Read(here, conflict, closed=closed)
    )


@given(answers)
def test_a_job_is_done_or_still_to_be_done(answer: Answered) -> None:
    assert transition(State.IN_FLIGHT, Kind.JOB, answer).state in (State.CONFIRMED, State.PENDING)
    assert transition(State.IN_FLIGHT, Kind.JOB, Abandoned()).state is State.PENDING


def test_a_job_that_the_peer_refuses_waits_for_a_person() -> None:
    refused = Answered(Outcome.REJECTED, status=400, code="InvalidVersion", message="no such version")
    after = transition(State.IN_FLIGHT, Kind.JOB, refused)
    assert (after.state, after.pause, after.message) == (State.PENDING, "lane", "no such version")


@given(WRITES, answers)
def test_whatever_goes_back_to_pending_waits_or_pauses(kind: Kind, answer: Answered) -> None:
    after = transition(State.IN_FLIGHT, kind, answer)
    if after.state is State.PENDING:
        assert after.wait > 0 or after.pause
        assert after.pause in ("", "lane", "tenant")


@pytest.mark.parametrize(
    ("answer", "state", "pause", "wait"),
    [
        (Answered(Outcome.NOT_SENT), State.PENDING, "", SHORT_WAIT),
        (Answered(Outcome.THROTTLED, 429, retry_after=7.0), State.PENDING, "", 7.0),
        (Answered(Outcome.THROTTLED, 429), State.PENDING, "", SHORT_WAIT),
        (Answered(Outcome.CONFIG, 401), State.PENDING, "tenant", 0.0),
        (Answered(Outcome.CONFIG, 403), State.PENDING, "lane", 0.0),
        (Answered(Outcome.NOT_FOUND, 404), State.PENDING, "", NOT_FOUND_WAIT),
        (Answered(Outcome.NOT_FOUND, 404, again=True), State.PENDING, "lane", NOT_FOUND_WAIT),
        (Answered(Outcome.REJECTED, 400, code="invalid"), State.REJECTED, "", 0.0),
        (Answered(Outcome.AMBIGUOUS, 500), State.AMBIGUOUS, "", 0.0),
        (Answered(Outcome.OK, 201, remote_id=4), State.CONFIRMED, "", 0.0),
    ],
)
def test_answers_lead_where_the_table_says(answer: Answered, state: State, pause: str, wait: float) -> None:
    after = transition(State.IN_FLIGHT, Kind.CREATE, answer)
    assert (after.state, after.pause, after.wait) == (state, pause, wait)


def test_a_closed_lane_still_confirms_what_is_there() -> None:
    there = Read([Hit(5, equal=True)], closed="the agreement was cancelled")
    assert transition(State.AMBIGUOUS, Kind.CREATE, there).state is State.CONFIRMED
    assert transition(State.AMBIGUOUS, Kind.CREATE, Read(closed="cancelled")).state is State.STALE


def test_a_conflict_says_what_is_there() -> None:
    several = transition(State.PENDING, Kind.CREATE, Read([Hit(5, equal=True), Hit(6, equal=True)]))
    assert (several.state, several.reason, several.message) == (
        State.CONFLICT,
        "several",
        "our marker is there more than once: 5, 6",
    )
    differs = transition(State.PENDING, Kind.CREATE, Read([Hit(5, equal=False, detail="quantity 3")]))
    assert (differs.remote_id, differs.reason, differs.message) == (5, "differs", "quantity 3")


def test_coverage_is_released_only_where_nothing_was_or_will_be_written() -> None:
    assert {state for state in State if not state.covers} == {State.REJECTED, State.STALE, State.SUPERSEDED}
