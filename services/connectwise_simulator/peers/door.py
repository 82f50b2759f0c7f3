"""The port itself: open, or for a while one that refuses, resets or swallows every new connection."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectwise_simulator.peers.wire import abort

BACKLOG = 1024
LAST_PORT = 65535
TRY_AGAIN = 0.001  # seconds; the loop closes a server's sockets a little later than it is asked to

MakeProtocol = Callable[[], asyncio.Protocol]


class CannotListenError(Exception):
    """The address is taken or not ours; the text says which."""


class DoorOrder(BaseModel):
    """What `POST /_simulator/door` takes: how new connections are met, for how many seconds or, if earlier, so many."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["refuse", "reset", "silent"]
    seconds: float = Field(gt=0, le=3600)
    connections: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _counts_what_it_sees(self) -> "DoorOrder":
        if self.mode == "refuse" and self.connections is not None:
            raise ValueError("refused connections never get as far as being counted: say for how many seconds")
        return self


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises CannotListenError."""
    made = None
    try:
        made = _bound(host, port)
        made.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        if made is not None:
            made.close()
        raise CannotListenError(f"{host}:{port}: {_reason(error)}") from None
    return made


class Door:
    """The listening socket and what stands behind it. Servers listen on copies of it, so the port stays ours."""

    def __init__(self, listener: socket.socket, make: MakeProtocol, tls: ssl.SSLContext | None) -> None:
        self._listener = listener
        self._make = make
        self._tls = tls
        self._address = listener.getsockname()[:2]
        self._server: asyncio.Server | None = None
        self._shutting: asyncio.Task[None] | None = None
        self._swallowed: set[asyncio.Transport] = set()

    async def open(self) -> None:
        """Serve."""
        self._server = await self._serving(self._make, self._tls)

    def shut(self, order: DoorOrder, hang_up: Callable[[], None]) -> bool:
        """Begin what is ordered; false if the door is shut already. `hang_up` ends what connections there are."""
        if self._shutting is not None and not self._shutting.done():
            return False
        self._shutting = asyncio.create_task(self._shut(order, hang_up))
        return True

    async def close(self) -> None:
        """Give the port back."""
        if self._shutting is not None:
            self._shutting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._shutting
        for transport in self._swallowed:
            transport.abort()
        self._end()
        self._listener.close()

    async def _shut(self, order: DoorOrder, hang_up: Callable[[], None]) -> None:
        hang_up()
        self._end()
        if order.mode == "refuse":
            self._listener.close()
            self._listener = await self._placeholder()
            await asyncio.sleep(order.seconds)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # beside connections that linger
            self._listener.listen(BACKLOG)
        else:
            seen = _Seen(order.connections)
            dead = _Reset if order.mode == "reset" else lambda s: _Swallow(s, self._swallowed)
            self._server = await self._serving(lambda: dead(seen), None)  # a handshake is never begun either
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(seen.enough.wait(), order.seconds)
            self._end()
        await self.open()

    async def _placeholder(self) -> socket.socket:
        """Bound and not listening: the system refuses connections, and nobody else can take the port."""
        while True:
            try:
                made = _bound(*self._address)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # or others could bind beside it
                return made
            await asyncio.sleep(TRY_AGAIN)

    async def _serving(self, make: MakeProtocol, tls: ssl.SSLContext | None) -> asyncio.Server:
        copy = self._listener.dup()
        try:
            return await asyncio.get_running_loop().create_server(make, sock=copy, ssl=tls, backlog=BACKLOG)
        except BaseException:
            copy.close()
            raise

    def _end(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class _Seen:
    """How many connections came."""

    def __init__(self, wanted: int | None) -> None:
        self._left = wanted
        self.enough = asyncio.Event()

    def one(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.enough.set()


class _Reset(asyncio.Protocol):
    def __init__(self, seen: _Seen) -> None:
        self._seen = seen

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        abort(transport)
        self._seen.one()


class _Swallow(asyncio.Protocol):
    def __init__(self, seen: _Seen, swallowed: set[asyncio.Transport]) -> None:
        self._seen = seen
        self._swallowed = swallowed

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._swallowed.add(transport)
        self._seen.one()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - either way it is gone
        self._swallowed.discard(self._transport)


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port <= LAST_PORT:  # the resolver would take the rest of a division for it
        raise OverflowError
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Head and body leave in two writes: with Nagle's algorithm every answer would wait 40 ms for an
        # acknowledgement.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "another process is listening there; name another port, or 0 for a free one"
    return f"cannot listen there ({error.strerror if isinstance(error, OSError) else error})"
