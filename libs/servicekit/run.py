"""One process: HTTP, broker, relay and workers in one task group; any crash ends it, SIGTERM drains it in order."""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar

import structlog
import uvicorn
import uvloop
from pydantic import ValidationError

from messaging import Relay, Subscriptions, copies, restores, upkeep
from servicekit import collector, logs, tracing
from servicekit.edge import build_app
from servicekit.service import Service
from servicekit.settings import ServiceSettings
from storage import is_lost_connection
from storage.migrations import MigrationError, migrate, require_schema

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
Command = Callable[[Service, str], Awaitable[None]]

log = structlog.get_logger()


def main(
    settings: type[SettingsT], build: Callable[[SettingsT], Service], commands: Mapping[str, Command] | None = None
) -> None:
    """Serve, or `--check` the configuration, or `--migrate` the schema, or run one of the service's own commands."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 picks a free one")
    parser.add_argument("--check", action="store_true", help="check the configuration and stop")
    parser.add_argument("--migrate", nargs="?", const="all", choices=("pre", "post", "all"), help="bring the schema on")
    for name in commands or {}:
        parser.add_argument(f"--{name}", metavar="ARGUMENT")
    options = parser.parse_args()
    try:
        service = build(settings())
    except ValidationError as error:
        for problem in error.errors():
            field = ".".join(str(part) for part in problem["loc"])
            print(f"PSABRIDGE_{field.upper()}: {problem['msg']}", file=sys.stderr)  # noqa: T201 (no log is set up yet)
        sys.exit(2)
    logs.configure(service.name, service.settings.log_format, service.settings.secret_values())
    tracing.configure(service.name)
    if options.check:
        print(f"{service.name}: the configuration is complete")  # noqa: T201 (the answer to --check)
        return
    if options.migrate:
        sys.exit(uvloop.run(_migrate(service, options.migrate)))
    for name, command in (commands or {}).items():
        if (argument := getattr(options, name.replace("-", "_"))) is not None:
            uvloop.run(_command(service, command, argument))
            return
    sys.exit(uvloop.run(serve(service, options.host, options.port)))


async def _migrate(service: Service, phase: Any) -> int:
    if service.settings.owner_url is None:
        log.error("migrate.refused", reason="PSABRIDGE_OWNER_URL is not set")
        return 2
    try:
        applied = await migrate(service.settings.owner_url.get_secret_value(), service.components, phase)
    except MigrationError as error:
        log.error("migrate.refused", reason=str(error))  # noqa: TRY400 (the sentence says it all)
        return 1
    log.info("migrate.done", applied=applied)
    return 0


async def _command(service: Service, command: Command, argument: str) -> None:
    await service.db.open()
    try:
        await command(service, argument)
    finally:
        await service.db.close()


async def serve(service: Service, host: str, port: int) -> int:
    """Run the service until SIGTERM or SIGINT (0), or until a part of it crashes (1)."""
    process = _Process(service)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop.set)
    status = 0
    try:
        await process.run(host, port)
    except* MigrationError as group:
        status = 1
        log.error("service.refused", reason=str(_innermost(group)))  # noqa: TRY400 (the sentence says it all)
    except* Exception:
        status = 1
        log.exception("service.crashed")
    return status


def _innermost(error: BaseException) -> BaseException:
    return _innermost(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the process's business, not the server's


class _Process:
    def __init__(self, service: Service) -> None:
        self.stop = asyncio.Event()
        self._service = service
        settings = service.settings
        self._relay = Relay(service.db, settings.kafka, service.name)
        self._subscriptions: Subscriptions | None = None
        self._waiting_for: str | None = "the database"

    async def run(self, host: str, port: int) -> None:
        listening = socket.create_server((host, port), reuse_port=False)
        listening.setblocking(False)
        settings = self._service.settings
        app = build_app(
            self._service,
            settings.console_public_key.read_text(),
            not_ready=self._not_ready,
            stuck=self._stuck,
            stopping=self.stop.is_set,
            measure=self._measure,
        )
        server = _Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=10)
        )
        async with asyncio.TaskGroup() as parts:
            http = parts.create_task(server.serve(sockets=[listening]), name="http")
            print(f"ready http://{host}:{listening.getsockname()[1]}", flush=True)  # noqa: T201 (read by who starts us)
            running = parts.create_task(self._run_parts(), name="parts")
            stopped = parts.create_task(self.stop.wait(), name="stop")
            await asyncio.wait((http, running, stopped), return_when=asyncio.FIRST_COMPLETED)
            if http.done() and not self.stop.is_set():
                raise RuntimeError("the HTTP server ended by itself")
            await running
            server.should_exit = True

    async def _run_parts(self) -> None:
        service = self._service
        if not await self._unless_stopped(self._open()):
            return
        try:
            # Before the first record is read or published: then PostgreSQL would have caught up.
            if not await self._unless_stopped(self._notice_restores()):
                return
            async with asyncio.TaskGroup() as parts:
                background = [
                    parts.create_task(self._relay.run(), name="relay"),
                    parts.create_task(upkeep(service.db), name="upkeep"),
                ]
                workers: list[asyncio.Task[None]] = []
                if await self._unless_stopped(self._consume()):
                    workers = [parts.create_task(worker.run(self.stop)) for worker in service.workers]
                    self._waiting_for = None
                    collector.serve()
                    log.info("service.ready")
                await self.stop.wait()
                log.info("service.draining")
                if workers:
                    _, late = await asyncio.wait(workers, timeout=service.settings.drain_seconds)
                    for task in late:
                        log.warning("service.drain_cut", worker=task.get_name())
                        task.cancel()
                if self._subscriptions is not None:
                    await self._subscriptions.stop()
                for task in background:
                    task.cancel()
        finally:
            # After a crash, too: a member that leaves its groups frees its partitions now, not in 45 s.
            if self._subscriptions is not None:
                await self._subscriptions.stop()
            for opened in service.closes:
                await opened.aclose()
            await service.db.close()

    async def _open(self) -> None:
        service = self._service
        while True:
            try:
                await require_schema(service.settings.database_url.get_secret_value(), service.components)
                await service.db.open()
                async with service.db.all_tenants() as tx:
                    await service.settings.watch().look(tx)
            except Exception as error:
                if not is_lost_connection(error):
                    raise
                await service.db.close()
                log.warning("database.waiting", error=type(error).__name__)
                await asyncio.sleep(1)
            else:
                return

    @property
    def _group(self) -> str:
        return f"{self._service.settings.group_prefix}{self._service.name}"

    async def _notice_restores(self) -> None:
        service = self._service
        self._waiting_for = "Kafka"
        consumed = [consumer.topic for consumer in service.consumers()]
        await restores.notice(service.db, service.settings.kafka, service.name, self._group, consumed)

    async def _consume(self) -> None:
        service, settings = self._service, self._service.settings
        group, consumers = self._group, service.consumers()
        self._subscriptions = Subscriptions(
            service.db,
            settings.kafka,
            service.name,
            group,
            consumers,
            session_seconds=settings.session_seconds,
        )
        await self._subscriptions.start()
        self._waiting_for = "its copies of other services' facts"
        await copies.complete(service.db, settings.kafka, service.copies)

    async def _unless_stopped(self, work: Any) -> bool:
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
                return True
            return False
        finally:
            for unfinished in (task, stopped):
                unfinished.cancel()
            await asyncio.wait((task, stopped))

    def _stuck(self) -> str | None:
        # While Kafka is away nobody polls, and a restart would not bring it back: /readyz says so, /livez is well.
        if self._subscriptions is None or self._relay.waiting:
            return None
        return self._subscriptions.stuck()

    async def _not_ready(self) -> str | None:
        if self.stop.is_set():
            return "stopping"
        if self._waiting_for is not None:
            return f"waiting for {self._waiting_for}"
        if self._relay.waiting:
            return f"waiting for {self._relay.waiting}"
        return None if await self._service.db.answers() else "waiting for the database"

    async def _measure(self) -> None:
        if self._waiting_for is None:
            with contextlib.suppress(Exception):
                await self._relay.measure()
