"""Everything that can happen to a line, in any order that hypothesis thinks of, holds the promise.

Real are the queue, coverage, the state machine, a turn's parts (what is due, the read, claims, sends, results), the
ledger, takeover and quarantine, on PostgreSQL without its last nets. A model are the clock, the peer, and the two parts
that hypothesis plays itself: who has his turn when, and when a site changes hands, also from an owner that lives on
without knowing (as if the lock did not exist).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contracts.values import SiteId, TenantId
from delivery import (
    Lane,
    NewOperation,
    Operation,
    Pace,
    Reading,
    State,
    enqueue,
    ledger,
    operation_key,
    ownership,
    supersede,
)
from delivery import turn as turns
from delivery.lanes import Lanes, Rest
from delivery.ledger import Claim, Ledger, LostSiteError
from delivery.ownership import Ownership
from delivery.quarantine import Quarantine
from delivery.turn import Grounds
from devstack import provision
from httpkit import ApiError
from storage import Database, Session
from tests.delivery.additions import EFFECT, Additions, content, creation, patch
from tests.delivery.peer import ANSWERS, Fault, Record, Write
from tests.faults import mutants
from tests.faults.evidence import Evidence, Made, Standing
from tests.faults.nets import without_nets
from tests.faults.oracle import Invariant

T = TypeVar("T")

# In ticks of the model's clock.
PACE = Pace(validity=4, deadline=2, late_apply=3, list_lag=0)
LATEST = 5  # after a request was sent: deadline and late_apply
HELD = {Invariant.ENDED, Invariant.ONCE, Invariant.ORDER}
LANES = ("agreement-1", "agreement-2")
MOST_LINES = 4
ALWAYS = 1
"""The seed of what must be found."""
MOST_OWNERS = 3
PEOPLE = ("accept", "replay", "amend", "remap")
FAULTS = {
    "refused": Fault.REFUSED,
    "not sent": Fault.NOT_SENT,
    "ambiguous not applied": Fault.LOST_BEFORE,
    "ambiguous applied": Fault.LOST_AFTER,
    "ambiguous late": Fault.LATE,
}

OWNER = ("look", "claim", "ok", *FAULTS)

picks = st.integers(0, MOST_LINES)
# As many as 1, 2, 3, 4 and 8 divide, so that each way of a rule is as likely as another.
ways = st.integers(0, 23)


@dataclass(frozen=True, slots=True)
class Focus:
    """What happens at all in the examples: everything, or what a missing protection shows itself in."""

    people: Sequence[str] = PEOPLE
    owner: Sequence[str] = OWNER


EVERYTHING = Focus()
REFUSALS = Focus(("accept", "remap"), ("look", "refused", "ok"))
"""Rare among everything: not every seed would have one whose line is not sent elsewhere before the end."""


class BrokenError(AssertionError):
    """The promise does not hold."""

    def __init__(self, invariants: set[Invariant]) -> None:
        super().__init__(", ".join(sorted(invariants)))
        self.invariants = invariants


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Ground:
    """What all examples share; each has a tenant and a site of its own."""

    runner: asyncio.Runner
    db: Database
    session: Session
    clock: Clock
    reached: set[State] = field(default_factory=set)
    played: list[list[tuple[str, int]]] = field(default_factory=list)

    def run(self, work: Awaitable[T]) -> T:
        async def done() -> T:
            return await work

        return self.runner.run(done())


@dataclass
class ModelPeer:
    """Does what it is told as often as it is told; `fault` is what befalls the next request, `late` when it lands."""

    clock: Clock
    fault: Fault | None = None
    late: float = 0.0
    history: list[tuple[str, int]] = field(default_factory=list)
    _records: dict[int, Record] = field(default_factory=dict)
    _under_way: list[tuple[float, Write]] = field(default_factory=list)

    async def records(self, lane: str) -> list[Record]:
        _ = lane
        return list(self._records.values())

    async def write(self, write: Write) -> int:
        fault, self.fault = self.fault, None
        if fault is None:
            return self._apply(write)
        if fault is Fault.LOST_AFTER:
            self._apply(write)
        if fault is Fault.LATE:
            self._under_way.append((self.clock() + self.late, write))
        outcome, status, message = ANSWERS[fault]
        raise ApiError(outcome, fault.name.lower(), message, status=status, retry_after=0.000_001)

    def land(self) -> None:
        """What is due of what was applied late."""
        for due in sorted((one for one in self._under_way if one[0] <= self.clock()), key=lambda one: one[0]):
            self._under_way.remove(due)
            self._apply(due[1])

    def _apply(self, write: Write) -> int:
        remote_id = write.remote_id or len(self._records) + 1
        old = self._records.get(remote_id)
        mark = old.marker if old else write.marker
        self._records[remote_id] = Record(remote_id, write.lane, mark, write.content)
        self.history.append((write.key, remote_id))
        return remote_id


@dataclass
class Turn:
    """A turn under way: what it has read about and may send, and what of that is claimed."""

    real: turns._Turn
    ready: list[Operation]
    claimed: list[tuple[Operation, Claim]] = field(default_factory=list)


class Owner:
    """A process that owns the site, or believes it."""

    def __init__(self, ground: Ground, effect: Additions, site: SiteId) -> None:
        effects = {EFFECT: effect}
        self.ledger = Ledger(ground.session, effects)
        self.quarantine = Quarantine(PACE.quarantine)
        self.ownership = Ownership(self.ledger, effects, PACE, self.quarantine)
        self.turns: dict[Lane, Turn] = {}
        self._effect = effect
        self._grounds = Grounds(ground.db, self.ledger, Lanes(20), self.quarantine, PACE, lambda _: False)
        self._site = site
        self._running: asyncio.Task[None] | None = None

    async def take(self) -> None:
        self._running = asyncio.create_task(self.ledger.run())
        assert await self.ownership._take(self._site)

    async def end(self) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def asks(self, operation: Operation) -> None:
        """Send what is claimed, and hear no answer."""
        with suppress(ApiError):
            await self._effect.send(operation)

    @property
    def epoch(self) -> Any:
        return self.ownership.epoch(self._site)

    async def look(self, lane: Lane) -> None:
        """The first half of a turn: what is due, what is there already, what may be sent."""
        turn = turns._Turn(self._grounds, self._effect, lane, self.epoch, jobs_only=False)
        due = await turn._due()
        ready = [] if isinstance(due, Rest) else await turn._ready(due)
        decided = await turn._read(ready) if ready else []
        assert not isinstance(decided, Rest)
        for operation, after in decided:
            if not after.send:
                await self.ledger.settle(operation, self.epoch, after)
                self.quarantine.end(lane, operation.seq)
        self.turns[lane] = Turn(turn, [operation for operation, after in decided if after.send])

    async def claim(self, turn: Turn) -> None:
        operation = turn.ready.pop(0)
        claim = await turn.real._claim(operation)
        if claim is not None:
            turn.claimed.append((operation, claim))

    async def send(self, turn: Turn) -> None:
        """What follows for the oldest claim; a turn that must wait gives the others back."""
        after = await turn.real._send(*turn.claimed.pop(0))
        if after is not None and (after.wait or after.pause):
            for operation, _ in turn.claimed:
                turn.real._give_back(operation)
            turn.claimed.clear()
            turn.ready.clear()
        await asyncio.gather(*turn.real._storing)
        turn.real._storing.clear()


class Life(RuleBasedStateMachine):
    """One site, a few lines on two agreements."""

    def __init__(self, ground: Ground, focus: Focus) -> None:
        super().__init__()
        self.ground = ground
        self.focus = focus
        self.tenant = TenantId(f"t-{secrets.token_hex(6)}")
        self.site = SiteId(f"site-{secrets.token_hex(4)}")
        ground.clock.now = 0.0
        self.peer = ModelPeer(ground.clock)
        self.accepted: list[NewOperation] = []
        self.versions: dict[int, int] = {}
        self.owners: list[Owner] = []
        self._take_over()

    # What happens. Few rules with many ways each: hypothesis leaves whole rules out of an example.

    @initialize(lane=st.sampled_from(LANES))
    def first(self, lane: str) -> None:
        self._accept(lane)

    @rule(what=ways, pick=picks, lane=st.sampled_from(LANES))
    def people(self, what: int, pick: int, lane: str) -> None:
        match _pick(self.focus.people, what):
            case "accept":
                self._accept(lane)
            case "replay":
                operation = _pick(self.accepted, pick)
                queued = self._enqueue(operation)
                assert (queued.new, queued.already) == ((), (operation.key,))
            case "amend":
                self._amend(_pick(sorted(self.versions), pick))
            case "remap":
                self._remap(_pick(sorted(self.versions), pick), lane)

    @rule(way=ways, who=picks, late=st.integers(1, LATEST))
    def an_owner(self, way: int, who: int, late: int) -> None:
        """One of those that are, or believe it, goes on from where it is."""
        what = _pick(self.focus.owner, way)
        owner = _pick(self.owners, who)
        turn = self._turn(owner)
        if what == "look" or turn is None or not self._claimed(owner, turn, ahead=what == "claim"):
            return
        if what != "claim":
            self.peer.fault, self.peer.late = FAULTS.get(what), late
            self._by(owner, owner.send(turn))
            self.peer.fault = None

    @rule(ticks=st.sampled_from([2, LATEST, 9]))
    def wait(self, ticks: int) -> None:
        self.ground.clock.now += ticks
        self.peer.land()

    @rule(under_way=st.sampled_from([None, *FAULTS]), late=st.integers(1, LATEST))
    def crash(self, under_way: str | None, late: int) -> None:
        """With a request under way, where there is one, whose answer nobody hears."""
        owner = self.owners.pop()
        turn = next((turn for turn in owner.turns.values() if turn.claimed), None)
        if under_way is not None and turn is not None:
            operation, claim = turn.claimed[0]
            if self.ground.clock() - claim.committed_at < PACE.validity:
                self.peer.fault, self.peer.late = FAULTS[under_way], late
                self._run(owner.asks(operation))
                self.peer.fault = None
        self._run(owner.end())
        self._take_over()

    @precondition(lambda self: len(self.owners) < MOST_OWNERS)
    @rule()
    def takeover(self) -> None:
        """The one before lives on and does not know."""
        self._take_over()

    # What holds.

    @invariant()
    def nothing_twice_and_nothing_out_of_order(self) -> None:
        self._judge(self._evidence([], {}), {Invariant.ONCE, Invariant.ORDER})

    def teardown(self) -> None:
        """Faults end; all that was accepted ends, too."""
        try:
            self.wait(LATEST)
            self._take_over()
            owner, rounds = self.owners[-1], 0
            while any(not state.is_terminal for state in self._states().values()) and rounds < 8:
                rounds += 1
                for lane in map(self._lane, LANES):
                    self._run(self._finish(owner, lane))
                self.wait(9)
            standing, records = self._run(self._standing())
            self.ground.reached |= {one.state for one in standing}
            self.ground.played.append(self.peer.history)
            self._judge(self._evidence(standing, records), HELD)
        finally:
            for owner in self.owners:
                self._run(owner.end())

    async def _finish(self, owner: Owner, lane: Lane) -> None:
        await owner.look(lane)
        turn = owner.turns[lane]
        while turn.ready or turn.claimed:
            if not turn.claimed:
                await owner.claim(turn)
            if turn.claimed:
                await owner.send(turn)

    def _judge(self, evidence: Evidence, held: set[Invariant]) -> None:
        if broken := evidence.broken() & held:
            raise BrokenError(broken)

    def _evidence(self, standing: list[Standing], records: dict[int, object]) -> Evidence:
        places: dict[str, int] = {one.key: number for number, one in enumerate(self.accepted, 1) if one.target}
        line: dict[str, str] = {one.key: line for one in self.accepted for line in _lines(one)}
        return Evidence(
            accepted={line[one.key]: None for one in self.accepted},
            made=[Made(line[key], remote_id, places.get(key, 0)) for key, remote_id in self.peer.history],
            standing=standing,
            records=records,
        )

    async def _standing(self) -> tuple[list[Standing], dict[int, object]]:
        line: dict[str, str] = {one.key: line for one in self.accepted for line in _lines(one)}
        async with self.ground.db.transaction([self.tenant]) as tx:
            rows = await tx.fetch(_Row, "select operation_key as key, state, remote_id from operation")
        return (
            [Standing(line[row.key], row.state, row.remote_id) for row in rows],
            {record.remote_id: record.content for record in await self.peer.records("")},
        )

    # How.

    def _run(self, work: Awaitable[T]) -> T:
        return self.ground.run(work)

    def _lane(self, name: str) -> Lane:
        return Lane(self.site, self.tenant, EFFECT, name)

    def _take_over(self) -> None:
        owner = Owner(self.ground, Additions(self.peer), self.site)
        self._run(owner.take())
        self.owners.append(owner)

    def _by(self, owner: Owner, work: Awaitable[None]) -> bool:
        """Whether it still is one: an owner that learns that it is none ends."""
        try:
            self._run(work)
        except LostSiteError:
            assert owner is not self.owners[-1]
            self.owners.remove(owner)
            self._run(owner.end())
            return False
        return True

    def _turn(self, owner: Owner) -> Turn | None:
        """A turn under way, or a new one; None where there is nothing to do in any lane."""
        for lane in map(self._lane, LANES):
            if (turn := owner.turns.get(lane)) is not None and (turn.ready or turn.claimed):
                return turn
        for lane in map(self._lane, LANES):
            if not self._by(owner, owner.look(lane)):
                return None
            if (turn := owner.turns[lane]).ready:
                return turn
        return None

    def _claimed(self, owner: Owner, turn: Turn, *, ahead: bool) -> bool:
        """Whether something of the turn is claimed, now at the latest; `ahead`: also the one after it."""
        while turn.ready and len(turn.claimed) < 1 + ahead:
            if not self._by(owner, owner.claim(turn)):
                return False
        return bool(turn.claimed)

    # What people ask for.

    def _accept(self, lane: str) -> None:
        number = len(self.versions)
        if number < MOST_LINES:
            self.versions[number] = 0
            self._queue(creation(self.tenant, self.site, number, lane))

    def _amend(self, number: int) -> None:
        """A change of the record where there is one, else another part of the line."""
        version = self.versions[number] = self.versions[number] + 1
        charge = self._confirmed_charge(number)
        if charge is None:
            component = f"difference-{version}"
            more = {"key": operation_key("test", number, component), "component": component}
            self._queue(creation(self.tenant, self.site, number, LANES[0], content=content(number, "1.00"), **more))
            return
        of_record = [one for one in self.accepted if one.target == f"record-{charge}"]
        before = of_record[-1].body["content"] if of_record else content(number)
        after = content(number, f"{version}.00")
        self._queue(patch(self.tenant, self.site, 100 * number + version, charge, before, after))

    def _remap(self, number: int, lane: str) -> None:
        """The line goes elsewhere, under another key: where what stands for it can be taken back, or was refused."""
        keys = [one.key for one in self.accepted if f"line-{number}/charge" in _lines(one)]
        again = creation(self.tenant, self.site, number, lane, key=operation_key("remapped", number, len(keys)))
        self._run(self._supersede(keys))
        self._queue(again)

    def _queue(self, operation: NewOperation) -> None:
        if self._enqueue(operation).new:
            self.accepted.append(operation)

    def _enqueue(self, operation: NewOperation) -> Any:
        async def work() -> Any:
            async with self.ground.db.transaction([self.tenant]) as tx:
                return await enqueue(tx, EFFECT, [operation])

        return self._run(work())

    async def _supersede(self, keys: list[Any]) -> None:
        async with self.ground.db.transaction([self.tenant]) as tx:
            await supersede(tx, self.tenant, keys)

    def _states(self) -> dict[str, State]:
        rows, _ = self._run(self._standing())
        return {str(number): row.state for number, row in enumerate(rows)}

    def _confirmed_charge(self, number: int) -> int | None:
        rows, _ = self._run(self._standing())
        line = f"line-{number}/charge"
        return next((row.remote_id for row in rows if row.line == line and row.state is State.CONFIRMED), None)


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    state: State
    remote_id: int | None


def _lines(operation: NewOperation) -> list[str]:
    return [f"{part.identity}/{part.component}" for part in operation.coverage] or [operation.key]


def _pick(among: Sequence[Any], pick: int) -> Any:
    return among[pick % len(among)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def unguarded(pg: str) -> AsyncIterator[provision.Database]:
    async with without_nets(pg) as made:
        yield made


@pytest.fixture
def ground(unguarded: provision.Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    clock = Clock()
    for module in (turns, ledger, ownership):
        monkeypatch.setattr(module, "boot_seconds", clock)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        db = Database(unguarded.app, unguarded.all_tenants, connections=1)
        runner.run(db.open())
        session = runner.run(db.session())
        yield Ground(runner, db, session, clock)
        runner.run(session.close())
        runner.run(db.close())


def live(ground: Ground, seed: int, examples: int, focus: Focus = EVERYTHING) -> None:
    machine: Any = seeded(seed)(partial(Life, ground, focus))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_happens_in_whatever_order_every_line_ends_once(ground: Ground, seed: int) -> None:
    live(ground, seed, 60)
    live(ground, seed, 10, REFUSALS)
    assert ground.reached >= {State.CONFIRMED, State.REJECTED, State.SUPERSEDED}


def test_a_seed_is_played_again_and_another_is_another_life(ground: Ground) -> None:
    for seed in (1, 1, 2):
        live(ground, seed, 4)
    first, again, another = (ground.played[start : start + 4] for start in (0, 4, 8))
    assert first == again != another


def changes_overtake(patch: pytest.MonkeyPatch) -> None:
    """Also the guard behind it is off: a change whose before-image is not there is a conflict."""
    overtaking = ledger.sql["turn"].replace("coalesce(seq = (", "coalesce(0 < (")
    patch.setattr(turns, "sql", {**ledger.sql, "turn": overtaking})
    find = Additions.find

    async def unquestioned(self: Additions, lane: Lane, operations: Sequence[Operation]) -> Reading:
        return replace(await find(self, lane, operations), conflicts={})

    patch.setattr(Additions, "find", unquestioned)


@pytest.mark.parametrize(
    ("taken_out", "focus", "broken"),
    [
        (mutants.no_quarantine, Focus(("accept",), ("ok", "ambiguous late")), Invariant.ONCE),
        (mutants.no_read, EVERYTHING, Invariant.ONCE),
        (mutants.no_coverage, EVERYTHING, Invariant.ONCE),
        (mutants.commit_after_the_call, Focus(("accept",), ("claim", "ok")), Invariant.ONCE),
        (changes_overtake, Focus(("amend",), ("ok", "ok", "ambiguous late")), Invariant.ORDER),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_protection_that_is_taken_out_is_missed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, taken_out: mutants.TakenOut, focus: Focus, broken: Invariant
) -> None:
    taken_out(monkeypatch)
    with pytest.raises(BrokenError) as found:
        live(ground, ALWAYS, 150, focus)
    assert broken in found.value.invariants
