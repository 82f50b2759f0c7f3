"""What a service's messaging tables need nightly: say current state again, sweep what is past."""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from contracts.topics import BY_NAME
from contracts.values import TenantId
from messaging import outbox
from messaging.outbox import Fact, sql
from storage import Database, is_lost_connection

log = structlog.get_logger()

LOOK_SECONDS = 600.0
PAGE = 500
SWEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Stated:
    tenant_id: TenantId
    topic: str
    key: str
    data: Any


async def upkeep(db: Database) -> None:
    """Once a day over all replicas: re-publish what was stated, delete what nobody needs any more."""
    while True:
        try:
            async with db.all_tenants() as tx:
                due = await tx.value(sql["due"], "restate")
            if due:
                log.info("upkeep.restated", facts=await restate(db))
            await sweep(db)
        except Exception as error:
            if not is_lost_connection(error):
                raise
        await asyncio.sleep(LOOK_SECONDS)


async def sweep(db: Database) -> int:
    """Delete published facts after 3 days and inbox rows after 30, in small transactions; how many."""
    count = 0
    for query in ("sweep_outbox", "sweep_inbox"):
        swept = SWEPT
        while swept == SWEPT:
            async with db.all_tenants() as tx:
                swept = await tx.execute(sql[query], SWEPT)
            count += swept
    return count


async def restate(db: Database) -> int:
    """Publish the last statement of every key again, so that a copy that missed one is mended; how many."""
    after, count = ("", "", ""), 0
    while True:
        async with db.all_tenants() as tx:
            page = await tx.fetch(_Stated, sql["stated"], *after, PAGE)
            for row in page:
                topic = BY_NAME[row.topic]
                entity = row.key.removeprefix(f"{row.tenant_id}:")
                await outbox.add(tx, topic, [Fact(row.tenant_id, entity, topic.data.model_validate(row.data))])
        if not page:
            return count
        count += len(page)
        after = (page[-1].tenant_id, page[-1].topic, page[-1].key)
