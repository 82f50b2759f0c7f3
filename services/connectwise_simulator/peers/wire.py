"""The socket under a request, for peers that break off: a reset is a real RST, a truncated body really ends."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TRANSPORT = "connectwise_simulator.transport"
NOT_HTTP = b"\x16\x03\x01 bad gateway at upstream\r\n\r\n"


class PeerProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the connection's transport in the scope of each request."""

    says_nothing = False
    """Its request is never answered, so that nobody need wait for that."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the application the transport of its connection."""
        super().connection_made(transport)
        inner = cast("App", self.app)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = transport
            await inner(scope, receive, send)

        self.app = cast("Any", app)


def is_gone(scope: Scope) -> bool:
    """Whether the client has hung up already."""
    return bool(scope[TRANSPORT].is_closing())


async def reset(scope: Scope, receive: Receive) -> None:
    """End the connection with an RST and no byte of an answer."""
    abort(scope[TRANSPORT])
    await departure(receive)


async def cut(scope: Scope, receive: Receive) -> None:
    """Close after what was sent so far."""
    scope[TRANSPORT].close()
    await departure(receive)


async def babble(scope: Scope, receive: Receive) -> None:
    """Answer bytes that are no HTTP, and close."""
    scope[TRANSPORT].write(NOT_HTTP)
    await cut(scope, receive)


def forsake(scope: Scope, *, and_reset: bool) -> None:
    """After its answer, forget a connection without telling the client: what it sends next meets silence or an RST."""
    transport = scope[TRANSPORT]
    if not transport.is_closing():
        transport.set_protocol(_Forsaken(transport, transport.get_protocol(), and_reset=and_reset))


def abort(transport: asyncio.Transport) -> None:
    """End a connection with an RST."""
    raw = transport.get_extra_info("socket")
    if raw is not None and not transport.is_closing():
        with socket.socket(fileno=os.dup(raw.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Forsaken(asyncio.Protocol):
    """What is left of a connection that the peer has forgotten."""

    def __init__(self, transport: asyncio.Transport, before: asyncio.BaseProtocol, *, and_reset: bool) -> None:
        self._transport = transport
        self._before = before  # the server waits for it at its end
        self._and_reset = and_reset

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - nobody reads it
        """Meet the next request."""
        if self._and_reset:
            abort(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the server."""
        self._before.connection_lost(exc)


async def silence(scope: Scope, receive: Receive) -> None:
    """Say nothing, until the client leaves or the server ends."""
    scope[TRANSPORT].get_protocol().says_nothing = True
    await departure(receive)


async def departure(receive: Receive) -> None:
    """Wait until the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
