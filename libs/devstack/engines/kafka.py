import asyncio
import base64
import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from devstack import ports
from devstack.engines.jars import provide
from devstack.engines.java import java
from devstack.errors import DevstackError
from devstack.layout import CACHE
from devstack.logs import tail
from devstack.processes import Process, spawn, strays
from devstack.state import State
from devstack.waiting import until

HERE = Path(__file__).parent
JARS = CACHE / "jars"

JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Ready after 3.3 s and 147 MiB; with the JVM's defaults (G1, C2) 8 s and 200 MiB. No Kafka setting matters as much."""

READY_WITHIN = 90
"""Seconds; ready takes 4-7 s after a kill -9, many times that on a machine that is busy with three test runs."""


class Kafka:
    """One KRaft node in a folder: formatted once, started on a kept port, stopped without loss."""

    name = "kafka"

    def __init__(self, folder: Path, state: State, say: Callable[[str], None]) -> None:
        self.folder, self.state, self.say = folder / "kafka", state, say
        self.log = self.folder / "kafka.log"
        self.output = self.folder / "output.log"

    @property
    def address(self) -> str:
        """Bootstrap address."""
        return f"127.0.0.1:{self.state.port('kafka')}"

    async def start(self) -> str:
        """Its address, when it answers; a healthy one is left alone."""
        if self.state.process(self.name):
            if await until(self.answers, within=20):
                return self.address
            self.say("Kafka is running but does not answer: starting it again")
        await self.stop()
        fetched = await asyncio.to_thread(provide, JARS)
        if fetched:
            self.say(f"Kafka's jars: {fetched} fetched and checked")
        binary = await asyncio.to_thread(java)
        for attempts_left in (2, 1, 0):
            if await self._started(binary):
                return self.address
            if not attempts_left:
                break
        raise DevstackError(f"Kafka did not start; the end of its log ({self.log}) says:\n{self.log_tail()}")

    async def stop(self) -> None:
        """SIGTERM (0.3-0.7 s), also to one whose start was never noted down."""
        for process in [self.state.process(self.name), *strays(self.folder, "kafka.Kafka")]:
            if process is not None:
                await process.stop(grace=20)
        self.state.forget(self.name)

    async def kill(self) -> None:
        """SIGKILL, for tests."""
        if process := self.state.process(self.name):
            await process.kill()

    async def answers(self) -> bool:
        """Whether it gives metadata with a broker in it: its port alone opens 0.1-0.25 s too early."""
        return await kafka_answers(self.address)

    def process(self) -> Process | None:
        """Its process while it runs."""
        return self.state.process(self.name)

    def log_tail(self) -> str:
        """The last lines of what it said."""
        return "\n".join(filter(None, (tail(self.output), tail(self.log))))

    async def _started(self, binary: str) -> bool:
        self.state.free_port("kafka")
        self.state.free_port("kafka-controller")
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.folder / "data"
        if not data.exists():
            await self._format(binary, data)
        config = self._render("server.properties", data)
        process = spawn(
            self._java(binary, JVM, self.log, "kafka.Kafka", str(config)),
            log=self.output,
            cwd=self.folder,
            env=os.environ,
        )
        self.state.note(self.name, process)

        async def ready_or_gone() -> bool:
            return not process.alive or await self.answers()

        await until(ready_or_gone, READY_WITHIN)
        if process.alive and await self.answers():
            return True
        await process.kill()
        # Between our look and its bind somebody may have taken a port: pick again, once more for nothing otherwise.
        taken = [name for name in ("kafka", "kafka-controller") if not ports.is_free(self.state.port(name))]
        if not taken:
            raise DevstackError(f"Kafka did not start; the end of its log ({self.log}) says:\n{self.log_tail()}")
        return False

    async def _format(self, binary: str, data: Path) -> None:
        """Formats beside the final place: what a kill interrupts is never taken for a formatted folder."""
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        config = self._render("format.properties", new)
        # "=": one id in 64 begins with "-" and would be read as an option.
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java(binary, JVM, self.folder / "format.log", "kafka.tools.StorageTool")
        formatting = await asyncio.create_subprocess_exec(
            *command,
            *("format", f"--cluster-id={cluster}", "--config", str(config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await formatting.communicate()
        if formatting.returncode:
            raise DevstackError(f"Kafka's storage could not be formatted: {said.decode(errors='replace').strip()}")
        new.rename(data)

    def _render(self, name: str, data: Path) -> Path:
        text = (HERE / "server.properties").read_text()
        for mark, value in {
            "@BROKER_PORT@": self.state.port("kafka"),
            "@CONTROLLER_PORT@": self.state.port("kafka-controller"),
            "@DATA_DIR@": data,
        }.items():
            text = text.replace(mark, str(value))
        (self.folder / name).write_text(text)
        return self.folder / name

    def _java(self, binary: str, jvm: tuple[str, ...], log: Path, *words: str) -> list[str]:
        options = [f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", f"-Dkafka.log.file={log}"]
        return [binary, *jvm, "-cp", f"{JARS}/*", *options, *words]


async def kafka_answers(address: str) -> bool:
    """Whether a broker of this cluster can be used."""
    host, _, port = address.rpartition(":")
    try:  # cheaper than a client while nothing listens, and without its complaints
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=2000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
