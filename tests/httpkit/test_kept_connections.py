"""Connections that are used again: nothing is sent twice on them, and no call gets another one's answer."""

import asyncio
import socket

import pytest

from httpkit import HttpClient, Limiter, Outcome
from tests.httpkit.caller import UNLIMITED, failure, talking_to
from tests.httpkit.peer import Behaviour, in_turn, reply, reset, silence, written

METHODS = ["GET", "PUT", "DELETE", "PATCH", "POST"]
OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"content-length: 2\r\n\r\n{}"
FORGED = b'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"id":666}'


async def arrived(http: HttpClient) -> None:
    """Wait until bytes lie on the idle connection."""
    ((idle, _),) = next(iter(http._connections._session.connector._conns.values()))  # type: ignore[union-attr]
    async with asyncio.timeout(5):
        while not idle.should_close:  # noqa: ASYNC110 (what ends it is aiohttp's)
            await asyncio.sleep(0)


async def test_connection_is_kept() -> None:
    async with talking_to(reply(200, {})) as (there, http):
        for _ in range(3):
            await http.request("GET", "/agreements")
    assert there.connections == 1


@pytest.mark.parametrize("method", METHODS)
async def test_one_attempt_on_a_connection_that_breaks_is_one_request(method: str) -> None:
    """aiohttp on its own would send all but POST and PATCH again, on a new connection."""
    async with talking_to(in_turn(reply(200, {}), reset)) as (there, http):
        await http.request("GET", "/additions")
        error = await failure(http, method, attempts=1)
    assert error.outcome is Outcome.AMBIGUOUS
    assert (len(there.asked), there.connections) == (2, 1)


@pytest.mark.parametrize("method", METHODS)
async def test_call_on_a_connection_that_the_peer_has_just_closed_is_not_repeated(method: str) -> None:
    async with talking_to(reply(200, {})) as (there, http):
        await http.request("GET", "/additions")
        there.writers[0].get_extra_info("socket").shutdown(socket.SHUT_RDWR)  # before our event loop can notice it
        error = await failure(http, method, attempts=1)
    assert error.outcome is Outcome.AMBIGUOUS
    assert (len(there.asked), there.connections) == (1, 1)


async def test_connection_that_is_known_to_be_closed_is_not_used() -> None:
    async with talking_to(in_turn(written(OK + b"connection: close\r\n" + EMPTY), reply(201, {}))) as (there, http):
        await http.request("GET", "/additions")
        await http.request("POST", "/additions", json={})
    assert (len(there.asked), there.connections) == (2, 2)


@pytest.mark.parametrize("method", METHODS)
async def test_bytes_that_answer_no_call_are_never_taken_for_an_answer(method: str) -> None:
    """A proxy's farewell, or an answer that came twice: aiohttp would give it to the next caller."""
    async with talking_to(reply(200, {"id": 1})) as (there, http):
        await http.request("GET", "/additions/1")
        there.writers[0].write(FORGED)
        await arrived(http)
        error = await failure(http, method, attempts=1)
        assert error.outcome is Outcome.NOT_SENT
        assert (await http.request(method, "/additions/1", attempts=1)).json == {"id": 1}
    assert (len(there.asked), there.connections) == (2, 2)


async def test_body_that_is_longer_than_it_says_does_not_reach_the_next_call() -> None:
    async with talking_to(in_turn(written(OK + EMPTY + FORGED), reply(200, {"id": 2}))) as (there, http):
        assert (await http.request("GET", "/additions/1")).json == {}
        assert (await http.request("GET", "/additions/2")).json == {"id": 2}
    assert there.connections == 2


@pytest.mark.parametrize(
    "begun", [silence, written(OK), written(OK + b'content-length: 10\r\n\r\n{"id"')], ids=["nothing", "head", "body"]
)
@pytest.mark.parametrize("end", ["cancelled", "deadline"])
async def test_answer_of_a_call_that_was_given_up_does_not_reach_the_next(begun: Behaviour, end: str) -> None:
    behaviour = in_turn(begun, reply(200, {"id": 2}))
    limiter = Limiter(UNLIMITED, concurrency=1)
    async with talking_to(behaviour, limiter=limiter, deadline=0.3 if end == "deadline" else 5.0) as (there, http):
        call = asyncio.create_task(http.request("GET", "/additions/1", attempts=1))
        await there.was_asked.wait()
        if end == "cancelled":
            call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        there.writers[0].write(FORGED)
        assert (await http.request("GET", "/additions/2")).json == {"id": 2}
    assert there.connections == 2


async def test_cancelled_call_frees_its_place() -> None:
    limiter = Limiter(UNLIMITED, concurrency=1)
    async with talking_to(in_turn(silence, reply(200, {})), limiter=limiter) as (there, http):
        call = asyncio.create_task(http.request("GET", "/agreements"))
        await there.was_asked.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert (await http.request("GET", "/agreements")).status == 200
