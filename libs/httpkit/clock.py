"""Time as an argument: the event loop's in production, a hand-turned one in tests."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A callback that has been arranged."""

    def cancel(self) -> None:
        """Make sure that the callback is not called."""


class Clock(Protocol):
    """Seconds of a clock that never goes back, and callbacks at its times."""

    def now(self) -> float:
        """Seconds since a moment that does not matter."""

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Arrange a callback at a time of this clock."""


class LoopClock:
    """The clock of the running event loop."""

    def now(self) -> float:
        """Seconds of the running loop."""
        return asyncio.get_running_loop().time()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Arrange a callback on the running loop."""
        return asyncio.get_running_loop().call_at(when, callback)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait on this clock."""
    woken = asyncio.Event()
    timer = clock.call_at(clock.now() + seconds, woken.set)
    try:
        await woken.wait()
    finally:
        timer.cancel()
