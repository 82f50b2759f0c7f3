"""A person's browser may not be made to steer the simulator by somebody else's page.

There is no session that such a page could lack, so the browser's own word decides: every current one says where a
request comes from. Clients that are no browsers say nothing and are let through. A page could also point a name of its
own at this machine and pass for one of ours: so only names that nobody else can give away are answered.
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from connectwise_simulator.peers.wire import App, Receive, Scope, Send
from connectwise_simulator.world import World

READING = ("GET", "HEAD", "OPTIONS")
OWN = ("same-origin", "none")  # none: typed, bookmarked or loaded again
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]@]+))(?::[0-9]*)?")


def own_pages_only(app: App, world: World) -> App:
    """The application, refusing a foreign name (421) and what a page of another origin wants changed (403).

    Own names are addresses, localhost and the world's.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        headers, refusal = Headers(scope=scope), None
        # Under TLS a browser has compared the name with the certificate's already.
        if scope["scheme"] != "https" and not _is_own(headers.get("host"), world.names):
            refusal = PlainTextResponse("This name is not known here; --name HOST at the start makes it known.", 421)
        elif scope["method"] not in READING and _is_foreign(headers):
            refusal = PlainTextResponse("A page of another site may not change anything here.", 403)
        await (refusal or app)(scope, receive, send)

    return guarded


def _is_own(host: str | None, names: frozenset[str]) -> bool:
    if host is None:
        return True
    parts = _HOST.fullmatch(host.lower())
    if parts is None:
        return False
    name = parts[1] or parts[2]
    try:
        return bool(ip_address(name))
    except ValueError:
        return name == "localhost" or name.endswith(".localhost") or name in names


def _is_foreign(headers: Headers) -> bool:
    if (said := headers.get("sec-fetch-site")) is not None:
        return said not in OWN
    origin = headers.get("origin")
    # A proxy may end TLS before us, so that schemes differ; the host is what the person's address bar shows.
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
