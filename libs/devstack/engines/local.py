import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from devstack.engines import Engines
from devstack.engines.kafka import Kafka
from devstack.engines.postgres import Postgres
from devstack.state import State


class LocalEngines:
    """The two engines of a folder, started side by side."""

    def __init__(self, folder: Path, state: State, say: Callable[[str], None] = print, *, durable: bool = True) -> None:
        self.folder = folder
        self.kafka = Kafka(folder, state, say)
        self.postgres = Postgres(folder, state, say, durable=durable)

    async def start(self) -> Engines:
        """Both, each when it answers; running ones are left alone."""
        async with asyncio.TaskGroup() as both:
            kafka = both.create_task(self.kafka.start())
            postgres = both.create_task(self.postgres.start())
        return Engines(kafka.result(), postgres.result())

    async def stop(self) -> None:
        """Both; whoever uses them has to be stopped before."""
        await self.kafka.stop()
        await self.postgres.stop()

    async def remove(self) -> None:
        """Stop both and delete what they keep."""
        await self.stop()
        self.postgres.remove()
        shutil.rmtree(self.kafka.folder, ignore_errors=True)
