"""The worker of a service that writes: looks for lanes with work, and gives them turns."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from contracts.values import SiteId, TenantId
from delivery import metrics, queue
from delivery.clock import boot_seconds
from delivery.effect import Effect, Lane, Recovers
from delivery.lanes import Lanes, Rest
from delivery.ledger import Ledger, LostSiteError, sql
from delivery.measuring import measuring
from delivery.ownership import Installed, Ownership, Site
from delivery.pace import Pace
from delivery.quarantine import Quarantine
from delivery.queue import Scope
from delivery.turn import Grounds, take_turn
from storage import Database, Session, Transaction, is_lost_connection

log = structlog.get_logger()

SHORTEST_BACKOFF = 0.2
LONGEST_BACKOFF = 10.0
# Looking for work may cost this part of the time at most, however many lanes there are. What it costs is the quicker of
# the last two: one that was held up, by a database that was away, says nothing of the next.
LOOKING = 0.1

SessionBegun = Callable[[Transaction], Awaitable[object]]


class Delivery:
    """Sends what is queued for its effects, exactly once; one process a site, by a lock that dies with its session.

    `begun` is done on each new owner session before anything is taken, and again whenever it looks for work: to
    recognise a restored database.
    """

    def __init__(self, db: Database, *effects: Effect, pace: Pace, begun: SessionBegun | None = None) -> None:
        self._db = db
        self._effects = {effect.name: effect for effect in effects}
        self._pace = pace
        self._begun = begun
        self._bell = _Bell()
        db.on_signal(queue.SIGNAL, self._bell.ring)

    async def run(self, stop: asyncio.Event) -> None:
        """Own and send until told to stop; what is in flight then is finished, nothing new is claimed."""
        backoff = SHORTEST_BACKOFF
        while not stop.is_set():
            began = boot_seconds()
            try:
                session = await self._db.session()
                try:
                    if self._begun is not None:
                        async with session.transaction() as tx:
                            await self._begun(tx)
                    await _Owner(self._db, session, self._effects, self._pace, self._bell, stop, self._begun).run()
                finally:
                    await session.close()
            except* Exception as group:
                if any(not _passes(error) for error in _flat(group)):
                    raise
                log.warning("delivery.waiting", errors=[type(error).__name__ for error in _flat(group)])
            if boot_seconds() - began > LONGEST_BACKOFF:
                backoff = SHORTEST_BACKOFF
            with suppress(TimeoutError):
                async with asyncio.timeout(backoff):
                    await stop.wait()
            backoff = min(backoff * 2, LONGEST_BACKOFF)


def _flat(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _flat(inner)]
    return [error]


def _passes(error: BaseException) -> bool:
    return is_lost_connection(error) or isinstance(error, LostSiteError)


class _Bell:
    """Wakes the owner: rung, it looks for work; stirred (a turn has ended), it only goes on with what it knows."""

    def __init__(self) -> None:
        self._stirred = asyncio.Event()
        self.rung = False

    def ring(self) -> None:
        self.rung = True
        self._stirred.set()

    def stir(self) -> None:
        self._stirred.set()

    async def wait(self, seconds: float) -> None:
        # Not wait_for: before Python 3.12 it loses a cancellation that comes together with what it waits for.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        self._stirred.clear()


class _Owner:
    """What one owner session does; when that dies, so does this, and another begins with new epochs."""

    def __init__(
        self,
        db: Database,
        session: Session,
        effects: dict[str, Effect],
        pace: Pace,
        bell: _Bell,
        stop: asyncio.Event,
        begun: SessionBegun | None,
    ) -> None:
        self._db = db
        self._effects = effects
        self._pace = pace
        self._bell = bell
        self._stop = stop
        self._begun = begun
        self._session = session
        self._ledger = Ledger(session, effects)
        self._quarantine = Quarantine(pace.quarantine)
        self._lanes = Lanes(pace.lanes)
        self._owned = Ownership(self._ledger, effects, pace, self._quarantine)
        self._recovering: frozenset[SiteId] = frozenset()
        self._grounds = Grounds(db, self._ledger, self._lanes, self._quarantine, pace, self._is_over)
        self._turns: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                aside = [
                    tasks.create_task(self._ledger.run()),
                    tasks.create_task(measuring(self._db)),
                    tasks.create_task(self._stir_at_stop()),
                ]
                await self._owned.join()
                await self._work(tasks)
                if self._turns:
                    await asyncio.wait(self._turns)
                for task in aside:
                    task.cancel()
        finally:
            for gauge in (metrics.RUNNING, metrics.LANES, metrics.SITES, metrics.HELD, metrics.QUARANTINED):
                gauge.set(0)

    async def _work(self, tasks: asyncio.TaskGroup) -> None:
        looks_at, soonest, took = 0.0, 0.0, 0.0
        while not self._stop.is_set():
            if self._session.closed:
                raise LostSiteError("the owner session is gone")
            now = boot_seconds()
            if now >= looks_at or (self._bell.rung and now >= soonest):
                self._bell.rung = False
                await self._look()
                before, took, now = took, boot_seconds() - now, boot_seconds()
                soonest = now + min(before, took) / LOOKING
                looks_at = max(soonest, now + self._pace.tick)
            self._start_turns(tasks)
            until = soonest if self._bell.rung else looks_at
            due_in = self._lanes.due_in(now)
            waits = max(until - boot_seconds(), 0.0)
            await self._bell.wait(waits if due_in is None else min(due_in, waits))

    async def _stir_at_stop(self) -> None:
        await self._stop.wait()
        self._bell.stir()

    # What there is to do.

    async def _look(self) -> None:
        """Which sites have work and are ours, which lanes they have, what is paused and what must wait."""
        effects = list(self._effects)
        async with self._db.all_tenants() as tx:
            if self._begun is not None:
                await self._begun(tx)
            sites = await tx.fetch(Site, sql["sites_with_work"], effects)
            replicas = int(await tx.value(sql["replicas"]))
            installed = await tx.fetch_one(Installed, sql["installation"]) or Installed()
        await self._owned.balance(sites, replicas, self._lanes.is_busy, self._lanes.forget)
        async with self._db.all_tenants() as tx:
            rows = await tx.fetch(_Open, sql["open_lanes"], self._owned.sites, effects)
            tenants = {row.tenant_id for row in rows}
            await self._owned.meet(tx, {(row.site_id, row.tenant_id) for row in rows})
            pauses = await tx.fetch(_Pause, sql["pauses_of"], list(tenants))
        self._lanes.found((Lane(row.site_id, row.tenant_id, row.effect, row.lane), row.newest) for row in rows)
        for tenant_id in tenants:
            paused = frozenset((pause.scope, pause.name) for pause in pauses if pause.tenant_id == tenant_id)
            self._lanes.pauses(tenant_id, paused)
        self._lanes.held = self._owned.held(installed)
        self._recovering = self._owned.recovering(installed)
        for site_id in self._recovering - self._lanes.held:
            await self._recover(site_id, installed.restores)
        metrics.REPLICAS.set(replicas)
        metrics.SITES.set(len(self._owned.sites))
        metrics.HELD.set(len(self._lanes.held | self._recovering))
        metrics.LANES.set(len(self._lanes))
        metrics.QUARANTINED.set(len(self._quarantine))

    async def _recover(self, site_id: SiteId, restores: int) -> None:
        """Have what was written before a restore read back; when it is, writing begins."""
        try:
            async with self._db.all_tenants() as tx:
                done = [
                    await effect.recovered(tx, tenant_id, site_id, restores)
                    for effect in self._effects.values()
                    if isinstance(effect, Recovers)
                    for tenant_id in self._lanes.tenants(site_id)
                ]
        except Exception as error:
            if is_lost_connection(error):
                raise
            log.exception("delivery.recovery_failed", site=site_id)
            return
        if all(done):
            await self._owned.recovered(site_id, restores)
            self._recovering -= {site_id}
            self._lanes.wake(site_id)

    # Turns.

    def _start_turns(self, tasks: asyncio.TaskGroup) -> None:
        while not self._stop.is_set() and (lane := self._lanes.next(boot_seconds())) is not None:
            turn = tasks.create_task(self._turn(lane))
            self._turns.add(turn)
            turn.add_done_callback(self._turns.discard)
        metrics.RUNNING.set(self._lanes.running)

    async def _turn(self, lane: Lane) -> None:
        effect, epoch = self._effects[lane.effect], self._owned.epoch(lane.site_id)
        jobs_only = lane.site_id in self._recovering
        rest = await take_turn(self._grounds, effect, lane, epoch, jobs_only=jobs_only)
        if jobs_only and lane.site_id not in self._recovering:
            rest = Rest()  # what it was to wait for is over, and woke only those that were resting already
        self._lanes.ended(lane, rest, boot_seconds())
        self._bell.stir()

    def _is_over(self, lane: Lane) -> bool:
        return self._stop.is_set() or lane.site_id in self._lanes.held or self._lanes.must_leave(lane, boot_seconds())


@dataclass(frozen=True, slots=True)
class _Open:
    site_id: SiteId
    tenant_id: TenantId
    effect: str
    lane: str
    newest: int


@dataclass(frozen=True, slots=True)
class _Pause:
    tenant_id: TenantId
    scope: Scope
    name: str
