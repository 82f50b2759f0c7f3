"""A peer on a real socket that behaves as a test says, and remembers what it was asked."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass
class Peer:
    url: str
    asked: list[Asked] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def connections(self) -> int:
        return len(self.writers)


Behaviour = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def reply(
    status: int = 200, body: object = None, *, headers: dict[str, str] | None = None, raw: bytes | None = None
) -> Behaviour:
    """Answer properly."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        content = raw if raw is not None else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first request gets the first behaviour, and so on; the last one stays."""
    left = list(behaviours)

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(asked, writer)

    return behave


def bytes_then_close(content: bytes) -> Behaviour:
    """Write exactly these bytes and close."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        writer.close()

    return behave


def written(content: bytes) -> Behaviour:
    """Write exactly these bytes and keep the connection."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()

    return behave


def dripped(content: bytes) -> Behaviour:
    """Write a byte every hundredth of a second, from the start again at the end."""

    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        for byte in cycle(content):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.01)

    return behave


async def reset(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Reset the connection, as a crashed peer or a firewall does."""
    _abort(writer)


async def silence(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await writer.wait_closed()


def _abort(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def peer(
    behave: Behaviour, *, reset_on_connect: bool = False, greeting: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Peer]:
    """Serve on a free port of the loopback interface."""
    serving: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there.writers.append(writer)
        if (task := asyncio.current_task()) is not None:
            serving[task] = writer
        try:
            if reset_on_connect:
                _abort(writer)
                return
            writer.write(greeting)
            while not writer.is_closing():
                asked = await _read(reader)
                there.asked.append(asked)
                there.was_asked.set()
                await behave(asked, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    there = Peer(f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    try:
        yield there
    finally:
        server.close()
        for task, writer in serving.items():
            writer.transport.abort()
            task.cancel()
        await server.wait_closed()
        await asyncio.gather(*serving, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, target, _ = first.split(" ")
    return Asked(method, target, headers, body)
