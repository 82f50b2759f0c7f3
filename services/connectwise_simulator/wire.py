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


class PeerProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the connection's transport in the scope of each request."""

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
    transport = scope[TRANSPORT]
    raw = transport.get_extra_info("socket")
    if raw is not None and not transport.is_closing():
        with socket.socket(fileno=os.dup(raw.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await departure(receive)


async def cut(scope: Scope, receive: Receive) -> None:
    """Close after what was sent so far."""
    scope[TRANSPORT].close()
    await departure(receive)


async def departure(receive: Receive) -> None:
    """Wait until the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
