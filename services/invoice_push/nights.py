"""Reading everything back every night, while the site's own people sleep."""

import asyncio
from datetime import UTC, date, datetime
from typing import get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prometheus_client import Gauge

from contracts import topics
from contracts.values import TenantId
from delivery.reconcile import Kind
from invoice_push import readings, reconciling
from messaging import copies
from servicekit import Passes
from tenancy import connection, setup

# Late enough for the nightly invoicing of the site, early enough to be done when its office opens.
BEGINS, ENDS = 2, 5
KINDS = get_args(Kind)
DIFFERENCES = Gauge(
    "reconcile_differences",
    "Where ConnectWise differs from what was written, at the last nightly reading of each tenant. Any: "
    "`psabridge reconcile` names each with what would set it right; nothing is repaired by itself.",
    ["kind"],
)
UNEXPLAINED = Gauge(
    "reconcile_unexplained_documents",
    "Documents whose lines do not add up to what was pushed, held and ignored. Any is a defect: see the proof.",
)


class Nights(Passes):
    """Queues one reading a site and night; several processes may do so at once, since a night is queued once."""

    every = 60.0

    async def work(self, stop: asyncio.Event) -> int:  # noqa: ARG002 (a pass is short)
        """Queue what is due, and rest: what was queued is another's work. What it has found is in the metrics."""
        await self.queue_due(datetime.now(UTC))
        await self.measure()
        return 0

    async def measure(self) -> None:
        """Set the gauges of what the last readings found."""
        async with self.db.all_tenants() as tx:
            found, unexplained = await readings.count_differences(tx), await readings.count_unexplained(tx)
        for kind in KINDS:
            DIFFERENCES.labels(kind).set(found.get(kind, 0))
        UNEXPLAINED.set(unexplained)

    async def queue_due(self, now: datetime) -> int:
        """Queue a reading for every tenant in whose site's zone it is night at `now`; for how many it is."""
        async with self.db.all_tenants() as tx:
            tenants = await copies.tenants(tx, topics.CONNECTIONS)
        return sum([await self._queue(tenant_id, now) for tenant_id in tenants])

    async def _queue(self, tenant_id: TenantId, now: datetime) -> bool:
        async with self.db.transaction([tenant_id]) as tx:
            site, checked = await connection(tx, tenant_id), await setup(tx, tenant_id)
            night = night_of(now, checked.time_zone) if checked is not None else None
            if site is None or night is None:
                return False
            await reconciling.ask_once(tx, tenant_id, site.site_id, f"night-{night}")
            return True


def night_of(now: datetime, time_zone: str) -> date | None:
    """The night it is in a zone, by the day it ends in; None by day. UTC stands in for a zone that is not known."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    there = now.astimezone(zone)
    return there.date() if BEGINS <= there.hour < ENDS else None
