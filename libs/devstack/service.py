import signal
import sys
from collections.abc import Callable, Mapping

from devstack import http, ports
from devstack.errors import DevstackError
from devstack.layout import Layout
from devstack.logs import tail
from devstack.processes import Process, spawn, strays
from devstack.services import SIMULATOR, code_fingerprint, told_checksum, words
from devstack.state import State
from devstack.waiting import until

LISTENS_WITHIN = 60
"""Seconds until `ready URL`; about 2 s of imports each, eight of them on two cores."""

READY_WITHIN = 90
"""Seconds until /readyz is 200: copies of facts are read to the topics' end first."""


class Service:
    """One service as a process: started on a kept port, so that its URL outlives it, with a log of its own."""

    def __init__(self, name: str, layout: Layout, state: State, environment: Callable[[], Mapping[str, str]]) -> None:
        self.name, self.layout, self.state = name, layout, state
        self._environment = environment
        self.log = layout.log(name)

    @property
    def url(self) -> str:
        """Where it answers; known before it is started."""
        return str(self.state.fact(self.name, "url") or f"http://127.0.0.1:{self.state.port(self.name)}")

    def process(self) -> Process | None:
        """Its process while it runs."""
        return self.state.process(self.name)

    def is_current(self) -> bool:
        """Whether it runs, with today's code and environment."""
        return self.process() is not None and self.state.fact(self.name, "made_of") == self._made_of()

    async def start(self, *, wait: bool = True) -> str:
        """Its URL, when /readyz is 200 (`wait=False`: when it listens). A current one is left alone."""
        if not self.is_current():
            await self.stop()
            if not await self._listening() and not await self._listening():
                raise DevstackError(self._story("did not start"))
        if wait:
            await self.ready()
        return self.url

    async def ready(self, within: float = READY_WITHIN) -> None:
        """Wait until it is ready. Raises DevstackError with the end of its log when it dies or never is."""

        async def ready_or_gone() -> bool:
            return self.process() is None or await self.is_ready()

        if not await until(ready_or_gone, within):
            _, reason = await http.get(f"{self.url}/readyz")
            raise DevstackError(self._story(f"is not ready after {within:.0f} s: {reason or 'no answer'}"))
        if self.process() is None:
            raise DevstackError(self._story("ended while it was starting"))

    async def is_ready(self) -> bool:
        """Whether it says so now. The simulator is somebody else's API: that it answers is enough."""
        status, _ = await http.get(f"{self.url}/readyz")
        return status == 200 or (self.name == SIMULATOR and status > 0)  # noqa: PLR2004

    async def stop(self, grace: float = 40) -> None:
        """SIGTERM, wait (a service drains for up to 35 s), SIGKILL; also to one whose start was never noted down."""
        for process in [self.process(), *strays(self.layout.data(self.name), "-m", self.name)]:
            if process is not None:
                await process.stop(signal.SIGTERM, grace=grace)
        self.state.forget(self.name)

    async def kill(self) -> None:
        """SIGKILL, for tests; the next start() takes the same port."""
        if process := self.process():
            await process.kill()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return tail(self.log, lines)

    async def _listening(self) -> bool:
        """Start it; False when it ended because somebody took its port."""
        port = self.state.free_port(self.name)
        data = self.layout.data(self.name)
        data.mkdir(parents=True, exist_ok=True)
        said_before = self.log.stat().st_size if self.log.exists() else 0
        process = spawn(
            # -P: its working folder holds other people's documents, which must not be importable.
            [sys.executable, "-P", "-m", self.name, "--port", str(port), *words(self.name, data)],
            log=self.log,
            cwd=data,
            env=self._environment(),
        )
        self.state.note(self.name, process, made_of=self._made_of())

        async def listens_or_gone() -> str | None:
            return self._announced(said_before) or (None if process.alive else "gone")

        url = await until(listens_or_gone, LISTENS_WITHIN)
        if url and url != "gone":
            self.state.note(self.name, process, made_of=self._made_of(), url=url)
            return True
        await process.kill()
        if url is None or ports.is_free(port):
            raise DevstackError(self._story("did not start", said_before))
        return False

    def _announced(self, start: int) -> str | None:
        with self.log.open("rb") as log:
            log.seek(start)
            for line in log.read(65536).decode(errors="replace").splitlines():
                if line.startswith("ready http"):
                    return line.removeprefix("ready ").strip().rstrip("/")
        return None

    def _made_of(self) -> str:
        return f"{code_fingerprint(self.name)}/{told_checksum(self._environment())}"

    def _story(self, what: str, start: int = 0) -> str:
        return f"{self.name} {what}; the end of its log ({self.log}) says:\n{tail(self.log, start=start)}"
