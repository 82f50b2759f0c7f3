"""Time as this process is given it, so that a judgement does not depend on what else the machine does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVERY = 0.05


class Beat:
    """`seconds` go by like a clock's while the event loop keeps up, and slower where it is not given its share."""

    seconds = 0.0

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """They go by."""
        beating = asyncio.create_task(self._beats())
        try:
            yield
        finally:
            beating.cancel()

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            self.seconds += EVERY
