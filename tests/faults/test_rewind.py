"""What is known goes back in time, is there twice, or is told once more from the start: no effect comes of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from contracts import topics
from contracts.events import CommandKind, SyncCommand
from contracts.topics import Topic
from contracts.values import DocumentId, RunId
from devstack import provision
from messaging import Record
from storage import Database, installation
from storage.installation import Watch
from tests.factories import facts
from tests.faults.ground import Case, Tenant
from tests.faults.scene import Scene
from tests.faults.servers import own_server
from tests.faults.test_people import AGREEMENTS, LINES, SENDS, accepted, in_mid_run, lines_of
from tests.invoice_push.desk import Desk

RUNS = [RunId("run-1"), RunId("run-2")]


async def told_from_the_start(case: Case) -> None:
    """Everything there ever was comes again, after the inbox has forgotten it, approvals as well."""
    await case.tenants[0].furnished(AGREEMENTS)
    lines = lines_of(case.seed, range(1, LINES + 1))
    case.tenants[0].accepted += [accepted(line) for line in lines]
    approval = SyncCommand(run_id=facts.RUN, command=CommandKind.APPROVE, requested_by="finance@example.org")
    past: list[tuple[Topic[Any], Sequence[Record]]] = [
        (topics.INVOICE_LINES, [record(case, topics.INVOICE_LINES, line.customer_key, line) for line in lines]),
        (topics.INVOICE_SEALED, [record(case, topics.INVOICE_SEALED, lines[0].document_id, facts.sealed(lines))]),
        (topics.SYNC_COMMANDS, [record(case, topics.SYNC_COMMANDS, facts.RUN, approval)]),
    ]
    await replayed(case, past)
    await case.site.fault("reset_after", **SENDS, nth=case.dice.randint(1, LINES))
    async with case.sending():
        for _ in range(2):
            await in_mid_run(case)
            await case.desk.as_owner("truncate inbox, consumed_offset")
            await replayed(case, past)
        await case.settles()
        await case.desk.as_owner("truncate inbox, consumed_offset")
        await replayed(case, past)
        await case.settles()
    await case.judged()


def record(case: Case, topic: Topic[Any], entity: str, data: Any) -> Record:
    return facts.record(topic, case.desk.tenant, entity, data)


async def replayed(case: Case, past: Sequence[tuple[Topic[Any], Sequence[Record]]]) -> None:
    for topic, records in past:
        await case.desk.consumers[topic.name].handle(records)
        await case.desk.resolve()


async def imported_by_two_people(case: Case) -> None:
    """One file, two people, two runs, two documents: each is approved by whoever brought it, at the same time."""
    await case.tenants[0].furnished(AGREEMENTS)
    files = [
        lines_of(case.seed, range(1, LINES + 1), run_id=run, document_id=DocumentId(run), file=f"{run}.csv")
        for run in RUNS
    ]
    case.tenants[0].accepted += [accepted(line) for line in files[0]]
    await case.site.fault("reset_after", **SENDS, nth=case.dice.randint(1, LINES))
    async with case.sending():
        await asyncio.gather(*(case.desk.billed(*lines) for lines in files))
        await asyncio.gather(*(case.desk.approved(run) for run in RUNS))
        await case.happens(lambda: bool(case.site.written()), "nothing was written")
        await asyncio.gather(*(case.desk.approved(run) for run in RUNS))
        await case.settles()
    await case.judged()


async def cloned(outer: Case) -> None:
    """A copy of the database is started beside the original: it writes nothing until somebody adopts it."""
    async with own_server(outer) as (server, case):
        await case.approved(LINES, AGREEMENTS)
        await introduced(case.db)
        async with clone_of(case, server.dsn) as clone:
            await case.site.fault("slow_answer", **SENDS, delay=0.05)
            async with clone.sending(begun=Watch("clone").look), case.sending(begun=Watch("original").look):
                await in_mid_run(case)
            assert (await clone.states()) == {"pending": LINES}
            assert len(case.site.written()) == (await case.states())["confirmed"] < LINES
            async with clone.db.all_tenants() as tx:
                assert await installation.adopt(tx, "clone")
            await case.calm()
            clone.calm_from_now()
            async with clone.sending(begun=Watch("clone").look):
                await clone.settles()
            await clone.judged()


async def introduced(db: Database) -> None:
    async with db.all_tenants() as tx:
        await Watch("original").look(tx)


@asynccontextmanager
async def clone_of(case: Case, dsn: str) -> AsyncIterator[Case]:
    """The case as it is now, in a second database with the same logins."""
    name, copy = case.urls.name, f"{case.urls.name}_clone"
    await case.db.close()  # who copies a database must be alone with it
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(f"create database {copy} template {name} owner {name}_owner")
        await admin.execute(f"grant connect, temporary on database {copy} to {name}_app, {name}_all")
        await case.db.open()
        logins = case.urls.owner, case.urls.app, case.urls.all_tenants
        urls = provision.Database(copy, *(f"{url.rpartition('/')[0]}/{copy}" for url in logins))
        db = Database(urls.app, urls.all_tenants, connections=4)
        await db.open()
        tenants = [Tenant(Desk(urls, db, one.desk.tenant, one.site), one.site, one.accepted) for one in case.tenants]
        yield replace(case, urls=urls, db=db, tenants=tenants, processes=[])
        await db.close()
    finally:
        await admin.execute(f"drop database if exists {copy} with (force)")
        await admin.close()


SCENES = [
    Scene("told from the start", told_from_the_start),
    Scene("imported by two people", imported_by_two_people),
    Scene("cloned", cloned),
]


@pytest.mark.parametrize("judgement", SCENES, ids=str, indirect=True)
async def test_whatever_comes_once_more_every_line_has_one_effect(judgement: Awaitable[None]) -> None:
    await judgement
