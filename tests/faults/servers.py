"""A PostgreSQL of a case's own, which may be killed and put back to an older copy."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from devstack.engines.postgres import Postgres
from devstack.state import State
from tests.faults.ground import Case, Ground


@asynccontextmanager
async def own_server(case: Case) -> AsyncIterator[tuple[Postgres, Case]]:
    """The same case on a PostgreSQL of its own, which may be killed."""
    server = Postgres(case.folder, State(case.folder / "state.json"), say=lambda _: None, durable=False)
    (case.folder / "keys").mkdir(mode=0o700)
    try:
        ground = Ground(await server.start(), case.site.world, case.site.url, case.folder)
        async with ground.case(case.name, case.seed, case.command) as own:
            yield server, own
            await server.start()  # so that the case can take away what it made
    finally:
        await server.stop()
        server.remove()


class Backup:
    """A copy of the server's files, as a snapshot of its disk would be."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._files = server.data.with_name("copy")

    @classmethod
    async def of(cls, server: Postgres) -> "Backup":
        made = cls(server)
        await server.stop()
        await made._copy(server.data, made._files)
        await server.start()
        return made

    async def restored(self) -> None:
        """The server dies, and what comes back is the copy."""
        await self._server.kill()
        await asyncio.to_thread(shutil.rmtree, self._server.data)
        await self._copy(self._files, self._server.data)
        await self._server.start()

    @staticmethod
    async def _copy(files: Path, to: Path) -> None:
        copying = await asyncio.create_subprocess_exec("cp", "-a", files, to)
        assert await copying.wait() == 0
