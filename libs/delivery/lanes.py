"""Which lane has its turn next: in memory, fair over tenants, then sites, then lanes, the longest waiting first.

PostgreSQL is asked which lanes have work, never what work that is: a lane's turn looks. Nothing here does any I/O.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from contracts.values import RunId, SiteId, TenantId
from delivery.effect import Lane
from delivery.queue import Scope

Paused = frozenset[tuple[Scope, str]]
"""Of one tenant: what waits for a person, as (scope, name)."""

_Group = tuple[TenantId, SiteId, str]


@dataclass(frozen=True, slots=True)
class Rest:
    """What a lane does after its turn: it is looked at again in so many seconds, or as soon as more is queued.

    `firm`: not before, whatever is queued (the peer or an error said so). `empty`: nothing is left in it.
    """

    seconds: float = 0.0
    firm: bool = False
    empty: bool = False


@dataclass(slots=True)
class _Known:
    newest: int
    looked: int = -1  # the newest when its last turn began
    queued: bool = False
    running: bool = False
    due: float = 0.0
    firm: bool = False

    @property
    def rests(self) -> bool:
        return not (self.queued or self.running)


class Lanes:
    """The lanes with work of the sites that are owned; at most `most` have a turn at once.

    `held`: sites on which nothing is sent now.
    """

    def __init__(self, most: int) -> None:
        self.held: frozenset[SiteId] = frozenset()
        self._most = most
        self._known: dict[Lane, _Known] = {}
        self._waiting: dict[TenantId, dict[_Group, deque[Lane]]] = {}
        self._sleeping: list[tuple[float, int, Lane]] = []
        self._ticket = count()
        self._turns: Counter[TenantId | _Group] = Counter()
        self._served: dict[TenantId | _Group, int] = {}
        self._running: set[Lane] = set()
        self._leaving: Counter[TenantId] = Counter()
        self._told_to_leave: set[Lane] = set()
        self._shut: dict[_Group, float] = {}
        self._paused: dict[TenantId, Paused] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def running(self) -> int:
        """How many have a turn now."""
        return len(self._running)

    def tenants(self, site_id: SiteId) -> list[TenantId]:
        """Whose lanes there are at a site."""
        return sorted({lane.tenant_id for lane in self._known if lane.site_id == site_id})

    def is_busy(self, site_id: SiteId) -> bool:
        """Whether a turn is under way at the site."""
        return any(lane.site_id == site_id for lane in self._running)

    # What is found in PostgreSQL.

    def found(self, newest: Iterable[tuple[Lane, int]]) -> None:
        """All lanes with work now, each with its newest operation: one that has grown is looked at again."""
        seen = dict(newest)
        for lane in [lane for lane, known in self._known.items() if known.rests and lane not in seen]:
            del self._known[lane]
        for lane, seq in seen.items():
            known = self._known.setdefault(lane, _Known(-1))
            if seq > known.newest:
                known.newest = seq
                if known.rests and not known.firm:
                    self._queue(lane, known)

    def pauses(self, tenant_id: TenantId, paused: Paused) -> None:
        """What of the tenant is paused now: where that has changed, its lanes are looked at again."""
        if paused == self._paused.get(tenant_id, frozenset()):
            return
        self._paused[tenant_id] = paused
        self._wake(lane for lane in self._known if lane.tenant_id == tenant_id)

    def paused_runs(self, tenant_id: TenantId) -> list[RunId]:
        """The tenant's runs that are paused."""
        return [RunId(name) for scope, name in self._paused.get(tenant_id, ()) if scope is Scope.RUN]

    def is_paused(self, lane: Lane) -> bool:
        """Whether the lane, or all of its tenant, is paused."""
        paused = self._paused.get(lane.tenant_id, ())
        return (Scope.TENANT, "") in paused or (Scope.LANE, lane.name) in paused

    def shut(self, lane: Lane, until: float) -> None:
        """The gate of the lane's tenant is closed: none of its lanes is tried before then, and then one at first."""
        self._shut[_group(lane)] = until

    def opened(self, lane: Lane) -> None:
        """The gate of the lane's tenant is open."""
        self._shut.pop(_group(lane), None)

    def wake(self, site_id: SiteId) -> None:
        """Look at all lanes of the site."""
        self._wake(lane for lane in self._known if lane.site_id == site_id)

    def forget(self, site_id: SiteId) -> None:
        """The site is no longer ours; none of its turns is under way."""
        for lane in [lane for lane in self._known if lane.site_id == site_id]:
            known = self._known.pop(lane)
            if known.queued:
                self._waiting[lane.tenant_id][_group(lane)].remove(lane)

    # Turns.

    def next(self, now: float) -> Lane | None:
        """The lane whose turn begins now, of the tenant and site with the fewest turns; None where none may."""
        while self._sleeping and self._sleeping[0][0] <= now:
            due, _, slept = heapq.heappop(self._sleeping)
            known = self._known.get(slept)
            if known is not None and known.rests and known.due == due:
                self._queue(slept, known)
        if len(self._running) >= self._most:
            return None
        for tenant_id in sorted(self._waiting, key=self._rank):
            groups = self._waiting[tenant_id]
            for group in sorted(groups, key=self._rank):
                if self._may(group, now) and (lane := self._first(groups[group])) is not None:
                    self._start(lane, group)
                    return lane
        return None

    def ended(self, lane: Lane, rest: Rest, now: float) -> None:
        """The lane's turn is over."""
        self._running.discard(lane)
        self._turns.subtract((lane.tenant_id, _group(lane)))
        if lane in self._told_to_leave:
            self._told_to_leave.discard(lane)
            self._leaving[lane.tenant_id] -= 1
        known = self._known[lane]
        known.running = False
        known.firm = rest.firm
        if known.newest > known.looked and not rest.firm:
            self._queue(lane, known)
        elif rest.empty:
            del self._known[lane]
        elif rest.seconds <= 0:
            known.firm = False
            self._queue(lane, known)
        else:
            known.due = now + rest.seconds
            heapq.heappush(self._sleeping, (known.due, next(self._ticket), lane))

    def must_leave(self, lane: Lane, now: float) -> bool:
        """Whether the lane's turn should end early, since another tenant with fewer turns waits.

        Said to as many as are needed for that: a turn costs a read, and few changes make it fair.
        """
        if lane in self._told_to_leave:
            return True
        if len(self._running) < self._most:
            return False
        waiting = [
            (self._turns[group[0]], len(lanes))
            for tenant_id, groups in self._waiting.items()
            if tenant_id != lane.tenant_id
            for group, lanes in groups.items()
            if lanes and self._may(group, now)
        ]
        told = len(self._told_to_leave)
        if sum(lanes for _, lanes in waiting) <= told:
            return False
        fewest = min(turns for turns, _ in waiting)
        if self._turns[lane.tenant_id] - self._leaving[lane.tenant_id] <= fewest + told + 1:
            return False
        self._told_to_leave.add(lane)
        self._leaving[lane.tenant_id] += 1
        return True

    def due_in(self, now: float) -> float | None:
        """In how many seconds a lane is due by itself; None where none is."""
        if len(self._running) >= self._most:
            return None  # a turn has to end first
        waiting = (until for group, until in self._shut.items() if self._waiting.get(group[0], {}).get(group))
        times = [until for until in waiting if until > now]
        if self._sleeping:
            times.append(self._sleeping[0][0])
        return max(min(times) - now, 0.0) if times else None

    def _queue(self, lane: Lane, known: _Known) -> None:
        known.queued = True
        self._waiting.setdefault(lane.tenant_id, {}).setdefault(_group(lane), deque()).append(lane)

    def _wake(self, lanes: Iterable[Lane]) -> None:
        for lane in lanes:
            known = self._known[lane]
            if known.rests and not known.firm:
                self._queue(lane, known)

    def _rank(self, whose: TenantId | _Group) -> tuple[int, int]:
        return self._turns[whose], self._served.get(whose, 0)

    def _may(self, group: _Group, now: float) -> bool:
        tenant_id, site_id, _ = group
        if site_id in self.held or (Scope.TENANT, "") in self._paused.get(tenant_id, ()):
            return False
        until = self._shut.get(group)
        return until is None or (until <= now and not self._turns[group])

    def _first(self, lanes: deque[Lane]) -> Lane | None:
        while lanes:
            lane = lanes.popleft()
            known = self._known[lane]
            known.queued = False
            if not self.is_paused(lane):
                return lane
            known.due, known.firm = float("inf"), False  # until its tenant's pauses change
        return None

    def _start(self, lane: Lane, group: _Group) -> None:
        known = self._known[lane]
        known.running, known.looked = True, known.newest
        self._running.add(lane)
        self._turns.update((lane.tenant_id, group))
        self._served[lane.tenant_id] = self._served[group] = next(self._ticket)
        groups = self._waiting[lane.tenant_id]
        if not groups[group]:
            del groups[group]
        if not groups:
            del self._waiting[lane.tenant_id]


def _group(lane: Lane) -> _Group:
    return lane.tenant_id, lane.site_id, lane.effect
