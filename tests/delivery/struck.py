"""A worker that is struck at a named point: it stands still there, for ever or until the test lets it go."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from delivery import Effect, Operation, Pace, points
from delivery.points import Point
from tests.delivery.house import PATIENCE, House, Worker

_victim: ContextVar[bool] = ContextVar("victim", default=False)


class Blow:
    """Lands once, when the victim first reaches the point."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.operation: Operation | None = None
        self.goes_on = asyncio.Event()
        self._landed = asyncio.Event()

    async def strike(self, point: Point, operation: Operation | None) -> None:
        if point is self.point and _victim.get() and not self._landed.is_set():
            self.operation = operation
            self._landed.set()
            await self.goes_on.wait()

    @property
    def has_landed(self) -> bool:
        return self._landed.is_set()

    async def landed(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._landed.wait()

    @asynccontextmanager
    async def victim(self, house: House, effect: Effect, pace: Pace) -> AsyncIterator[Worker]:
        """The worker that is struck; others of the same process are not."""
        token = _victim.set(True)
        try:
            context = house.worker(effect, pace=pace)
            worker = await context.__aenter__()
        finally:
            _victim.reset(token)
        try:
            yield worker
        finally:
            self.goes_on.set()
            await context.__aexit__(None, None, None)


@contextmanager
def standing_still_at(point: Point) -> Iterator[Blow]:
    blow = Blow(point)
    points.hook = blow.strike
    try:
        yield blow
    finally:
        points.hook = None
