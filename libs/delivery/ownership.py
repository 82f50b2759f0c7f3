"""Which sites are this replica's: a lock that dies with the session, a fair share, and a hold after a restore."""

import math
import secrets
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from os import getpid
from uuid import UUID, uuid4

import structlog

from contracts.values import SiteId, TenantId
from delivery.clock import boot_seconds
from delivery.effect import Effect, Lane
from delivery.ledger import Ledger, sql
from delivery.pace import Pace
from delivery.points import Point, reached
from delivery.quarantine import Quarantine
from storage import Transaction

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Site:
    """A site with work; `locked`: somebody owns it."""

    site_id: SiteId
    locked: bool


@dataclass(frozen=True, slots=True)
class Installed:
    """What the database says of itself: how often it was restored, and whose it is if not this installation's."""

    restores: int = 0
    foreign_to: str = ""


@dataclass(slots=True)
class _Owned:
    epoch: UUID
    restores: int
    behind_since: float | None = None


class Ownership:
    """The sites of one owner session; when that dies, so does this, and another begins with new epochs."""

    def __init__(self, ledger: Ledger, effects: Mapping[str, Effect], pace: Pace, quarantine: Quarantine) -> None:
        self._ledger = ledger
        self._effects = list(effects)
        self._pace = pace
        self._quarantine = quarantine
        self._owned: dict[SiteId, _Owned] = {}
        self._leaving: set[SiteId] = set()
        self._too_many_since: float | None = None
        self._replicas = 0
        self._unwanted_since: dict[SiteId, float] = {}
        self._extra = 0
        self._met: set[tuple[SiteId, TenantId]] = set()
        self._newcomer_until: dict[SiteId, float] = {}

    @property
    def sites(self) -> list[SiteId]:
        """Those owned now."""
        return list(self._owned)

    def epoch(self, site_id: SiteId) -> UUID:
        """Under which everything at the site is claimed and settled."""
        return self._owned[site_id].epoch

    async def join(self) -> None:
        """Be counted as a replica for as long as the session lives: no heartbeat, no lease."""
        async with self._ledger.turn, self._ledger.session.transaction() as tx:
            while not await tx.value(sql["join_replicas"], secrets.randbits(31)):
                pass

    # A fair share.

    async def balance(
        self, sites: Sequence[Site], replicas: int, is_busy: Callable[[SiteId], bool], left: Callable[[SiteId], None]
    ) -> None:
        """Take what is free and give back what is too much, as `sites` are those with work and `replicas` live.

        `is_busy`: whether a turn is still under way there. `left` is called for each site given back.
        """
        now = boot_seconds()
        if replicas != self._replicas:
            self._replicas, self._extra = replicas, 0
        share = math.ceil(len(sites) / max(replicas, 1)) + self._extra
        working = [site.site_id for site in sites if site.site_id in self._owned.keys() - self._leaving]
        self._mark_surplus(working, len(working) - share, now)
        for site_id in [site_id for site_id in self._leaving if not is_busy(site_id)]:
            await self._give_back(site_id)
            left(site_id)
        free = [site.site_id for site in sites if not site.locked and site.site_id not in self._owned]
        await self._take_free(free, share - len(working), now)

    def _mark_surplus(self, working: Sequence[SiteId], surplus: int, now: float) -> None:
        """Only what has been too much for a while is given back, so that sites do not go to and fro."""
        if surplus <= 0:
            self._too_many_since = None
        elif self._too_many_since is None:
            self._too_many_since = now
        elif now - self._too_many_since >= self._pace.rebalance:
            self._leaving.update(working[-surplus:])
            self._too_many_since = None

    async def _take_free(self, free: Sequence[SiteId], room: int, now: float) -> None:
        self._unwanted_since = {site_id: self._unwanted_since.get(site_id, now) for site_id in free}
        for site_id in free:
            # A replica whose session lives but which does nothing any more must not keep its share from being served.
            unwanted = now - self._unwanted_since[site_id] >= 4 * self._pace.rebalance
            if (room > 0 or unwanted) and await self._take(site_id):
                self._extra += room <= 0
                room -= 1

    async def _take(self, site_id: SiteId) -> bool:
        async with self._ledger.turn:
            session, epoch = self._ledger.session, uuid4()
            if not await session.try_lock(f"delivery.{site_id}"):
                return False
            # Takeover and the sweep of what earlier epochs left in flight are one transaction.
            async with session.transaction() as tx:
                restores = await tx.value(sql["take_site"], site_id, epoch, f"{socket.gethostname()}/{getpid()}")
                await reached(Point.IN_TAKEOVER)
                swept = await tx.execute(sql["sweep"], site_id, self._effects)
                in_doubt = await tx.fetch(_InDoubt, sql["in_doubt"], site_id, self._effects)
            await reached(Point.AFTER_TAKEOVER)
        now = boot_seconds()
        for row in in_doubt:
            self._quarantine.begin(Lane(site_id, row.tenant_id, row.effect, row.lane), row.seq, now)
        self._owned[site_id] = _Owned(epoch, restores)
        log.info("delivery.site_taken", site=site_id, swept=swept, in_doubt=len(in_doubt))
        return True

    async def _give_back(self, site_id: SiteId) -> None:
        async with self._ledger.turn:
            session = self._ledger.session
            async with session.transaction() as tx:
                await tx.execute(sql["give_back"], site_id, self._owned[site_id].epoch)
            await reached(Point.IN_HAND_OVER)
            await session.unlock(f"delivery.{site_id}")
        del self._owned[site_id]
        self._leaving.discard(site_id)
        self._quarantine.forget(site_id)
        log.info("delivery.site_given_back", site=site_id)

    # What must not be written to.

    async def meet(self, tx: Transaction, working: Collection[tuple[SiteId, TenantId]]) -> None:
        """Notice tenants that come to a site after another: what that one has under way is in no record of theirs."""
        if not (new := set(working) - self._met):
            return
        sites, tenants = [site_id for site_id, _ in new], [tenant_id for _, tenant_id in new]
        await tx.execute(sql["meet"], sites, tenants)
        for row in await tx.fetch(_Newcomer, sql["newcomers"], sites, self._pace.quarantine):
            log.warning("delivery.site_changes_hands", site=row.site_id)
            self._newcomer_until[row.site_id] = boot_seconds() + self._pace.quarantine - row.ago
        self._met |= new

    def held(self, installed: Installed) -> frozenset[SiteId]:
        """Where nothing may be sent now: all of it in a clone, a site for one quarantine after a restore was seen.

        Also what is being given back, and a site for one quarantine after it changed hands.
        """
        if installed.foreign_to:
            return frozenset(self._owned)
        now = boot_seconds()
        held = self._leaving | {site_id for site_id, until in self._newcomer_until.items() if now < until}
        for site_id, owned in self._owned.items():
            if owned.restores >= installed.restores:
                continue
            if owned.behind_since is None:
                owned.behind_since = now
                log.warning("delivery.site_held", site=site_id, restores=installed.restores)
            if now - owned.behind_since < self._pace.quarantine:
                held.add(site_id)
        return frozenset(held)

    def recovering(self, installed: Installed) -> frozenset[SiteId]:
        """Where only jobs may be done: what was written before a restore is still being read back."""
        return frozenset(site_id for site_id, owned in self._owned.items() if owned.restores < installed.restores)

    async def recovered(self, site_id: SiteId, restores: int) -> None:
        """All that was written to the site is known again."""
        owned = self._owned[site_id]
        async with self._ledger.turn, self._ledger.session.transaction() as tx:
            await tx.execute(sql["recovered"], site_id, owned.epoch, restores)
        owned.restores, owned.behind_since = restores, None
        log.info("delivery.site_recovered", site=site_id, restores=restores)


@dataclass(frozen=True, slots=True)
class _Newcomer:
    site_id: SiteId
    ago: float


@dataclass(frozen=True, slots=True)
class _InDoubt:
    effect: str
    tenant_id: TenantId
    lane: str
    seq: int
