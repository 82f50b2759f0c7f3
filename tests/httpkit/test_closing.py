"""A client that is closed while calls are under way: each ends at once, and says what is certain of it."""

import asyncio

import pytest

from httpkit import ApiError, HttpClient, Limiter, Outcome
from tests.httpkit.caller import UNLIMITED, failure, talking_to
from tests.httpkit.peer import silence


async def outcome_of(http: HttpClient, method: str = "POST") -> tuple[Outcome, str]:
    error = await failure(http, method)
    return error.outcome, error.code


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_call_after_closing_is_not_sent(method: str) -> None:
    async with talking_to(silence) as (there, http):
        await http.aclose()
        assert await outcome_of(http, method) == (Outcome.NOT_SENT, "client_closed")
    assert there.connections == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_call_that_was_sent_is_ambiguous_and_not_repeated(method: str) -> None:
    async with talking_to(silence) as (there, http):
        call = asyncio.create_task(outcome_of(http, method))
        await there.was_asked.wait()
        await http.aclose()
        assert await call == (Outcome.AMBIGUOUS, "answer_lost")
    assert len(there.asked) == 1


async def test_call_that_waits_for_its_turn_is_not_sent() -> None:
    limiter = Limiter(UNLIMITED, concurrency=1)
    async with talking_to(silence, limiter=limiter) as (there, http):
        first, second = (asyncio.create_task(outcome_of(http)) for _ in range(2))
        await there.was_asked.wait()
        await http.aclose()
        assert await first == (Outcome.AMBIGUOUS, "answer_lost")
        assert await second == (Outcome.NOT_SENT, "client_closed")
    assert len(there.asked) == 1


async def test_call_that_waits_for_a_connection_is_not_sent_nor_cancelled() -> None:
    """aiohttp ends the wait by a cancellation that nobody has asked for, which a task group would swallow."""
    async with talking_to(silence, max_connections=1) as (there, http):
        first, second = (asyncio.create_task(outcome_of(http)) for _ in range(2))
        await there.was_asked.wait()
        await http.aclose()
        assert await first == (Outcome.AMBIGUOUS, "answer_lost")
        assert await second == (Outcome.NOT_SENT, "connection_failed")
    assert len(there.asked) == 1


async def test_caller_that_is_cancelled_as_the_client_is_closed_is_cancelled() -> None:
    async with talking_to(silence, max_connections=1) as (there, http):
        first, second = (asyncio.create_task(http.request("POST", "/additions")) for _ in range(2))
        await there.was_asked.wait()
        second.cancel()
        await http.aclose()
        with pytest.raises(asyncio.CancelledError):
            await second
        with pytest.raises(ApiError):
            await first
