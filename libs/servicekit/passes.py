"""A worker that looks for work whenever it is rung, and now and then by itself."""

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

import structlog

from storage import Database, is_lost_connection

log = structlog.get_logger()


class Passes(ABC):
    """Makes a pass after each commit that signals `signal`, and at least every `every` seconds.

    The signal rings within this process only; the seconds find what other processes have left to do.
    """

    signal: ClassVar[str | None] = None
    every: ClassVar[float] = 1.0

    def __init__(self, db: Database) -> None:
        self.db = db
        self._rung = asyncio.Event()
        if self.signal is not None:
            db.on_signal(self.signal, self._rung.set)

    @abstractmethod
    async def work(self, stop: asyncio.Event) -> int:
        """Do what there is to do, less once `stop` is set; how much there was. After some, the next pass is at once."""

    async def run(self, stop: asyncio.Event) -> None:
        """Make passes until told to stop; a database that is away is waited for."""
        while not stop.is_set():
            self._rung.clear()
            try:
                worked = await self.work(stop)
            except Exception as error:
                if not is_lost_connection(error):
                    raise
                log.warning("worker.waiting", worker=type(self).__name__, error=type(error).__name__)
                worked = 0
            if not worked:
                await self._rest(stop)

    async def _rest(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(self._rung.wait()), asyncio.ensure_future(stop.wait())]
        try:
            await asyncio.wait(waits, timeout=self.every, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
