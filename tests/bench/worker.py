"""A worker of delivery that can be waited for, in this process or in one of its own, and what is queued for it."""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from contracts.values import SiteId, TenantId
from delivery import Delivery, Effect, Operation, Pace, Settled
from servicekit import collector
from storage import Database, Transaction
from tests.bench.effects import Additions
from tests.bench.ground import connected, memory_mib

BACKLOG = """
insert into operation (tenant_id, operation_key, effect, site_id, lane, kind, target, marker, body, body_digest, state,
  epoch)
select $1, 'backlog/' || n, 'additions', $2, $3 + n % $4, 'create', 'backlog/' || n, 'backlog-' || n,
  '{"quantity": "1"}', '', case when n <= $6 then 'in_flight' else 'pending' end, gen_random_uuid()
from generate_series(1, $5) as n
"""


async def backlog(
    db: Database, tenant_id: TenantId, site_id: SiteId, lanes: range, operations: int, in_flight: int = 0
) -> None:
    """Queue that many creations in turn over the lanes, the first few of them left in flight by an owner that died."""
    async with db.all_tenants() as tx:
        await tx.execute(BACKLOG, tenant_id, site_id, lanes.start, len(lanes), operations, in_flight)


class Counted:
    """An effect that can be waited for: `ended` of its operations are over."""

    def __init__(self, effect: Effect) -> None:
        self.name, self.gate, self.find, self.send = effect.name, effect.gate, effect.find, effect.send
        self._settled = effect.settled
        self._ended = 0
        self._moved = asyncio.Condition()

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        """What the effect does, and count."""
        await self._settled(tx, results)
        self._ended += len(results)
        async with self._moved:
            self._moved.notify_all()

    async def ended(self, operations: int) -> None:
        """Wait until so many are over."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._ended >= operations)


@asynccontextmanager
async def delivering(db: Database, effect: Effect, pace: Pace) -> AsyncIterator[None]:
    """A worker while the block runs, stopped in good order."""
    stop = asyncio.Event()
    worker = asyncio.create_task(Delivery(db, effect, pace=pace).run(stop))
    try:
        yield
    finally:
        stop.set()
        await worker


async def apart(db_urls: tuple[str, str], url: str, operations: int) -> tuple[float, float]:
    """Have a process of its own do so many; when it began, on the clock that all share, and its peak of memory."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.worker", *db_urls, url, str(operations)), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the worker failed")
    began, peak = map(float, said.split())
    return began, peak


async def _main(app: str, all_tenants: str, url: str, operations: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    collector.serve()  # as the services do
    db = Database(app, all_tenants)
    await db.open()
    async with connected(url, Pace().lanes) as site:
        effect = Counted(Additions(site))
        began = time.monotonic()
        async with delivering(db, effect, Pace()):
            await effect.ended(operations)
    await db.close()
    sys.stdout.write(f"{began} {memory_mib()}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("app", "all_tenants", "url"):
        parser.add_argument(name)
    parser.add_argument("operations", type=int)
    asyncio.run(_main(**vars(parser.parse_args())))
