"""Which calls are made again, how often, and after how long."""

import asyncio
from random import Random

import pytest

from httpkit import ApiError, Limiter, Outcome, RetryPolicy
from httpkit.retry import RetryBudget
from tests.httpkit.caller import UNLIMITED, failure, talking_to
from tests.httpkit.peer import Behaviour, in_turn, reply, reset, silence
from tests.httpkit.turned_clock import TurnedClock

THROTTLED = reply(429, {"error": "ConnectWiseAPI", "message": "Too many requests."}, headers={"retry-after": "7"})


@pytest.mark.parametrize("behaviour", [reply(500, {}), reply(429, {}, headers={"retry-after": "0"}), reset])
async def test_post_is_never_sent_twice(behaviour: Behaviour) -> None:
    async with talking_to(behaviour) as (there, http):
        await failure(http)
        with pytest.raises(ValueError, match="a POST exactly one"):
            await http.request("POST", "/additions", attempts=2)
        with pytest.raises(ValueError, match="a POST exactly one"):
            await http.request("post", "/additions", attempts=2)
    assert len(there.asked) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_safe_call_is_repeated_until_it_succeeds(method: str) -> None:
    async with talking_to(in_turn(reply(503, {}), reset, reply(200, {"id": 1}))) as (there, http):
        answer = await http.request(method, "/agreements")
    assert answer.json == {"id": 1}
    assert [asked.method for asked in there.asked] == [method] * 3


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_call_with_one_attempt_is_sent_once(method: str) -> None:
    async with talking_to(reply(503, {})) as (there, http):
        await failure(http, method, attempts=1)
    assert len(there.asked) == 1


@pytest.mark.parametrize(("attempts", "sent"), [(None, 1), (3, 3)])
async def test_patch_is_repeated_only_where_its_caller_can_verify_it(attempts: int | None, sent: int) -> None:
    async with talking_to(reply(503, {})) as (there, http):
        await failure(http, "PATCH", attempts=attempts)
    assert len(there.asked) == sent


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 422])
async def test_refusals_and_redirects_are_not_repeated(status: int) -> None:
    async with talking_to(reply(status, {})) as (there, http):
        await failure(http, "GET")
    assert len(there.asked) == 1


async def test_throttled_call_waits_as_long_as_it_was_told_and_then_a_little() -> None:
    clock = TurnedClock()
    limiter = Limiter(UNLIMITED, clock=clock)
    retry = RetryPolicy(first_wait=2.0)
    behaviour = in_turn(THROTTLED, reply(200, {}))
    async with talking_to(behaviour, limiter=limiter, clock=clock, retry=retry) as (there, http):
        call = asyncio.create_task(http.request("GET", "/agreements"))
        async with asyncio.timeout(5):
            while limiter.share == 1.0:  # noqa: ASYNC110 (the answer comes over a socket)
                await asyncio.sleep(0.001)
        await clock.turn(7.9)
        assert len(there.asked) == 1
        await clock.turn(1.2)
        assert (await call).status == 200
    assert len(there.asked) == 2


async def test_throttled_site_is_quiet_for_all_its_callers() -> None:
    clock = TurnedClock()
    limiter = Limiter(UNLIMITED, clock=clock)
    behaviour = in_turn(THROTTLED, reply(200, {}))
    async with talking_to(behaviour, limiter=limiter, clock=clock, deadline=30.0) as (there, http):
        await failure(http)
        other = asyncio.create_task(http.request("GET", "/agreements"))
        await clock.turn(6.9)
        assert len(there.asked) == 1
        await clock.turn(0.2)
        await other
    assert len(there.asked) == 2


async def test_each_attempt_has_the_whole_deadline() -> None:
    async with talking_to(in_turn(silence, reply(200, {})), deadline=0.3) as (_, http):
        assert (await http.request("GET", "/additions")).status == 200


async def test_call_that_was_not_admitted_is_not_repeated() -> None:
    """It has waited already."""
    limiter = Limiter(UNLIMITED, concurrency=1)
    async with (
        talking_to(reply(200, {}), limiter=limiter, retry=RetryPolicy(first_wait=60.0)) as (_, http),
        limiter.admitted(0),
        asyncio.timeout(5),
    ):
        assert (await failure(http, "GET", admit_within=0.0)).code == "call_budget_spent"


async def test_no_attempt_begins_after_the_time_of_the_whole_call() -> None:
    async with talking_to(reply(503, {}), retry=RetryPolicy(seconds=0.2, first_wait=0.5)) as (there, http):
        await failure(http, "GET")
    assert len(there.asked) == 1


async def test_peer_in_trouble_is_not_buried_under_repetitions() -> None:
    """A tenth of the calls, and the reserve of twenty."""
    async with talking_to(reply(503, {}), retry=RetryPolicy(attempts=4, first_wait=0.0001)) as (there, http):
        for _ in range(60):
            await failure(http, "GET")
    assert 60 + 20 <= len(there.asked) <= 60 + 20 + 6


def test_budget_is_earned_by_calls_and_has_an_end() -> None:
    budget = RetryBudget(reserve=2.0)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(1000):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_waits_double_are_spread_and_have_a_bound() -> None:
    policy = RetryPolicy(first_wait=1.0, longest_wait=8.0)
    lost = ApiError(Outcome.AMBIGUOUS, "answer_lost", "")
    random = Random(7)  # noqa: S311 - jitter
    for attempt, longest in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (9, 8.0)]:
        waits = [policy.wait(attempt, lost, random) for _ in range(200)]
        assert longest / 2 <= min(waits) < 0.6 * longest
        assert 0.9 * longest < max(waits) <= longest


def test_wait_is_never_shorter_than_the_peer_asks() -> None:
    throttled = ApiError(Outcome.THROTTLED, "http_429", "", retry_after=30.0)
    assert RetryPolicy().wait(1, throttled, Random(7)) > 30.0  # noqa: S311 - jitter


async def test_attempt_that_was_lost_is_told_with_the_refusal_of_its_repeat() -> None:
    async with talking_to(in_turn(reset, reply(429, {}, headers={"retry-after": "0"}), reply(409, {}))) as (_, http):
        error = await failure(http, "DELETE")
    assert error.outcome is Outcome.REJECTED
    assert error.lost is not None
    assert error.lost.outcome is Outcome.AMBIGUOUS
