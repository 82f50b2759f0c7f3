"""What was asked of the API and what the simulator answered in this run: one exchange of each shape.

Nothing is judged while tests run; `plugin.py` does that at the end.
"""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BARE_CLIENT_ID = "1b7a7e2e-0000-4000-8000-000000000000"  # of tests that ask wrongly on purpose: only answers count
LARGEST = 50_000  # bytes of a body worth looking at: larger ones hold the same rows more often
ENOUGH = 300  # exchanges looked at of one address, method and status

WRONG_ON_PURPOSE = "tests.openapi.fault"

_ADDRESS = re.compile(r".*?/apis/3\.0(?P<path>/.*)", re.DOTALL)
_ID = re.compile(r"/\d+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and, where the simulator gave one, its answer. Header names are lower case."""

    method: str
    path: str  # after /apis/3.0
    query: str
    headers: dict[str, str]
    body: bytes
    status: int | None = None
    content_type: str = ""
    answer: bytes = b""

    @property
    def is_ours(self) -> bool:
        """Whether libs/connectwise asked, and not a test by hand."""
        return self.headers.get("clientid") != BARE_CLIENT_ID


@dataclass
class Recording:
    """One exchange of each shape."""

    exchanges: dict[Any, Exchange] = field(default_factory=dict)
    seen: Counter[Any] = field(default_factory=Counter)

    def note(self, exchange: Exchange) -> None:
        """Keep an exchange whose like was not seen."""
        route = (exchange.method, _ID.sub("/{}", exchange.path), exchange.status, exchange.is_ours)
        if max(len(exchange.body), len(exchange.answer)) > LARGEST or self.seen[route] >= ENOUGH:
            return
        self.seen[route] += 1
        names = frozenset(part.partition("=")[0] for part in exchange.query.split("&"))
        self.exchanges.setdefault((route, names, _shape_of(exchange.body), _shape_of(exchange.answer)), exchange)


RUN = Recording()


def path_of(url_path: str) -> str | None:
    """What follows `/apis/3.0`; None for other addresses."""
    match = _ADDRESS.fullmatch(url_path)
    return match["path"] if match else None


def note_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
    """Note what was asked of a peer that is not the simulator: its answers are not judged."""
    url = urlsplit(target)
    path = path_of(url.path)
    if path is not None:
        RUN.note(Exchange(method, path, url.query, {name.lower(): value for name, value in headers.items()}, body))


def listened_to(app: App) -> App:
    """The same application, with its exchanges noted."""

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope["path"])
        if path is None:
            await app(scope, receive, send)
            return
        body, answer = bytearray(), bytearray()
        start: dict[str, Any] = {}

        async def hearing() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def telling(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if scope.get(WRONG_ON_PURPOSE):
                return
            answer.extend(message.get("body", b""))
            if not message.get("more_body", False):
                headers = _headers(scope["headers"])
                query = scope["query_string"].decode("latin-1")
                content_type = _headers(start["headers"]).get("content-type", "")
                kept = (
                    scope["method"],
                    path,
                    query,
                    headers,
                    bytes(body),
                    start["status"],
                    content_type,
                    bytes(answer),
                )
                RUN.note(Exchange(*kept))

        await app(scope, hearing, telling)

    return listening


def marked(fail: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The simulator's way to make a call go wrong, with a note that its answer is wrong on purpose."""

    async def failing(edge: Any, fault: Any, request: Any, actor: Any, line: Any) -> None:
        line._scope[WRONG_ON_PURPOSE] = True
        await fail(edge, fault, request, actor, line)

    return failing


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def _shape_of(body: bytes) -> Any:
    try:
        return _shape(json.loads(body)) if body else None
    except ValueError:
        return "unreadable"


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((name, _shape(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return ("list", frozenset(map(_shape, value)))
    return type(value).__name__
