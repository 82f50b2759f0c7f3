"""Before everything the console serves: whoever has no API token gets no further than the probes."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.access_tokens import AccessTokens
from console.gateway import Gateway, refuse_odd_path
from console.openapi import Documents
from console.sign_in import SignIn
from messaging import NOBODY
from servicekit import Problem, problems
from storage import is_lost_connection

CONSOLE = "console"
_PROBES = ("/livez", "/readyz", "/metrics")


class Door:
    """Swaps API tokens for short-lived ones and sends each request to the service it names.

    The console's own routes are reached the same way, with a token for the audience `console`, so that they are
    guarded by `allow` like all others. There is no route for the gateway: what is behind it guards itself.
    """

    def __init__(
        self, app: ASGIApp, sign_in: SignIn, access_tokens: AccessTokens, gateway: Gateway, documents: Documents
    ) -> None:
        self._app = app
        self._sign_in = sign_in
        self._access_tokens = access_tokens
        self._gateway = gateway
        self._documents = documents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the server's start and end on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._closing(send))
        elif scope["type"] != "http":
            raise RuntimeError(f"the console speaks no {scope['type']}")
        elif scope["path"] in _PROBES:
            await self._app(scope, receive, send)
        else:
            try:
                answer = await self._answer(scope)
            except Problem as problem:
                answer = problems.answer(problem)
            except Exception as error:
                if not is_lost_connection(error):
                    raise
                answer = problems.answer(
                    Problem(503, "unavailable", "the console's database does not answer; try again", service=CONSOLE)
                )
            await answer(scope, receive, send)

    async def _answer(self, scope: Scope) -> ASGIApp:
        """What will answer the request."""
        path: str = scope["path"]
        if path == "/openapi.json" and scope["method"] in {"GET", "HEAD"}:
            return JSONResponse(await self._documents.merged(scope["app"]))
        refuse_odd_path(path)
        if scope["app"].state.stopping():
            raise Problem(503, "stopping", "the console is shutting down; try again", service=CONSOLE)
        headers = Headers(scope=scope)
        caller = await self._sign_in.caller(headers.get("authorization", ""), headers.get("x-tenant", ""))
        service = _service_of(path)
        if service == CONSOLE:
            return self._as(self._access_tokens.sign(caller, CONSOLE))
        if service not in self._gateway.services:
            raise Problem(404, "unknown_service", f"there is no service here; there are {self._gateway.said()}")
        if caller.tenant_id == NOBODY and not path.startswith(f"/v1/{service}/installation"):
            raise Problem(
                400, "tenant_needed", "this token is the installation's: name a tenant in the header X-Tenant"
            )
        return self._gateway.to(service, self._access_tokens.sign(caller, service))

    def _as(self, access_token: str) -> ASGIApp:
        bearer = (b"authorization", b"Bearer " + access_token.encode())

        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
            await self._app({**scope, "headers": [*others, bearer]}, receive, send)

        return inside

    def _closing(self, send: Send) -> Callable[[Message], Awaitable[None]]:
        async def closing(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self._gateway.aclose()
            await send(message)

        return closing


def _service_of(path: str) -> str:
    parts = path.split("/", 3)
    return parts[2] if len(parts) == 4 and parts[:2] == ["", "v1"] else ""  # noqa: PLR2004 (/v1/<service>/...)
