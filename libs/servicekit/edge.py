"""The HTTP edge of a service: its own routes under /v1/<name>, what all services answer, and bounded bodies."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from messaging import Consumer, ConsumerPausedError, dead_letters, resume
from messaging.dead_letters import DeadLetter, DeadLetterBytes, NotReplayableError
from servicekit import problems
from servicekit.access import Caller, allow, refuse_unguarded
from servicekit.paging import Page, Paging
from servicekit.problems import Problem
from servicekit.service import Service
from storage import Transaction, installation
from storage.installation import Installation


async def _transaction(request: Request, caller: Caller) -> AsyncIterator[Transaction]:
    if request.app.state.stopping():
        raise Problem(503, "stopping", "this process is shutting down; try again")
    async with request.app.state.db.transaction(caller.tenants) as tx:
        yield tx


# Committed before the answer leaves: a failing commit is an error to the caller, never a success.
Tx = Annotated[Transaction, Depends(_transaction, scope="function")]


def _begin(request: Request, caller: Caller) -> Callable[[], AbstractAsyncContextManager[Transaction]]:
    return lambda: request.app.state.db.transaction(caller.tenants)


# For a route that must not hold a transaction while it waits for the caller, such as an upload.
Begin = Annotated[Callable[[], AbstractAsyncContextManager[Transaction]], Depends(_begin)]


def build_app(
    service: Service,
    public_key: str,
    *,
    not_ready: Callable[[], Awaitable[str | None]],
    stuck: Callable[[], str | None],
    stopping: Callable[[], bool],
    measure: Callable[[], Awaitable[None]],
) -> FastAPI:
    """The app of a service; UnguardedRouteError where a route names no permission."""
    refuse_unguarded(service.router)
    app = FastAPI(title=service.name, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.name = service.name
    app.state.db = service.db
    app.state.public_key = public_key
    app.state.stopping = stopping
    app.state.resources = service.resources
    app.state.installation_id = service.settings.installation_id
    app.state.consumers = {consumer.topic.name: consumer for consumer in service.consumers()}
    problems.install(app)
    app.include_router(service.router, prefix=f"/v1/{service.name}")
    app.include_router(operators, prefix=f"/v1/{service.name}")
    app.include_router(_probes(not_ready, stuck, measure))
    app.add_middleware(_BoundedBody, largest=service.largest_body)
    if service.front is not None:
        app.add_middleware(service.front)
    return app


def _probes(
    not_ready: Callable[[], Awaitable[str | None]],
    stuck: Callable[[], str | None],
    measure: Callable[[], Awaitable[None]],
) -> APIRouter:
    # For the cluster, without a token: they say nothing of any tenant.
    probes = APIRouter(include_in_schema=False)

    @probes.get("/livez")
    async def livez() -> Response:
        reason = stuck()
        return Response("ok" if reason is None else reason, 200 if reason is None else 503)

    @probes.get("/readyz")
    async def readyz() -> Response:
        reason = await not_ready()
        return Response("ok" if reason is None else reason, 200 if reason is None else 503)

    @probes.get("/metrics")
    async def metrics() -> Response:
        await measure()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return probes


operators = APIRouter(tags=["operators"])


@operators.get("/dead-letters", dependencies=[allow("operate")])
async def list_dead_letters(tx: Tx, page: Paging) -> Page[DeadLetter]:
    """Records this service could not handle, oldest first."""
    return page.of(await dead_letters.page(tx, page.after_number, page.size), lambda letter: letter.id)


@operators.get("/dead-letters/{letter_id}", dependencies=[allow("operate")])
async def show_dead_letter(tx: Tx, letter_id: int) -> dict[str, Any]:
    """One with its bytes as text; what is not UTF-8 is escaped."""
    letter = await dead_letters.one(tx, letter_id)
    if letter is None:
        raise Problem(404, "not_found", f"there is no dead letter {letter_id}")
    return _shown(letter)


@operators.post("/dead-letters/{letter_id}/replay", dependencies=[allow("operate")])
async def replay_dead_letter(request: Request, tx: Tx, letter_id: int) -> DeadLetter:
    """Hand its bytes to the handler once more; a second replay is refused."""
    consumers: dict[str, Consumer] = request.app.state.consumers
    letter = await dead_letters.one(tx, letter_id)
    if letter is None:
        raise Problem(404, "not_found", f"there is no dead letter {letter_id}")
    consumer = consumers.get(letter.topic)
    if consumer is None:
        raise Problem(409, "not_consumed", f"this service no longer reads {letter.topic}")
    try:
        return await dead_letters.replay(tx, letter_id, consumer.replay)
    except NotReplayableError as error:
        raise Problem(409, "not_replayable", str(error)) from error
    except ConsumerPausedError as error:
        raise Problem(409, "paused", str(error)) from error
    except ValueError as error:
        raise Problem(422, "still_wrong", f"the handler refuses it as before: {error}"[:1000]) from error


@operators.get("/installation", dependencies=[allow("installation.read")])
async def show_installation(tx: Tx) -> Installation:
    """Whose this service's database is, and whether it was found to be a restored one."""
    return await installation.read(tx)


@operators.post("/installation/adopt", dependencies=[allow("installation.adopt")])
async def adopt_installation(request: Request, tx: Tx) -> Installation:
    """Make a cloned database this installation's own; what writes to a peer then reads everything back first."""
    await installation.adopt(tx, request.app.state.installation_id)
    return await installation.read(tx)


@operators.post("/consumers/{topic}/resume", dependencies=[allow("operate")])
async def resume_consumer(tx: Tx, topic: str) -> dict[str, bool]:
    """Let a consumer go on that poison had stopped."""
    return {"resumed": await resume(tx, topic)}


def _shown(letter: DeadLetterBytes) -> dict[str, Any]:
    record = letter.record()
    return {
        "id": letter.id,
        "tenant_id": letter.tenant_id,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.record_offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "created_at": letter.created_at,
        "replayed_at": letter.replayed_at,
        "key": (record.key or b"").decode("utf-8", errors="backslashreplace"),
        "value": (record.value or b"").decode("utf-8", errors="backslashreplace"),
        "headers": {name: value.decode("utf-8", errors="backslashreplace") for name, value in record.headers},
    }


class _BoundedBody:
    """Refuses a request body over the service's limit while it arrives, whatever its length header says."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._largest:
                # Not a Problem: FastAPI reads bodies itself and lets only this one through.
                raise HTTPException(413, f"the request is over {self._largest:,} bytes")
            return message

        await self._app(scope, bounded, send)
