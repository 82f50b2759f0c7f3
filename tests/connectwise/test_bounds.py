"""How long a call may take and how often it may be made, whatever has to be asked before it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date

import pytest

from connectwise import ConnectWise, NewAddition, Ref, where
from httpkit import ApiError, NotAdmitted, Outcome, RetryPolicy
from tests.connectwise.site import INFO, calls, client, connected, site
from tests.httpkit.peer import Behaviour, Peer, in_turn, peer, reply, silence

PATIENT = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.002)
READS: dict[str, Callable[..., Awaitable[object]]] = {
    "get": lambda psa, **how: psa.agreements.get(1, **how),
    "list": lambda psa, **how: psa.agreements.list(**how),
    "ordered list": lambda psa, **how: psa.agreements.list(order_by=where.Agreement.name.ascending, **how),
    "count": lambda psa, **how: psa.agreements.count(**how),
    "count in parts": lambda psa, **how: psa.agreements.count(where.Agreement.id.in_(range(2000)), **how),
    "system.info": lambda psa, **how: psa.system.info(**how),
    "system.my_security": lambda psa, **how: psa.system.my_security(**how),
    "system.my_customize_items": lambda psa, **how: psa.system.my_customize_items(**how),
    "system.me": lambda psa, **how: psa.system.me(**how),
    "system.members": lambda psa, **how: psa.system.members.list(**how),
    "system.audit_trail": lambda psa, **how: anext(psa.system.audit_trail("Agreement", 5, **how)),
}


@asynccontextmanager
async def slow_to_be_found(deadline: float, info: Behaviour = silence) -> AsyncIterator[tuple[ConnectWise, Peer]]:
    async with (
        peer(site(reply(200, {"id": 1}), info)) as there,
        client(there.url, deadline=deadline, retry=PATIENT) as psa,
    ):
        yield psa, there


def new_addition() -> NewAddition:
    return NewAddition(product=Ref(id=5), quantity=1, effective_date=date(2026, 4, 1))


async def failure(call: Awaitable[object]) -> tuple[ApiError, float]:
    began = asyncio.get_running_loop().time()
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value, asyncio.get_running_loop().time() - began


@pytest.mark.parametrize(("deadline", "admit_within"), [(0.2, None), (5.0, 0.2)])
async def test_creation_waits_for_the_search_of_its_address_no_longer_than_it_may(
    deadline: float, admit_within: float | None
) -> None:
    async with slow_to_be_found(deadline) as (psa, there):
        error, seconds = await failure(psa.additions(3).create(new_addition(), admit_within=admit_within))
    assert (error.outcome, error.code) == (Outcome.NOT_SENT, "discovery_deadline_passed")
    assert 0.19 <= seconds < 1.0
    assert calls(there) == []


async def test_callers_that_wait_for_the_same_search_do_not_add_up() -> None:
    async with slow_to_be_found(0.3) as (psa, there):
        waits = [failure(psa.additions(3).create(new_addition())) for _ in range(4)]
        found = await asyncio.gather(*waits)
    assert {error.outcome for error, _ in found} == {Outcome.NOT_SENT}
    assert max(seconds for _, seconds in found) < 1.0
    assert len(there.asked) <= 2  # one question for all; a second one where the first has just been given up


async def test_caller_that_cannot_wait_does_not_end_the_search_for_the_others() -> None:
    async def late(asked: object, writer: asyncio.StreamWriter) -> None:
        await patience.wait()
        await reply(200, INFO)(asked, writer)  # type: ignore[arg-type]  # what was asked does not matter

    patience = asyncio.Event()
    async with slow_to_be_found(5.0, late) as (psa, there):
        other = asyncio.create_task(psa.agreements.get(1))
        error, _ = await failure(psa.additions(3).create(new_addition(), admit_within=0.05))
        assert error.outcome is Outcome.NOT_SENT
        patience.set()
        assert (await other).id == 1
    assert [asked.path.startswith("/login/") for asked in there.asked] == [True, False]


async def test_search_is_part_of_the_time_of_the_attempt_that_needed_it() -> None:
    async def late(asked: object, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.25)  # the time of a slow site is what this is about
        await reply(200, INFO)(asked, writer)  # type: ignore[arg-type]  # what was asked does not matter

    async with peer(site(silence, late)) as there, client(there.url, deadline=0.5, retry=PATIENT) as psa:
        error, seconds = await failure(psa.additions(3).create(new_addition()))
    assert error.outcome is Outcome.AMBIGUOUS
    assert 0.45 <= seconds < 0.7


async def test_search_after_an_answer_is_inside_the_time_of_the_call() -> None:
    async def slow(asked: object, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)  # the time of a slow site is what this is about
        await reply(404, {})(asked, writer)  # type: ignore[arg-type]  # what was asked does not matter

    info = in_turn(reply(200, INFO), silence)
    async with peer(site(slow, info)) as there, client(there.url, deadline=0.8, retry=PATIENT) as psa:
        error, seconds = await failure(psa.additions(3).create(new_addition()))
    assert error.outcome is Outcome.NOT_FOUND
    assert seconds < 1.2


async def test_closed_client_leaves_no_search_behind() -> None:
    rare = RetryPolicy(first_wait=60.0, longest_wait=60.0)
    async with peer(site(reply(200, {}), silence)) as there, client(there.url, deadline=3.0, retry=rare) as psa:
        waiting = asyncio.create_task(psa.agreements.get(1))
        await asyncio.wait_for(there.was_asked.wait(), 5)
        await psa.aclose()
        error, seconds = await failure(waiting)
    assert error.outcome is Outcome.NOT_SENT
    assert seconds < 2.0
    assert not [task for task in asyncio.all_tasks() if "Discovery" in repr(task)]


async def test_known_address_is_not_waited_for_while_it_is_looked_up_again() -> None:
    info = in_turn(reply(200, INFO), silence)
    async with connected(reply(200, {"id": 1}), info) as (psa, there):
        await psa.company_info()
        there.was_asked.clear()
        again = asyncio.create_task(psa.company_info())
        await asyncio.wait_for(there.was_asked.wait(), 5)
        assert (await psa.agreements.get(1, admit_within=0.5)).id == 1
        assert not again.done()
        await psa.aclose()
        with pytest.raises(ApiError):
            await again


@pytest.mark.parametrize("kind", READS)
async def test_read_with_one_attempt_is_asked_once(kind: str) -> None:
    async with connected(reply(503, {})) as (psa, there):
        await failure(READS[kind](psa, attempts=1))
        assert len(calls(there)) == 1
        await failure(READS[kind](psa))
        assert len(calls(there)) > 2


@pytest.mark.parametrize("kind", READS)
async def test_read_waits_for_the_budget_no_longer_than_it_may(kind: str) -> None:
    async with connected(reply(200, [])) as (psa, there):
        await psa.company_info()
        psa._api._limiter.throttled(sent_at=asyncio.get_running_loop().time(), retry_after=60.0)
        error, seconds = await failure(READS[kind](psa, admit_within=0.02))
    assert isinstance(error, NotAdmitted)
    assert seconds < 1.0
    assert calls(there) == []


async def test_read_with_one_attempt_is_not_made_again_where_the_api_has_moved() -> None:
    info = in_turn(reply(200, INFO), reply(200, {"Codebase": "v2025_2/"}))
    async with connected(reply(404, {}), info) as (psa, there):
        error, _ = await failure(psa.agreements.list(attempts=1))
    assert (error.outcome, error.code) == (Outcome.NOT_FOUND, "api_moved")
    assert len(calls(there)) == 1
