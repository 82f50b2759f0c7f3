"""A person's browser may not be made to steer the simulator by somebody else's page.

There is no session that such a page could lack, so the browser's own word decides: every current one says where a
request comes from. Clients that are no browsers say nothing and are let through.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from connectwise_simulator.peers.wire import App, Receive, Scope, Send

READING = ("GET", "HEAD", "OPTIONS")
OWN = ("same-origin", "none")  # none: typed, bookmarked or loaded again


def own_pages_only(app: App) -> App:
    """The application, refusing with 403 what a page of another origin wants changed."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in READING and _is_foreign(Headers(scope=scope)):
            refusal = PlainTextResponse("A page of another site may not change anything here.", 403)
            await refusal(scope, receive, send)
            return
        await app(scope, receive, send)

    return guarded


def _is_foreign(headers: Headers) -> bool:
    if (said := headers.get("sec-fetch-site")) is not None:
        return said not in OWN
    origin = headers.get("origin")
    # A proxy may end TLS before us, so that schemes differ; the host is what the person's address bar shows.
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
