"""Deletions: repeated while nobody knows, and a 404 on the repeat is believed only with reason."""

import asyncio

import pytest

from httpkit import ApiError, Outcome
from tests.connectwise.site import BASE, calls, connected
from tests.httpkit.peer import Asked, Behaviour, in_turn, reply, reset

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
