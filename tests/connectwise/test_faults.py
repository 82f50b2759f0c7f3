"""The client against every kind of fault that the simulator knows: what it says fits what really happened.

A kind that is new there fails here until somebody says what the client must make of it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

import pytest

from connectwise import Addition, AdditionChange, NewAddition, Ref
from connectwise_simulator.peers.faults import KINDS
from connectwise_simulator.world import World
from httpkit import Answer, ApiError, Outcome
from httpkit.connections import Call
from tests.connectwise.rehearsal import MONTHLY, SEAT, Rehearsal, alone, rehearsing
from tests.connectwise.site import watchers

DEADLINE = 0.2  # where only it ends a call; elsewhere a slow machine must not bring it about
LATE = 0.3  # after the client's deadline
MARKER = "K5XW6ZLTON2GK3DMMFRGK4TJNZSXG4ZA"


@dataclass(frozen=True, slots=True)
class Made:
    """What one attempt at a write must come to: what the client says, and how often the site has done it."""

    outcome: Outcome
    applied: bool
    on_patch: Outcome | None = None  # where a patch, which is verified, says something else
    delay: float = 0.0
    comes_before: bool = False  # the fault strikes the call before and spoils the connection, or the port, for this one
    waits: bool = False  # nothing comes back until the client gives up
    lasts: bool = False  # a repeat does not help while the fault lasts


NOT_MADE = Made(Outcome.AMBIGUOUS, applied=False)
LOST = Made(Outcome.AMBIGUOUS, applied=True)

EXPECTED = {
    "refuse_429": Made(Outcome.THROTTLED, applied=False),
    "401": Made(Outcome.CONFIG, applied=False, lasts=True),
    "403": Made(Outcome.CONFIG, applied=False, lasts=True),
    "500_before": NOT_MADE,
    "pool_before": NOT_MADE,
    "502_before": NOT_MADE,
    "503_before": NOT_MADE,
    "html_before": NOT_MADE,
    "reset_before": NOT_MADE,
    "silent_before": Made(Outcome.AMBIGUOUS, applied=False, waits=True),
    "garbage_before": NOT_MADE,
    "500_after": LOST,
    "pool_after": LOST,
    "502_after": LOST,
    "504_after": LOST,
    "html": LOST,
    "reset_after": LOST,
    "silent_after": Made(Outcome.AMBIGUOUS, applied=True, waits=True),
    "truncated": LOST,
    "garbage": LOST,
    "empty": LOST,
    "not_json": LOST,
    # Nothing in the answer to a creation tells that its id is wrong; a read by the marker does, and so does a patch.
    "wrong_id": Made(Outcome.OK, applied=True, on_patch=Outcome.AMBIGUOUS),
    "foreign_marker": Made(Outcome.AMBIGUOUS, applied=True, on_patch=Outcome.OK),
    "list_lag": Made(Outcome.OK, applied=True),
    "slow": Made(Outcome.AMBIGUOUS, applied=True, delay=LATE, waits=True),
    "slow_answer": Made(Outcome.AMBIGUOUS, applied=True, delay=LATE, waits=True),
    "apply_late": Made(Outcome.AMBIGUOUS, applied=True, delay=LATE),
    "half_open": Made(Outcome.AMBIGUOUS, applied=False, comes_before=True, waits=True),
    "stale": Made(Outcome.AMBIGUOUS, applied=False, comes_before=True),
    "refused": Made(Outcome.NOT_SENT, applied=False, delay=1.0, comes_before=True, lasts=True),
    "reset_on_connect": Made(Outcome.AMBIGUOUS, applied=False, delay=1.0, comes_before=True, lasts=True),
    "black_hole": Made(Outcome.AMBIGUOUS, applied=False, delay=1.0, comes_before=True, lasts=True, waits=True),
}

HELPED = [kind for kind, expected in EXPECTED.items() if not expected.lasts]
"""Where a repeat of a safe call comes through when the fault strikes once."""


def test_every_kind_of_fault_has_an_expectation() -> None:
    assert set(EXPECTED) == set(KINDS)


Posts = list[Call]


@asynccontextmanager
async def struck(
    kind: str, method: str, simulated: tuple[World, str], *, order: dict[str, float] | None = None
) -> AsyncIterator[tuple[Rehearsal, Posts]]:
    """A site whose next call of this method goes wrong once, and the requests with it that left the client."""
    expected, left = EXPECTED[kind], Posts()

    def watch(call: Call, _: Answer | None) -> None:
        if call.method == method:
            left.append(call)

    has_own_port = expected.comes_before and expected.lasts
    deadline = DEADLINE if expected.waits else 10.0
    ground = alone(deadline=deadline) if has_own_port else rehearsing(*simulated, deadline=deadline)
    async with ground as there:
        when = {"path": "finance/billingCycles"} if expected.comes_before else {"path": "additions", "method": method}
        there.fault(kind, times=1, retry_after=0, delay=expected.delay, **when, **(order or {}))
        if has_own_port:  # the client knows the way, but has no open connection
            await there.psa.company_info()
            async with there.another_client() as other:
                await other.billing_cycles.list()
        elif expected.comes_before:
            await there.psa.billing_cycles.list()
        watchers.append(watch)
        try:
            yield there, left
        finally:
            watchers.remove(watch)


async def outcome_of(call: Awaitable[object]) -> Outcome:
    try:
        await call
    except ApiError as error:
        return error.outcome
    return Outcome.OK


async def settled(done: Callable[[], bool]) -> bool:
    """Whether it comes true within what the slowest fault takes."""
    for _ in range(100):
        if done():
            return True
        await asyncio.sleep(0.02)
    return done()


def addition() -> NewAddition:
    return NewAddition(product=Ref(id=SEAT), quantity=1, effective_date=date(2026, 4, 1), serial_number=MARKER)


@pytest.mark.parametrize("kind", KINDS)
async def test_creation_says_what_is_certain_and_is_sent_once(kind: str, simulated: tuple[World, str]) -> None:
    expected = EXPECTED[kind]
    async with struck(kind, "POST", simulated) as (there, posts):
        assert await outcome_of(there.psa.additions(MONTHLY).create(addition())) is expected.outcome
        if expected.applied:
            assert await settled(lambda: len(there.created()) == 1)
        assert [row["serialNumber"] for row in there.created()] == [MARKER] * expected.applied
        assert there.asked("POST") <= 1
        assert len(posts) <= 1


@pytest.mark.parametrize("kind", KINDS)
async def test_patch_in_one_attempt_says_what_is_certain(kind: str, simulated: tuple[World, str]) -> None:
    expected = EXPECTED[kind]
    async with struck(kind, "PATCH", simulated) as (there, patches):
        patch = there.psa.additions(MONTHLY).patch(900, AdditionChange(quantity=4), attempts=1)
        assert await outcome_of(patch) is (expected.on_patch or expected.outcome)
        if expected.applied:
            assert await settled(lambda: len(there.effects()) == 1)
        assert len(there.effects()) == expected.applied
        assert len(patches) <= 1


@pytest.mark.parametrize("kind", HELPED)
async def test_patch_comes_through_by_repeating(kind: str, simulated: tuple[World, str]) -> None:
    async with struck(kind, "PATCH", simulated) as (there, _):
        additions = there.psa.additions(MONTHLY)
        outcome = await outcome_of(additions.patch(900, AdditionChange(quantity=4)))
        # An answer that is read but shows another record is no reason to write again: somebody looks.
        assert outcome is (Outcome.AMBIGUOUS if kind == "wrong_id" else Outcome.OK)
        assert (await additions.get(900)).quantity == 4


@pytest.mark.parametrize("kind", HELPED)
async def test_read_comes_through_by_repeating(kind: str, simulated: tuple[World, str]) -> None:
    async with struck(kind, "GET", simulated) as (there, _):
        read: list[Addition] = []
        try:
            read.append(await there.psa.additions(MONTHLY).get(900))
        except ApiError as error:
            assert (kind, error.code) == ("wrong_id", "foreign_answer")  # noqa: PT017 - the only kind that may raise
        assert [one.id for one in read] == [900] * (kind != "wrong_id")
        found = await there.psa.additions(MONTHLY).list()
        assert [one.id for one in found] == [900]


@pytest.mark.parametrize("kind", HELPED)
async def test_deletion_comes_through_and_happens_once(kind: str, simulated: tuple[World, str]) -> None:
    async with struck(kind, "DELETE", simulated) as (there, _):
        await there.psa.additions(MONTHLY).delete(900)
        assert [effect.after for effect in there.effects()] == [None]
