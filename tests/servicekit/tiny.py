"""A whole service in a file, run as a process by the tests: what it does, its routes are told to do."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, SecretStr

import messaging
import storage
from contracts import topics
from contracts.envelope import Event
from messaging import Fact, outbox
from servicekit import Caller, Problem, Service, ServiceSettings, Tx, allow, main
from storage import Database, Transaction
from tests.servicekit import tiny_schema

log = structlog.get_logger()
CANARY = "canary-of-an-exception"
COMPONENTS: Sequence[ModuleType] = (storage, messaging, tiny_schema)


class Settings(ServiceSettings):
    vendor_key: SecretStr = Field(description="a service's own secret")
    hold: Path | None = Field(None, description="the worker goes on while this file exists, even when stopping")


class Wish(BaseModel):
    name: str


router = APIRouter()


@router.post("/wishes", dependencies=[allow("wish")])
async def wish(tx: Tx, wish: Wish, caller: Caller) -> dict[str, int]:
    """Kept unless its name is `unkept`: that is refused by the commit only."""
    await tx.execute("insert into wish (tenant_id, name) values ($1, $2)", caller.tenant_id, wish.name)
    await outbox.add(
        tx, topics.CUSTOMERS, [Fact(caller.tenant_id, wish.name, topics.CUSTOMERS.data(key=wish.name, name="Wish"))]
    )
    return {"wishes": int(await tx.value("select count(*) from wish"))}


@router.get("/wishes", dependencies=[allow("wish")])
async def wishes(tx: Tx) -> list[str]:
    return await tx.column("select name from wish order by name")


@router.get("/defect", dependencies=[allow("wish")])
async def defect(request: Request) -> None:
    settings: Settings = request.app.state.resources["settings"]
    log.info("tiny.defect", api_token="canary-of-a-token", settings=repr(settings))
    log.info("tiny.careless", said=f"key {settings.vendor_key.get_secret_value()}")
    raise RuntimeError(f"{CANARY}: {settings.database_url.get_secret_value()}")


@router.get("/refusal", dependencies=[allow("wish")])
async def refusal() -> None:
    raise Problem(409, "refused", "as was asked", rule="R1")


@router.post("/crash/{part}", dependencies=[allow("wish")])
async def crash(request: Request, part: str) -> None:
    """Break one part of this process."""
    request.app.state.resources["crash"](part)  # the relay's way to break is a table that is gone


class Worker:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.crashed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        waiting = [asyncio.ensure_future(event.wait()) for event in (stop, self.crashed)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for wait in waiting:
            wait.cancel()
        if self.crashed.is_set():
            raise RuntimeError("the worker is broken")
        while self._settings.hold and self._settings.hold.exists():  # noqa: ASYNC110 (a test removes the file)
            await asyncio.sleep(0.01)
        log.info("worker.ended")


async def customers_changed(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    await tx.execute_many(
        "insert into wish (tenant_id, name) values ($1, $2)", [(e.tenant_id, f"heard {e.data.name}") for e in events]
    )


def build(settings: Settings) -> Service:
    db = Database(settings.database_url.get_secret_value(), settings.all_tenants_url.get_secret_value(), connections=4)
    worker = Worker(settings)

    def crash(part: str) -> None:
        if part == "worker":
            worker.crashed.set()
        if part == "http":
            next(task for task in asyncio.all_tasks() if task.get_name() == "http").cancel()

    return Service(
        name="tiny",
        settings=settings,
        db=db,
        router=router,
        components=COMPONENTS,
        handlers={topics.COMPANIES: customers_changed},
        workers=(worker,),
        largest_body=1000,
        resources={"settings": settings, "crash": crash},
    )


if __name__ == "__main__":
    if "PSABRIDGE_TEST_UNGUARDED" in os.environ:
        router.add_api_route("/open", wishes)
    sys.argv[0] = "tiny"
    main(Settings, build)
