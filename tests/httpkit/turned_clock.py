"""A clock that a test turns by hand."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from httpkit.clock import Timer


class _Arranged:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class TurnedClock:
    def __init__(self) -> None:
        self._now = 1000.0
        self._order = count()
        self._arranged: list[tuple[float, int, _Arranged]] = []

    def now(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        arranged = _Arranged(callback)
        heapq.heappush(self._arranged, (when, next(self._order), arranged))
        return arranged

    async def turn(self, seconds: float) -> None:
        """Let this much time pass, and all that happens in it happen."""
        end = self._now + seconds
        await settle()
        while self._arranged and self._arranged[0][0] <= end:
            when, _, arranged = heapq.heappop(self._arranged)
            self._now = max(self._now, when)
            if not arranged.cancelled:
                arranged.callback()
                await settle()
        self._now = end
        await settle()


async def settle() -> None:
    """Let every task run until it waits for something outside."""
    for _ in range(20):
        await asyncio.sleep(0)
