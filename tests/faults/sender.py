"""A sending process, to be killed, stopped or asked to end: `invoice_push`'s delivery alone, struck where it is told.

Processes are forked from a server that has imported everything, so that each starts in milliseconds.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil

from connectwise import ConnectWise, Credentials
from contracts.events import ConnectionChanged
from contracts.values import SiteId, TenantId
from delivery import Delivery, Operation, Pace, points
from delivery.points import Point
from devstack import provision
from httpkit import Breaker, Limiter, RetryPolicy
from invoice_push.pusher import Additions
from storage import Database
from tenancy import PRIVATE_KEY, Keyring, Sites
from tests.factories import facts

HOUR = 3600.0
TCP_REPAIR = 19
_server = get_context("forkserver")
_server.set_forkserver_preload([__name__])


class Blow(StrEnum):
    """What becomes of a process at the point where it is struck."""

    KILL = "kill -9"
    STOP = "SIGSTOP"
    STAND = "stands still"
    """The operation stands still, the process and its session live."""
    VANISH = "vanishes"
    """Like a node without power: gone, and its connections get neither FIN nor RST. Needs CAP_NET_ADMIN."""


class Socket(StrEnum):
    """Where no check is made any more, and nothing of ours could tell: not a point of delivery's."""

    POST = "a POST at its socket"


@dataclass(frozen=True, slots=True)
class Strike:
    """The `nth` time that any operation reaches `point`."""

    point: Point | Socket
    blow: Blow = Blow.KILL
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Orders:
    """All that a sender is told. `clock`: how far off its wall clock is, in seconds; it jumps at every point."""

    app: str
    all_tenants: str
    keyring: Keyring
    pace: Pace
    log: Path
    strike: Strike | None = None
    clock: float = 0.0


class Clients(Sites):
    """As in production, with the times of retries and breaker scaled down like the pace."""

    def __init__(self, db: Database, keyring: Keyring, pace: Pace) -> None:
        super().__init__(db, keyring, calls_per_minute=100_000, deadline=pace.deadline, allow_loopback=True)
        self._made: list[ConnectWise] = []
        self.opened = 0

    async def open(self, tenant_id: TenantId, site_id: SiteId, *, within: float = 0.0) -> ConnectWise:
        self.opened += 1
        return await super().open(tenant_id, site_id, within=within)

    def client(self, tenant_id: TenantId, fact: ConnectionChanged) -> ConnectWise:
        assert fact.private_key is not None
        private = self._keyring.unseal(tenant_id, PRIVATE_KEY, fact.private_key)
        made = ConnectWise(
            fact.base_url,
            Credentials(fact.company_id, fact.public_key, private, fact.client_id),
            limiter=self._limiters.setdefault(fact.site_id, Limiter(100_000, concurrency=10)),
            deadline=self._deadline,
            addresses=self._addresses,
            retry=RetryPolicy(attempts=3, seconds=2.0, first_wait=0.02, longest_wait=0.1),
            breaker=Breaker(cool_down=0.3),
        )
        # The sign-in has a breaker of its own, which nobody can hand in.
        made._login._breaker = Breaker(cool_down=0.3)
        self._made.append(made)
        return made

    async def aclose(self) -> None:
        for client in self._made:
            await client.aclose()


class Sender:
    """A process that sends."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self._process = _server.Process(target=_main, args=(orders,), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @classmethod
    def of(cls, urls: provision.Database, pace: Pace, log: Path, strike: Strike | None = None, **more: Any) -> Self:
        return cls(Orders(urls.app, urls.all_tenants, facts.KEYRING, pace, log, strike, **more))

    @property
    def lives(self) -> bool:
        return bool(self._process.is_alive())

    @property
    def is_stopped(self) -> bool:
        """By SIGSTOP."""
        try:
            return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    @property
    def is_struck(self) -> bool:
        """Whether it has met the blow of its orders."""
        return not self.lives or self.is_stopped or " stands still" in self.said()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGSTOP)

    def cont(self) -> None:
        self._signal(signal.SIGCONT)

    def term(self) -> None:
        """Ask it to end in good order."""
        self._signal(signal.SIGTERM)

    def said(self) -> str:
        """Its log."""
        return self.orders.log.read_text() if self.orders.log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        if self.lives:
            os.kill(self.pid, number)

    def end(self) -> None:
        """Whatever state it is in, it is gone."""
        self.kill()
        self._process.join(10)
        self._process.close()


def _main(orders: Orders) -> None:
    log = os.open(orders.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    asyncio.run(_send(orders))


async def _send(orders: Orders) -> None:
    wall = _WallClock(orders.clock)
    reached: dict[Point | Socket, int] = {}

    async def hook(point: Point | Socket, _: Operation | None = None) -> None:
        wall.jump()
        reached[point] = reached.get(point, 0) + 1
        if orders.strike is not None and (point, reached[point]) == (orders.strike.point, orders.strike.nth):
            await _suffer(orders.strike)

    points.hook = hook
    _at_the_socket(lambda: hook(Socket.POST))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if (suite := parent_process()) is not None:  # whatever becomes of the suite, nobody is left behind
        asyncio.get_running_loop().add_reader(suite.sentinel, os._exit, 1)
    db = Database(orders.app, orders.all_tenants, connections=4)
    await db.open()
    sites = Clients(db, orders.keyring, orders.pace)
    await Delivery(db, Additions(db, sites), pace=orders.pace).run(stop)
    await sites.aclose()
    await db.close()


def _at_the_socket(reached: Callable[[], Awaitable[None]]) -> None:
    """Be told of every POST that has its connection and whose first byte is about to leave."""
    leave = aiohttp.ClientRequest.write_bytes

    async def write_bytes(self: aiohttp.ClientRequest, *which: Any) -> None:
        if self.method == "POST":
            await reached()
        await leave(self, *which)

    aiohttp.ClientRequest.write_bytes = write_bytes  # type: ignore[method-assign, assignment]


async def _suffer(strike: Strike) -> None:
    sys.stdout.write(f"{strike.point}: {strike.blow}\n")
    match strike.blow:
        case Blow.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Blow.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Blow.STAND:
            await asyncio.Event().wait()
        case Blow.VANISH:
            # What has come in is acknowledged up to 40 ms later; sent again to nobody, it would be told so.
            time.sleep(0.2)  # noqa: ASYNC251 (nothing of this process may go on meanwhile)
            _leave_no_word()
            os.kill(os.getpid(), signal.SIGKILL)


def can_vanish() -> bool:
    """Whether this user may close connections without a word."""
    with socket.socket() as tried:
        try:
            tried.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        except OSError:
            return False
    return True


def _leave_no_word() -> None:
    """A connection that is under repair is closed without a FIN, and what arrives for it finds nobody."""
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if str(link.readlink()).startswith("socket:"):
                with socket.socket(fileno=os.dup(int(link.name))) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)


class _WallClock:
    """The wall clock as this process sees it, off by so much, and by as much the other way after each jump."""

    def __init__(self, off: float) -> None:
        self.off = off
        if not off:
            return
        now = time.time
        time.time = lambda: now() + self.off

        class Shifted(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return datetime.now(tz) + timedelta(seconds=wall.off)

        wall = self
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in ("delivery", "httpkit", "connectwise", "invoice_push", "storage", "tenancy"):
                for attribute, value in list(vars(module).items()):
                    if value is datetime:
                        setattr(module, attribute, Shifted)

    def jump(self) -> None:
        self.off = -self.off
