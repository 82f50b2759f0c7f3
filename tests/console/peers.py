"""Real servers on this machine: the console in this process, and services behind it that can be told to misbehave."""

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit import Problem, problems
from servicekit.access import Principal, read_token

Route = Callable[[Scope, Receive, Principal], Awaitable[Response]]


class Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        return


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The app on a free port, gone at the end of the block."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _no_signals() -> Any:
    import contextlib  # noqa: PLC0415

    return contextlib.nullcontext()


class Services:
    """All services in one app: checks the console's tokens as they do, answers what a test has put there."""

    def __init__(self, public_key: str) -> None:
        self._public_key = public_key
        self.answers: dict[tuple[str, str], Any] = {}
        self.first_piece = asyncio.Event()
        self.go_on = asyncio.Event()
        self.asked: list[tuple[str, str, Principal]] = []
        self.stopped_early = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path == "/readyz":
            await PlainTextResponse("ok")(scope, receive, send)
        elif path == "/openapi.json":
            await JSONResponse(DOCUMENT)(scope, receive, send)
        else:
            await self._service(scope, receive, send)

    async def _service(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, _, service, rest = scope["path"].split("/", 3)
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        try:
            caller = read_token(token, self._public_key, service)
        except Problem as problem:
            await problems.answer(problem)(scope, receive, send)
            return
        self.asked.append((scope["method"], scope["path"], caller))
        special: dict[str, Any] = {"echo": self._echo, "slow-upload": self._slow_upload, "drip": self._drip}
        special |= {"cut": self._cut, "silent": self._silent, "deaf": self._deaf}
        if rest.partition("/")[0] in special:
            await special[rest.partition("/")[0]](scope, receive, send, caller)
            return
        found = self.answers.get((scope["method"], scope["path"]))
        if callable(found):
            found = found(await _body(receive), scope)
        if isinstance(found, list) and found and isinstance(found[0], Step):
            found = found.pop(0).answer if len(found) > 1 else found[0].answer
        if found is None:
            found = Problem(404, "not_found", "there is nothing here")
        answer = problems.answer(found) if isinstance(found, Problem) else JSONResponse(found)
        await answer(scope, receive, send)

    async def _echo(self, scope: Scope, receive: Receive, send: Send, caller: Principal) -> None:
        body = await _body(receive)
        said = {
            "method": scope["method"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
            "tenant": caller.tenant_id,
            "subject": caller.subject,
            "permissions": sorted(caller.permissions),
            "operator": caller.operator,
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        headers = {"x-own": "kept", "set-cookie": "a=b", "connection": "x-hop", "x-hop": "dropped"}
        await JSONResponse(said, status_code=203, headers=headers)(scope, receive, send)

    async def _slow_upload(self, scope: Scope, receive: Receive, send: Send, _: Principal) -> None:
        message = await receive()
        self.first_piece.set()
        size = len(message.get("body", b""))
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                self.stopped_early.set()
                return
            size += len(message.get("body", b""))
        await JSONResponse({"bytes": size})(scope, receive, send)

    async def _drip(self, _scope: Scope, _receive: Receive, send: Send, _caller: Principal) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await self.go_on.wait()
        await send({"type": "http.response.body", "body": b"two"})

    async def _cut(self, _scope: Scope, _receive: Receive, send: Send, _caller: Principal) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"only this", "more_body": True})
        raise ConnectionAbortedError

    async def _silent(self, _scope: Scope, receive: Receive, _send: Send, _caller: Principal) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _deaf(self, scope: Scope, receive: Receive, send: Send, _caller: Principal) -> None:
        await problems.answer(Problem(413, "too_large", "not even looked at"))(scope, receive, send)


class Step:
    """One of several answers that are given one after the other; the last one stays."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


@asynccontextmanager
async def breaking() -> AsyncIterator[str]:
    """A server that reads a request and closes the connection without a word."""

    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(closes, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _body(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {
        "/v1/billing-intake/imports": {"get": {"schema": {"$ref": "#/components/schemas/Page"}}},
        "/livez": {"get": {}},
    },
    "components": {"schemas": {"Page": {"items": {"$ref": "#/components/schemas/Item"}}, "Item": {"type": "object"}}},
}


def text_of(body: Any) -> str:
    """An answer as text, to look for what must not be in it."""
    return json.dumps(body)
