"""Checks that nobody asked for: every day, and soon again where a site was in trouble."""

import asyncio

from servicekit import Passes
from setup_validation import checking, store


class Rechecks(Passes):
    """Queues what is due; several processes may do so at once, since a job that waits is not queued twice."""

    every = 5.0

    async def work(self, stop: asyncio.Event) -> int:  # noqa: ARG002 (a pass is short)
        """Queue what is due, and rest: what was queued is another's work."""
        await self.queue_due()
        return 0

    async def queue_due(self) -> int:
        """Queue a check for every tenant whose time has come; how many."""
        async with self.db.all_tenants() as tx:
            due = await store.due(tx)
        for tenant_id in due:
            async with self.db.transaction([tenant_id]) as tx:
                await checking.ask(tx, tenant_id)
                await store.queued(tx, tenant_id)
        return len(due)
