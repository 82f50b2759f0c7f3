import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpkit import Limiter, NotAdmitted, Outcome
from httpkit.clock import sleep
from tests.httpkit.turned_clock import TurnedClock, settle

NEVER = 1_000_000.0


class Callers:
    """Calls that take a moment, and remember when they were let out."""

    def __init__(self, limiter: Limiter, clock: TurnedClock) -> None:
        self._limiter = limiter
        self._clock = clock
        self.let_out: list[tuple[float, int]] = []
        self.most_at_once = 0
        self.tasks: list[asyncio.Task[None]] = []
        self._running = 0

    def come(self, count: int, *, within: float = NEVER, busy: float = 0.0) -> None:
        self.tasks += [asyncio.create_task(self._call(len(self.tasks) + n, within, busy)) for n in range(count)]

    async def _call(self, number: int, within: float, busy: float) -> None:
        async with self._limiter.admitted(within):
            self.let_out.append((self._clock.now(), number))
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
            try:
                if busy:
                    await sleep(self._clock, busy)
            finally:
                self._running -= 1

    @property
    def order(self) -> list[int]:
        return [number for _, number in self.let_out]

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def busiest_minute(times: Sequence[float]) -> int:
    """The most calls in any 60 seconds; `times` is in order."""
    return max((bisect_left(times, start + 60) - index for index, start in enumerate(times)), default=0)


@dataclass(frozen=True)
class Step:
    """What happens at the site, and the time until the next step."""

    come: int
    busy: float
    leave: int
    throttled: float | None
    pause: float


steps = st.builds(
    Step,
    come=st.sampled_from([0, 1, 3, 40, 120]),
    busy=st.sampled_from([0.0, 0.0, 0.3, 20.0]),
    leave=st.integers(0, 12),
    throttled=st.none() | st.sampled_from([0.0, 1.0, 30.0]),
    pause=st.sampled_from([0.0, 0.01, 1.0, 15.0, 61.0, 400.0]),
)


@settings(max_examples=60)
@given(per_minute=st.integers(1, 300), concurrency=st.sampled_from([1, 4, 1000]), story=st.lists(steps, max_size=12))
async def test_whatever_happens_no_minute_has_more_calls_than_the_limit_and_nobody_is_overtaken_or_forgotten(
    per_minute: int, concurrency: int, story: list[Step]
) -> None:
    """Bursts, idle times, slow calls, callers that give up while waiting or calling, and 429s, in any order."""
    clock = TurnedClock()
    limiter = Limiter(per_minute, concurrency=concurrency, clock=clock)
    callers = Callers(limiter, clock)
    for step in story:
        callers.come(step.come, busy=step.busy)
        await settle()
        for task in [task for task in callers.tasks if not task.done()][1 : 2 * step.leave : 2]:
            task.cancel()
        if step.throttled is not None:
            limiter.throttled(sent_at=clock.now(), retry_after=step.throttled)
        await clock.turn(step.pause)
    for _ in range(200):  # longer than the slowest of these sites needs for all who wait
        if all(task.done() for task in callers.tasks):
            break
        await clock.turn(300)
    assert busiest_minute([time for time, _ in callers.let_out]) <= per_minute
    assert callers.most_at_once <= concurrency
    assert callers.order == sorted(callers.order)
    assert all(task.done() for task in callers.tasks)


@pytest.mark.parametrize("per_minute", [1, 2, 60, 100, 333, 1000])
async def test_busy_site_is_called_nearly_as_often_as_it_may_be_and_never_more(per_minute: int) -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(per_minute, concurrency=1000, clock=clock), clock)
    callers.come(3 * per_minute)
    await clock.turn(121)
    await callers.leave()
    assert len(callers.let_out) >= int(0.97 * 2 * per_minute)
    assert busiest_minute([time for time, _ in callers.let_out]) <= per_minute


async def test_callers_are_served_in_the_order_they_came() -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(60, concurrency=2, clock=clock), clock)
    callers.come(30, busy=1.5)
    await clock.turn(120)
    await callers.leave()
    assert callers.order == list(range(30))


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
    assert callers.order == [0, 2]
    await callers.leave()


async def test_caller_cancelled_as_its_turn_comes_gives_it_back() -> None:
    clock = TurnedClock()
    limiter = Limiter(60, concurrency=1, clock=clock)
    callers = Callers(limiter, clock)
    async with limiter.admitted(NEVER):
        callers.come(2)
        await clock.turn(5)
    callers.tasks[0].cancel()  # its turn has come, with the only token there is, and it does not know yet
    await settle()
    assert callers.order == [1]


async def test_caller_cancelled_as_it_is_refused_has_nothing_to_give_back() -> None:
    limiter = Limiter(6000, concurrency=1)
    async with limiter.admitted(NEVER):
        caller = asyncio.create_task(limiter.admitted(0.001).__aenter__())
        await settle()
        asyncio.get_running_loop().call_later(0.002, caller.cancel)
        time.sleep(0.01)  # noqa: ASYNC251 - both are due in the same round of the loop, in their order
        await asyncio.wait([caller])
        with pytest.raises(NotAdmitted):
            await limiter.admitted(0.0).__aenter__()


async def test_caller_that_has_just_given_up_is_not_let_out() -> None:
    clock = TurnedClock()
    limiter = Limiter(60, concurrency=1, clock=clock)
    callers = Callers(limiter, clock)
    async with limiter.admitted(NEVER):
        callers.come(2)
        await clock.turn(5)
        callers.tasks[0].cancel()
    await settle()
    assert callers.order == [1]


async def test_turn_that_is_given_back_while_the_site_is_quiet_waits() -> None:
    clock = TurnedClock()
    limiter = Limiter(6000, concurrency=1, clock=clock)
    callers = Callers(limiter, clock)
    async with limiter.admitted(NEVER):
        callers.come(2)
        await settle()
    callers.tasks[0].cancel()  # its turn has come, and it does not know yet
    limiter.throttled(sent_at=clock.now(), retry_after=30.0)
    await clock.turn(29)
    assert callers.order == []
    await clock.turn(2)
    assert callers.order == [1]


async def test_idle_site_has_saved_only_a_small_burst() -> None:
    clock = TurnedClock()
    callers = Callers(Limiter(600, concurrency=1000, clock=clock), clock)
    callers.come(1)
    await clock.turn(3600)
    callers.come(100)
    await settle()
    assert len(callers.let_out) == 1 + 12
    await callers.leave()


async def test_throttled_site_leaves_the_others_alone() -> None:
    clock = TurnedClock()
    throttled, other = Limiter(600, clock=clock), Limiter(600, clock=clock)
    callers = Callers(other, clock)
    throttled.throttled(sent_at=clock.now(), retry_after=30.0)
    callers.come(5)
    await settle()
    assert len(callers.let_out) == 5
    assert other.share == 1.0


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


@pytest.mark.parametrize("waits", [[30.0, 1.0], [1.0, 30.0], [None] * 3], ids=["longest first", "longest last", "none"])
async def test_site_is_quiet_as_long_as_the_longest_wait_says(waits: list[float | None]) -> None:
    """Calls under way together are answered in any order; ten seconds where no answer names a wait."""
    clock = TurnedClock()
    limiter = Limiter(600, clock=clock)
    callers = Callers(limiter, clock)
    for wait in waits:
        limiter.throttled(sent_at=clock.now(), retry_after=wait)
    callers.come(1)
    longest = max(wait or 10.0 for wait in waits)
    await clock.turn(longest - 0.1)
    assert callers.order == []
    await clock.turn(2.0)
    assert callers.order == [0]
