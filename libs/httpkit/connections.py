"""The connections of a client: aiohttp's pool, with everything off that it would do on its own."""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property, partial

import aiohttp
import httpx
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from yarl import URL

from httpkit.addresses import AddressPolicy, GuardedResolver, guarded_socket
from httpkit.answer import Answer, shown
from httpkit.outcome import Outcome

_CONNECT_SECONDS = 10.0
# Shorter than any server keeps idle connections (IIS: 120 s, common proxies: 60 s): a POST on a connection that the
# peer is closing would be ambiguous.
_KEEP_ALIVE_SECONDS = 15.0
_READS = frozenset({"GET", "HEAD"})
_departure: "ContextVar[Departure]" = ContextVar("departure")
_may_leave: ContextVar[Callable[[], bool]] = ContextVar("may_leave", default=lambda: True)


@contextmanager
def leaving(may: Callable[[], bool]) -> Iterator[None]:
    """What is written in this block leaves only where `may` still says so when its connection is there.

    It is asked last, with nothing between it and the socket that is waited for: a process that was stopped while it
    connected, and goes on long afterwards, would write otherwise.
    """
    before = _may_leave.set(may)
    try:
        yield
    finally:
        _may_leave.reset(before)


@dataclass(slots=True)
class Departure:
    """Whether a request has begun to leave. Until then nothing was sent, whatever goes wrong."""

    has_begun: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it goes out, and the name it has in metrics and logs."""

    method: str
    url: URL
    endpoint: str
    headers: Mapping[str, str]
    body: bytes | None = None
    expects_json: bool = True

    @property
    def name(self) -> str:
        """Method and endpoint template."""
        return f"{self.method} {self.endpoint}"


class Connections:
    """Sends calls and reads their answers, one request for one call; opens nothing before the first.

    Redirects, cookies, proxies and .netrc of the environment are off: nothing but what the caller says is sent.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str],
        addresses: AddressPolicy,
        most: int,
        largest_body: int,
        request_id_header: str,
    ) -> None:
        self._headers = {"accept-encoding": "gzip, deflate", "accept": "application/json", **headers}
        self._addresses = addresses
        self._most = most
        self._largest_body = largest_body
        self._request_id_header = request_id_header.lower()

    async def answer_to(self, call: Call, departure: Departure) -> Answer:
        """Send a call and read its answer to the end; `departure` is told when it begins to leave.

        Raises:
            BodyTooLarge: the answer does not end where it should.
            BrokenHead: the answer does not begin as HTTP does.
            Exception: of aiohttp or of the operating system; what became of the call is unknown if it began to leave.
        """
        _departure.set(departure)
        try:
            return await self._exchanged(call)
        except aiohttp.ClientResponseError as error:
            # aiohttp's holds the headers of the request, hence the key, and the peer's own bytes.
            raise BrokenHead(type(error.__cause__).__name__) from None
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if not self._session.closed or (task is not None and task.cancelling()):
                raise
            raise Closed("The client was closed.") from error  # aiohttp cancels whoever waits for a connection

    async def _exchanged(self, call: Call) -> Answer:
        async with self._session.request(
            call.method, call.url, data=call.body, headers=call.headers, allow_redirects=False
        ) as response:
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > self._largest_body:
                    raise BodyTooLarge(f"more than {self._largest_body} bytes")
            headers = _joined(response.headers)
            request_id = headers.get(self._request_id_header)
            return Answer(
                status=response.status,
                headers=headers,
                content=bytes(content),
                request_id=request_id and shown(request_id),
                expects_json=call.expects_json and call.method != "HEAD",
            )

    async def aclose(self) -> None:
        """Close all; a call made later fails."""
        await self._session.close()

    @cached_property
    def _session(self) -> aiohttp.ClientSession:
        """Made by the first call, as aiohttp wants the loop that will be used to be running."""
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._most,
                ssl=_tls(),
                resolver=GuardedResolver(self._addresses),
                socket_factory=partial(guarded_socket, self._addresses),
                keepalive_timeout=_KEEP_ALIVE_SECONDS,
            ),
            headers=self._headers,
            skip_auto_headers=("content-type", "user-agent"),
            request_class=_QuietRequest,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp repeats GET, PUT and DELETE on its own when a kept connection breaks. One attempt is one request here;
        # and a connector error of its second try would hide that the first one was sent. There is no public switch.
        session._retry_connection = False  # noqa: SLF001
        return session


class BodyTooLarge(Exception):  # noqa: N818 - named by the fact
    """The peer sends more than we are ready to keep in memory."""


class BrokenHead(Exception):  # noqa: N818 - named by the fact
    """What came is no answer of HTTP."""


class Closed(Exception):  # noqa: N818 - named by the fact
    """The client was closed while the call waited for its connection."""


class NeverLeft(Exception):  # noqa: N818 - named by the fact
    """No connection was there for it in time; nothing was sent. Its cause says why."""

    outcome = Outcome.NOT_SENT


class TooLate(Exception):  # noqa: N818 - named by the fact
    """It has its connection, and may no longer leave; nothing was sent."""

    outcome = Outcome.NOT_SENT


class _QuietRequest(aiohttp.ClientRequest):
    """Goes out only on a connection where nothing has come in since the last answer.

    aiohttp would take what lies there (a late or second answer, a proxy's farewell) for the answer to this request.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if conn.protocol is None or conn.protocol.should_close:
            raise aiohttp.ServerDisconnectedError("The connection holds bytes that answer no call.")
        if self._is_too_late():
            raise TooLate
        _departure.get().has_begun = True
        return await super().send(conn)

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Head and body leave here, before Python 3.12 in a later round of the loop than `send`."""
        if self._is_too_late() and conn.protocol is not None:
            conn.protocol.set_exception(TooLate())
            return
        await super().write_bytes(writer, conn, content_length)

    def _is_too_late(self) -> bool:
        return self.method not in _READS and not _may_leave.get()()


def _joined(headers: Mapping[str, str]) -> dict[str, str]:
    """Each name once, in lower case; what came in several lines is one list, as HTTP reads it (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


@cache
def _tls() -> ssl.SSLContext:
    """One context for all clients: building it reads the certificate bundle, 20 ms and a megabyte each time."""
    return httpx.create_ssl_context()
