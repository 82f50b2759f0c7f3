import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit import Limiter, NotAdmitted, Outcome
from tests.httpkit.turned_clock import TurnedClock, settle

NEVER = 1_000_000.0


class Callers:
    """Calls that take a moment, and remember when they were let out."""

    def __init__(self, limiter: Limiter, clock: TurnedClock) -> None:
        self._limiter = limiter
        self._clock = clock
        self.let_out: list[tuple[float, int]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def come(self, count: int, *, within: float = NEVER, busy: float = 0.0) -> None:
        self.tasks += [asyncio.create_task(self._call(len(self.tasks) + n, within, busy)) for n in range(count)]

    async def _call(self, number: int, within: float, busy: float) -> None:
        async with self._limiter.admitted(within):
            self.let_out.append((self._clock.now(), number))
            if busy:
                done = asyncio.Event()
                self._clock.call_at(self._clock.now() + busy, done.set)
                await done.wait()

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def busiest_minute(times: Sequence[float]) -> int:
    return max((sum(start <= time < start + 60 for time in times) for start in times), default=0)


@given(
    per_minute=st.integers(1, 400),
    arrivals=st.lists(st.tuples(st.floats(0, 40), st.integers(1, 120)), min_size=1, max_size=12),
)
async def test_no_minute_has_more_calls_than_the_limit(per_minute: int, arrivals: list[tuple[float, int]]) -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(per_minute, concurrency=1000, clock=clock), clock)
    for pause, count in arrivals:
        callers.come(count)
        await clock.turn(pause)
    await clock.turn(90)
    await callers.leave()
    assert busiest_minute([time for time, _ in callers.let_out]) <= per_minute


async def test_the_limit_is_nearly_used() -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(600, concurrency=1000, clock=clock), clock)
    callers.come(3000)
    await clock.turn(120)
    await callers.leave()
    assert len(callers.let_out) >= 0.97 * 2 * 600


async def test_callers_are_served_in_the_order_they_came() -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(60, concurrency=2, clock=clock), clock)
    callers.come(30, busy=1.5)
    await clock.turn(120)
    await callers.leave()
    assert [number for _, number in callers.let_out] == list(range(30))


async def test_no_more_than_the_cap_at_once() -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(6000, concurrency=3, clock=clock), clock)
    callers.come(10, busy=1.0)
    await settle()
    assert len(callers.let_out) == 3
    await clock.turn(1.0)
    assert len(callers.let_out) == 6
    await callers.leave()


async def test_wait_is_bounded_and_certainly_nothing_was_sent() -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(1, clock=clock), clock)
    callers.come(1)
    await settle()
    callers.come(1, within=15.0)
    await clock.turn(15.1)
    with pytest.raises(NotAdmitted) as caught:
        await callers.tasks[1]
    assert caught.value.outcome is Outcome.NOT_SENT
    await clock.turn(60)
    callers.come(1)
    await settle()
    assert len(callers.let_out) == 2


async def test_caller_that_gives_up_leaves_its_place() -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(6000, concurrency=1, clock=clock), clock)
    callers.come(3, busy=1.0)
    await settle()
    callers.tasks[1].cancel()
    await clock.turn(1.0)
    assert [number for _, number in callers.let_out] == [0, 2]
    await callers.leave()


async def test_caller_cancelled_as_its_turn_comes_gives_it_back() -> None:
    clock = TurnedClock()
    limiter = Limiter(6000, concurrency=1, clock=clock)
    callers = Callers(limiter, clock)
    async with limiter.admitted(NEVER):
        callers.come(2)
        await settle()
    callers.tasks[0].cancel()
    await clock.turn(1)
    assert [number for _, number in callers.let_out] == [1]


async def test_throttled_site_is_left_alone_and_then_called_at_half_the_rate() -> None:
    clock = TurnedClock()
    limiter = Limiter(600, concurrency=1000, clock=clock)
    callers = Callers(limiter, clock)
    limiter.throttled(sent_at=clock.now(), retry_after=30.0)
    began = clock.now()
    callers.come(1000)
    await clock.turn(40)
    await callers.leave()
    times = [time - began for time, _ in callers.let_out]
    assert min(times) >= 30.0
    assert 45 <= len(times) <= 52  # ten seconds at half of ten a second
    assert limiter.share == pytest.approx(0.5, abs=0.03)


async def test_calls_under_way_together_shrink_once() -> None:
    clock = TurnedClock()
    limiter = Limiter(600, clock=clock)
    sent = clock.now()
    await clock.turn(1)
    for _ in range(5):
        limiter.throttled(sent_at=sent, retry_after=1.0)
    assert limiter.share == 0.5
    await clock.turn(2)
    limiter.throttled(sent_at=clock.now(), retry_after=1.0)
    assert limiter.share == pytest.approx(0.25, abs=0.01)


async def test_rate_recovers_and_never_vanishes() -> None:
    clock = TurnedClock()
    limiter = Limiter(600, clock=clock)
    for _ in range(20):
        limiter.throttled(sent_at=clock.now(), retry_after=0.0)
    assert limiter.share == 0.05
    await clock.turn(300)
    assert 0.5 < limiter.share < 0.6
    await clock.turn(300)
    assert limiter.share == 1.0


@pytest.mark.parametrize("absurd", [1e9, float("inf")])
async def test_absurd_retry_after_is_obeyed_for_minutes_only(absurd: float) -> None:
    clock = TurnedClock()
    limiter = Limiter(600, clock=clock)
    callers = Callers(limiter, clock)
    limiter.throttled(sent_at=clock.now(), retry_after=absurd)
    callers.come(1)
    await clock.turn(301)
    assert len(callers.let_out) == 1
