"""Checks that nobody asked for: every day, and soon again where a site was in trouble."""

import asyncio
from contextlib import suppress

import structlog

from setup_validation import checking, store
from storage import Database, is_lost_connection

log = structlog.get_logger()

LOOK_SECONDS = 5.0


class Rechecks:
    """Queues what is due; several processes may do so at once, since a job that waits is not queued twice."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def run(self, stop: asyncio.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            try:
                await self.queue_due()
            except Exception as error:
                if not is_lost_connection(error):
                    raise
                log.warning("rechecks.waiting", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    async def queue_due(self) -> int:
        """Queue a check for every tenant whose time has come; how many."""
        async with self._db.all_tenants() as tx:
            due = await store.due(tx)
        for tenant_id in due:
            async with self._db.transaction([tenant_id]) as tx:
                await checking.ask(tx, tenant_id)
                await store.queued(tx, tenant_id)
        return len(due)
