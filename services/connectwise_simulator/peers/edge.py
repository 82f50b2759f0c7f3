"""From the wire to the sites and back, with the faults in between."""

import asyncio
from typing import Any, Literal

from connectwise_simulator import api
from connectwise_simulator.call import Answer, Request
from connectwise_simulator.errors import FORBIDDEN_TEXT, plain
from connectwise_simulator.jsonwire import dumps, error_text, loads
from connectwise_simulator.peers import wire
from connectwise_simulator.peers.callbacks import signing_key
from connectwise_simulator.peers.door import DoorOrder
from connectwise_simulator.peers.faults import Afterwards, Apply, Effect, Fault, Tell
from connectwise_simulator.peers.wire import Receive, Scope, Send
from connectwise_simulator.registry import route
from connectwise_simulator.security import credentials
from connectwise_simulator.site import Actor
from connectwise_simulator.world import World

LARGEST_BODY = 5_000_000
WRONG_BY = 1_000_000
LONGEST_URL = 2_000  # characters after the host; what callers are told to keep to
HTML = "text/html; charset=utf-8"
PROXY_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1><hr>edge proxy</body></html>"
NO_JSON = "Your request has been accepted."
FOREIGN = {"serialNumber": "SOMEBODY-ELSES-MARKER", "integrationXRef": "SOMEBODY-ELSES-MARKER"}
TIMEOUT_TEXT = "A timeout has occured. Please try again."
POOL_TEXT = "Timeout expired.  The timeout period elapsed prior to obtaining a connection from the pool."
PHRASES = {200: "Just a moment...", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


_DOORS: dict[Afterwards | None, Literal["refuse", "reset", "silent"]] = {
    Afterwards.PORT_REFUSES: "refuse",
    Afterwards.PORT_RESETS: "reset",
    Afterwards.PORT_IS_SILENT: "silent",
}


class Edge:
    """The ASGI application of the API; the control API and the page stand beside it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or fail it as ordered."""
        if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_URL:
            await _send(send, Answer(414, error_text(plain(414, "ConnectWiseApi", "The URI is too long.").body)))
            return
        request = await _request(scope, receive)
        if request is None:
            await _send(send, Answer(413, error_text(plain(413, "ConnectWiseApi", "The body is too large.").body)))
            return
        found = signing_key(self._world.sites, request.path)
        if found is not None:
            await _send(send, found)
            return
        company = api.company_asked_for(request.path)
        if company is not None:
            fault = self._world.faults.striking_by_path(company.lower(), request.method, request.path.lstrip("/"))
            await self._carry_out(fault, request, _Line(scope, receive, send))
            return
        if self._world.latency:
            await asyncio.sleep(self._world.latency)
        rest = api.rest_of(request.path) or ""
        given = credentials(request)
        site = given[0].lower() if given else ""
        home = self._world.sites.get(site)
        # Only known companies are counted by name: a stranger must not fill memory with invented ones.
        self._world.calls["" if home is None else site, request.method, route(rest)[0]] += 1
        if home is not None and home.knobs.calls_per_minute is not None:
            seconds = self._world.rates.wait(home, home.knobs.calls_per_minute)
            if seconds:
                await _send(send, _too_many(seconds))
                return
        fault = self._world.faults.striking(site, request.method, rest)
        await self._carry_out(fault, request, _Line(scope, receive, send))

    async def _carry_out(self, fault: Fault | None, request: Request, line: "_Line") -> None:
        actor = Actor("", request.method, request.path)
        if fault is None:
            found = self._applied(request, actor)
            self._told(actor, line.status_of(found))
            await line.send(found)
        else:
            await self._fail(fault, request, actor, line)

    async def _fail(self, fault: Fault, request: Request, actor: Actor, line: "_Line") -> None:
        effect = fault.effect
        truth: Answer | None = None
        if effect.apply is Apply.AFTER_DELAY:
            await asyncio.sleep(fault.order.delay)
        if effect.apply is Apply.LATER:
            self._apply_later(fault, request, actor)
        elif effect.apply is not Apply.NEVER:
            truth = self._applied(request, actor)
            if fault.order.kind == "list_lag":
                self._unlist(actor, fault.order.delay)
        if effect.tell is Tell.TRUTH_LATE:
            await asyncio.sleep(fault.order.delay)
        self._told(actor, await line.tell(effect, fault, truth))
        if effect.afterwards in _DOORS:
            seconds, connections = fault.order.delay, fault.order.connections
            mode = _DOORS[effect.afterwards]
            self._world.shut(DoorOrder(mode=mode, seconds=seconds, connections=connections))

    def _applied(self, request: Request, actor: Actor) -> Answer:
        """The site's answer; what it changed is kept before anybody hears of it."""
        try:
            return api.answer(self._world.sites, request, actor)
        finally:
            self._world.journal.keep()

    def _told(self, actor: Actor, answer: int | str) -> None:
        self._world.history.told(actor.effects, answer)
        self._world.journal.keep()

    def _apply_later(self, fault: Fault, request: Request, actor: Actor) -> None:
        async def apply() -> None:
            await asyncio.sleep(fault.order.delay)
            self._applied(request, actor)
            self._told(actor, fault.order.tell if fault.order.tell != "504" else 504)

        task = asyncio.create_task(apply())
        self._world.late.add(task)
        task.add_done_callback(self._world.late.discard)

    def _unlist(self, actor: Actor, seconds: float) -> None:
        for effect in actor.effects:
            if effect.before is None:
                self._world.sites[effect.site.lower()].tables[effect.table].unlist(effect.record_id, seconds)


class _Line:
    """One client's connection during one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    def status_of(self, answer: Answer) -> int | str:
        """What the client will have been told of this answer."""
        return "gone" if wire.is_gone(self._scope) else answer.status

    async def send(self, answer: Answer) -> None:
        """The answer as it is."""
        await _send(self._send, answer)

    async def tell(self, effect: Effect, fault: Fault, truth: Answer | None) -> int | str:
        """Do to the client what the fault says; what it was told, for the history."""
        if wire.is_gone(self._scope):
            return "gone"
        if effect.tell is Tell.RESET:
            await wire.reset(self._scope, self._receive)
            return "reset"
        if effect.tell is Tell.SILENCE:
            await wire.silence(self._scope, self._receive)
            return "silence"
        if effect.tell is Tell.GARBAGE:
            await wire.babble(self._scope, self._receive)
            return "garbage"
        if effect.tell is Tell.ERROR or truth is None:
            await _send(self._send, _error(effect, fault))
            return effect.status
        return await self._answer(effect, truth)

    async def _answer(self, effect: Effect, truth: Answer) -> int | str:
        """The site's answer or what is left of it."""
        if effect.tell is Tell.TRUNCATED:
            await _send(self._send, truth, share=0.5)
            await wire.cut(self._scope, self._receive)
            return "truncated"
        if effect.tell in (Tell.EMPTY, Tell.NOT_JSON):
            body = "" if effect.tell is Tell.EMPTY else NO_JSON
            await _send(self._send, Answer(truth.status, body, truth.headers, truth.content_type))
            return str(effect.tell.value)
        if effect.tell is Tell.WRONG_ID:
            truth = _with_wrong_id(truth)
        elif effect.tell is Tell.FOREIGN_MARKER:
            truth = _with_foreign_marker(truth)
        await _send(self._send, truth)
        if effect.afterwards in (Afterwards.SILENT, Afterwards.RESET):
            wire.forsake(self._scope, and_reset=effect.afterwards is Afterwards.RESET)
        return truth.status


def _error(effect: Effect, fault: Fault) -> Answer:
    if effect.html:
        return Answer(effect.status, PROXY_PAGE.format(PHRASES[effect.status]), content_type=HTML)
    if effect.status == 429:  # noqa: PLR2004 - the one with a body of its own
        return _too_many(fault.order.retry_after)
    bodies: dict[int, dict[str, Any]] = {
        401: {"code": "Unauthorized", "message": "The username or password is incorrect.", "errors": None},
        403: {"code": "Security", "message": FORBIDDEN_TEXT, "errors": None},
        500: {"code": "ConnectWiseApi", "message": POOL_TEXT if effect.pool else TIMEOUT_TEXT, "errors": None},
    }
    return Answer(effect.status, error_text(bodies[effect.status]))


def _too_many(seconds: int) -> Answer:
    # This body has the key `error` where all others have `code`.
    body = {"error": "ConnectWiseAPI", "message": f"Too many requests. Please try again in {seconds} seconds."}
    return Answer(429, error_text(body), [("retry-after", str(seconds))])


def _with_foreign_marker(truth: Answer) -> Answer:
    if truth.record_id is None:
        return truth
    body = loads(truth.body)
    if isinstance(body, dict):
        body |= {name: marker for name, marker in FOREIGN.items() if name in body}
    return Answer(truth.status, dumps(body), truth.headers, truth.content_type)


def _with_wrong_id(truth: Answer) -> Answer:
    if truth.record_id is None:
        return truth
    body = loads(truth.body)
    if isinstance(body, dict) and "id" in body:
        body["id"] += WRONG_BY
    return Answer(truth.status, dumps(body), truth.headers, truth.content_type)


async def _request(scope: Scope, receive: Receive) -> Request | None:
    """The whole request; None if its body is larger than any record."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], scope["path"], query, headers, body, scope["scheme"])


async def _send(send: Send, answer: Answer, share: float = 1.0) -> None:
    """Send an answer, or its first part with the length of the whole."""
    body = answer.body.encode()
    headers = [("content-type", answer.content_type), *api.usual_headers(), *answer.headers]
    if answer.status != 204:  # noqa: PLR2004 - no content
        headers.append(("content-length", str(len(body))))
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    part = body[: int(len(body) * share)]
    await send({"type": "http.response.body", "body": part, "more_body": share < 1})
