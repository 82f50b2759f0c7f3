import asyncio

import pytest

from httpkit import ApiError, Breaker, HttpClient, Limiter, NotAdmitted, Outcome, RetryPolicy
from httpkit.addresses import AddressPolicy
from tests.httpkit.caller import UNLIMITED, failure, talking_to
from tests.httpkit.peer import peer, reply
from tests.httpkit.turned_clock import TurnedClock, settle

LOST = Outcome.AMBIGUOUS


def opened(clock: TurnedClock) -> Breaker:
    breaker = Breaker(failures=3, cool_down=30.0, clock=clock)
    for _ in range(3):
        breaker.enter()
        breaker.settle(LOST)
    return breaker


def test_opens_after_failures_in_a_row() -> None:
    breaker = opened(TurnedClock())
    with pytest.raises(NotAdmitted) as caught:
        breaker.enter()
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.retry_after == 30.0


@pytest.mark.parametrize("alive", [Outcome.OK, Outcome.REJECTED, Outcome.CONFIG, Outcome.THROTTLED, Outcome.NOT_FOUND])
def test_any_proper_answer_ends_the_row(alive: Outcome) -> None:
    breaker = Breaker(failures=2, clock=TurnedClock())
    for outcome in (LOST, alive, LOST, alive):
        breaker.enter()
        breaker.settle(outcome)
    assert not breaker.is_open


async def test_lets_one_probe_out_and_closes_when_it_is_answered() -> None:
    clock = TurnedClock()
    breaker = opened(clock)
    await clock.turn(31)
    breaker.enter()
    with pytest.raises(NotAdmitted) as refused:
        breaker.enter()
    breaker.abandon(refused.value)
    with pytest.raises(NotAdmitted):
        breaker.enter()
    breaker.settle(Outcome.OK)
    breaker.enter()
    assert not breaker.is_open


async def test_failed_probe_opens_for_another_while() -> None:
    clock = TurnedClock()
    breaker = opened(clock)
    await clock.turn(31)
    breaker.enter()
    breaker.settle(LOST)
    with pytest.raises(NotAdmitted):
        breaker.enter()


async def test_given_up_probe_makes_room_for_the_next() -> None:
    clock = TurnedClock()
    breaker = opened(clock)
    await clock.turn(31)
    breaker.enter()
    breaker.abandon(TimeoutError())
    breaker.enter()


@pytest.mark.parametrize("admit_within", [0.0, 5.0], ids=["not admitted", "cancelled"])
async def test_probe_that_was_never_sent_makes_room_for_the_next(admit_within: float) -> None:
    clock = TurnedClock()
    breaker, limiter = opened(clock), Limiter(UNLIMITED, concurrency=1)
    await clock.turn(31)
    async with talking_to(reply(200, {}), breaker=breaker, limiter=limiter) as (_, http):
        async with limiter.admitted(0):
            probe = asyncio.create_task(http.request("GET", "/", admit_within=admit_within))
            await settle()
            assert probe.cancel() is (admit_within > 0)
            await asyncio.wait([probe])
        assert (await http.request("GET", "/")).status == 200


async def test_site_that_is_down_is_not_called() -> None:
    async with peer(reply(503, {})) as there:
        client = HttpClient(
            there.url,
            limiter=Limiter(10_000),
            breaker=Breaker(failures=2),
            addresses=AddressPolicy(allow_plain_loopback=True),
            retry=RetryPolicy(attempts=5, first_wait=0.001),
        )
        async with client:
            for _ in range(3):
                with pytest.raises(ApiError):
                    await client.request("GET", "/")
    assert len(there.asked) == 2


async def test_peer_that_redirects_is_not_down() -> None:
    breaker = Breaker(failures=2)
    async with talking_to(reply(302, raw=b""), breaker=breaker) as (there, http):
        for _ in range(4):
            assert (await failure(http, "GET")).outcome is Outcome.AMBIGUOUS
    assert len(there.asked) == 4
    assert not breaker.is_open
