"""Deletions: repeated while nobody knows, and a 404 on the repeat is believed only with reason."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from httpkit import ApiError, Breaker, Outcome, RetryPolicy
from httpkit.retry import RetryBudget
from tests.connectwise.site import BASE, calls, client, connected, site
from tests.httpkit.peer import Asked, Behaviour, in_turn, peer, reply, reset

GONE = reply(404, {"code": "NotFound", "message": "gone"})
DONE = reply(204, raw=b"")
LIST = reply(200, [], headers={"link": ""})
PATH = f"{BASE}/finance/agreements/3/additions"


def deleting(*answers: Behaviour, reading: Behaviour = LIST) -> Behaviour:
    told = in_turn(*answers)

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (told if asked.method == "DELETE" else reading)(asked, writer)

    return behave


async def test_deletion_is_one_call() -> None:
    async with connected(deleting(DONE)) as (psa, there):
        await psa.additions(3).delete(77)
    assert [(asked.method, asked.target, asked.body) for asked in calls(there)] == [("DELETE", f"{PATH}/77", b"")]


async def test_record_that_never_was_is_not_found() -> None:
    async with connected(deleting(GONE)) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).delete(77)
    assert caught.value.outcome is Outcome.NOT_FOUND
    assert len(calls(there)) == 1


async def test_repeat_that_finds_nothing_after_a_lost_answer_is_done() -> None:
    for lost in (reset, reply(500, {}), reply(200, raw=b"<html>")):
        async with connected(deleting(lost, GONE)) as (psa, there):
            await psa.additions(3).delete(77)
        assert [(asked.method, asked.path) for asked in calls(there)] == [
            ("DELETE", f"{PATH}/77"),
            ("DELETE", f"{PATH}/77"),
            ("GET", PATH),
        ]


async def test_repeat_that_finds_nothing_after_a_clear_refusal_is_not_found() -> None:
    throttled = reply(429, {"error": "ConnectWiseAPI", "message": "wait"}, headers={"retry-after": "0"})
    async with connected(deleting(throttled, GONE)) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).delete(77)
    assert caught.value.outcome is Outcome.NOT_FOUND


async def test_not_found_of_a_refused_key_is_not_taken_for_done() -> None:
    async with connected(deleting(reset, GONE, reading=GONE)) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).delete(77)
    assert caught.value.outcome is Outcome.AMBIGUOUS


@pytest.mark.parametrize("second", [reply(401, {}), reply(409, {}), reset])
async def test_lost_attempt_stays_in_doubt_whatever_the_next_one_says(second: Behaviour) -> None:
    async with connected(deleting(reset, second)) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).delete(77)
    assert caught.value.outcome is Outcome.AMBIGUOUS


async def test_record_in_use_is_kept() -> None:
    async with connected(deleting(reply(409, {"code": "InUse", "message": "in use"}))) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).delete(77)
    assert caught.value.outcome is Outcome.REJECTED
    assert len(calls(there)) == 1


async def test_one_attempt_is_one_call() -> None:
    async with connected(deleting(reset, DONE)) as (psa, there):
        with pytest.raises(ApiError):
            await psa.additions(3).delete(77, attempts=1)
    assert len(calls(there)) == 1


async def test_deletion_ends_where_a_read_would_when_the_site_asks_for_a_long_pause() -> None:
    pause = reply(429, {}, headers={"retry-after": "600"})
    for method in ("get", "delete"):
        async with peer(site(pause)) as there, client(there.url, retry=RetryPolicy()) as psa:
            with pytest.raises(ApiError) as caught:
                await asyncio.wait_for(getattr(psa.additions(3), method)(77), 5)
            assert (caught.value.outcome, caught.value.retry_after) == (Outcome.THROTTLED, 600.0)
        assert len(calls(there)) == 1


async def test_no_attempt_of_a_deletion_begins_after_the_time_of_the_whole_call() -> None:
    retry = RetryPolicy(seconds=0.2, first_wait=0.5)
    async with peer(site(reply(503, {}))) as there, client(there.url, retry=retry) as psa:
        with pytest.raises(ApiError):
            await psa.additions(3).delete(77)
    assert len(calls(there)) == 1


async def test_repeats_of_deletions_come_out_of_the_budget_of_all_repeats_and_are_counted() -> None:
    def repeats() -> float:
        labels = {"api": "connectwise", "outcome": "ambiguous"}
        return REGISTRY.get_sample_value("httpkit_retries_total", labels) or 0.0

    before = repeats()
    async with peer(site(reply(503, {}))) as there, client(there.url, breaker=Breaker(failures=1000)) as psa:
        psa._api._budget = RetryBudget(reserve=3.0)
        for _ in range(3):
            with pytest.raises(ApiError):
                await psa.additions(3).delete(77)
    assert len(calls(there)) == 3 + 3
    assert repeats() == before + 3
