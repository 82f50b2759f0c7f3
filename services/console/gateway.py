"""Requests on to the other services and their answers back, both as streams."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
import httpx
import structlog
from httpx_aiohttp import AiohttpTransport
from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import Problem, problems

log = structlog.get_logger()

FORWARDED = Counter(
    "gateway_requests_total",
    "Requests forwarded. outcome unreachable or silent: that service is down or overloaded, see its /readyz and log.",
    ["service", "outcome"],
)

_CONNECT_SECONDS = 5.0
# Of one connection only, and what would speak in the caller's name or of where it stands.
_NOT_FORWARDED = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding"
    b" upgrade expect host authorization cookie x-tenant forwarded x-forwarded-for x-forwarded-host x-forwarded-proto"
    b" x-real-ip".split()
)
# `server` and `date` are this server's.
_NOT_RETURNED = frozenset(
    b"connection keep-alive proxy-authenticate proxy-connection te trailer transfer-encoding upgrade set-cookie server"
    b" date".split()
)

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds: a service's silence, a caller's silence, one exchange in all. And a request's bytes."""

    answer: float
    caller: float
    exchange: float
    bytes: int


class Gateway:
    """The way to the other services. Opens nothing before its first request."""

    def __init__(self, urls: Mapping[str, str], limits: Limits) -> None:
        self._urls = {name: url.rstrip("/") for name, url in urls.items()}
        self._limits = limits
        self._transport = AiohttpTransport(verify=False, client=_session)

    @property
    def services(self) -> list[str]:
        """The names of the services behind it."""
        return sorted(self._urls)

    def said(self) -> str:
        """The same, for people."""
        return ", ".join(f"/v1/{name}" for name in ["console", *self.services])

    def to(self, service: str, access_token: str) -> ASGIApp:
        """An app that answers what the service answers."""

        async def forward(scope: Scope, receive: Receive, send: Send) -> None:
            exchange = _Exchange(service, self._limits, receive)
            try:
                async with asyncio.timeout(self._limits.exchange):
                    await self._forward(exchange, scope, access_token, send)
            except Problem as problem:
                await problems.answer(problem)(scope, receive, send)
            except TimeoutError:
                if not exchange.answering:
                    await problems.answer(exchange.silent())(scope, receive, send)

        return forward

    async def _forward(self, exchange: "_Exchange", scope: Scope, access_token: str, send: Send) -> None:
        query = scope["query_string"].decode("ascii", errors="strict")
        target = self._urls[exchange.service] + scope["raw_path"].decode("ascii") + (f"?{query}" if query else "")
        headers = _without(scope["headers"], _NOT_FORWARDED)
        request = httpx.Request(
            scope["method"],
            target,
            headers=[*headers, (b"authorization", b"Bearer " + access_token.encode())],
            content=exchange.body(headers) if _has_body(scope["headers"]) else None,
            extensions={"timeout": {"connect": _CONNECT_SECONDS, "read": self._limits.answer}},
        )
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            raise exchange.failed(error) from error
        FORWARDED.labels(exchange.service, f"{response.status_code // 100}xx").inc()
        exchange.answering = True
        try:
            await exchange.answer(response, send)
        finally:
            await response.aclose()

    async def fetch(self, service: str, path: str, within: float) -> tuple[int, bytes]:
        """Status and body of a service's own page (a probe, its OpenAPI); status 0 where it does not answer."""
        timeout = {"connect": within, "read": within}
        request = httpx.Request("GET", self._urls[service] + path, extensions={"timeout": timeout})
        try:
            async with asyncio.timeout(within):
                response = await self._transport.handle_async_request(request)
                try:
                    return response.status_code, b"".join([piece async for piece in response.aiter_raw()])
                finally:
                    await response.aclose()
        except (httpx.TransportError, TimeoutError):
            return 0, b""

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


class _Exchange:
    """One request and its answer."""

    def __init__(self, service: str, limits: Limits, receive: Receive) -> None:
        self.service = service
        self.answering = False
        self._limits = limits
        self._receive = receive
        # aiohttp turns what its sender raises into an error of its own: the reason is kept here.
        self._refusal: Problem | None = None

    def body(self, headers: Headers) -> AsyncIterator[bytes]:
        """The caller's body, piece by piece; Problem 413 where its length says already that it is too long."""
        length = next((value for name, value in headers if name == b"content-length"), b"")
        if length.isdigit() and int(length) > self._limits.bytes:
            raise self._too_long()
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        seen, more = 0, True
        while more:
            try:
                async with asyncio.timeout(self._limits.caller):
                    message: Message = await self._receive()
            except TimeoutError:
                said = f"nothing came for {self._limits.caller:.0f} s; nothing was forwarded to its end"
                raise self._because(Problem(408, "upload_stalled", said)) from None
            if message["type"] == "http.disconnect":
                raise self._because(Problem(400, "upload_cut", "the upload ended before its end"))
            piece: bytes = message.get("body", b"")
            seen += len(piece)
            if seen > self._limits.bytes:
                raise self._because(self._too_long())
            if piece:
                yield piece
            more = message.get("more_body", False)

    def _too_long(self) -> Problem:
        return Problem(413, "too_large", f"the request is over {self._limits.bytes:,} bytes")

    def _because(self, problem: Problem) -> Problem:
        self._refusal = problem
        return problem

    def failed(self, error: httpx.TransportError) -> Problem:
        """What a request without an answer means for the caller."""
        if self._refusal is not None:
            return self._refusal
        name = self.service
        if isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            FORWARDED.labels(name, "unreachable").inc()
            log.warning("gateway.unreachable", to=name)
            return Problem(503, "service_down", f"{name} cannot be reached; nothing was done; try again", service=name)
        if isinstance(error.__cause__, TimeoutError):
            return self.silent()
        FORWARDED.labels(name, "broke_off").inc()
        log.warning("gateway.broke_off", to=name, error=type(error.__cause__).__name__)
        return Problem(
            503,
            "service_down",
            f"{name} broke off before it answered; whether it did what was asked is unknown: look before you repeat it",
            service=name,
        )

    def silent(self) -> Problem:
        """The service said nothing for too long."""
        FORWARDED.labels(self.service, "silent").inc()
        log.warning("gateway.silent", to=self.service)
        said = f"{self.service} did not answer in time; it may still do what was asked: look before you repeat it"
        return Problem(504, "service_silent", said, service=self.service)

    async def answer(self, response: httpx.Response, send: Send) -> None:
        """Give the answer on as it comes.

        Where it breaks off it is not ended: the server then closes the caller's connection, which so sees the cut.
        """
        headers = _without(response.headers.raw, _NOT_RETURNED)
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        try:
            async for piece in response.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except httpx.TransportError:
            log.warning("gateway.answer_cut", to=self.service)
            return
        await send({"type": "http.response.body", "body": b""})


def refuse_odd_path(path: str) -> None:
    """Problem 400 for a decoded path that some server on the way might take for another one."""
    odd_characters = not path.isprintable() or "\\" in path
    if odd_characters or any(part in {".", ".."} for part in path.split("/")):
        raise Problem(400, "odd_path", "the path contains .., . or characters that a path cannot have")


def _session() -> aiohttp.ClientSession:
    opened = aiohttp.ClientSession(
        # One service that hangs must not take the connections to all others.
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=200, keepalive_timeout=15),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
    )
    # aiohttp repeats GET, PUT and DELETE by itself when a kept connection breaks; whether to repeat is the caller's
    # decision. There is no public switch.
    opened._retry_connection = False  # noqa: SLF001
    return opened


def _without(headers: Headers, names: frozenset[bytes]) -> Headers:
    """The headers without these and without those that `Connection` names."""
    named = {
        name.strip().lower() for key, value in headers if key.lower() == b"connection" for name in value.split(b",")
    }
    return [(key, value) for key, value in headers if key.lower() not in names and key.lower() not in named]


def _has_body(headers: Headers) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0") for name, value in headers
    )
