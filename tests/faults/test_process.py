"""Senders that die, stand still or are cut off at any moment, as processes of their own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from contracts import topics
from delivery.points import Point
from tests.factories import facts
from tests.faults.ground import PACE, Case, Ground
from tests.faults.oracle import Invariant, Violation
from tests.faults.scene import Scene
from tests.faults.sender import HOUR, Blow, Sender, Socket, Strike, can_vanish

LINES = 6
AGREEMENTS = 2
LONGER_THAN_EVERYTHING = PACE.quarantine + PACE.deadline
KEEPALIVE_IDLE = 10.0
VANISHED = 30.0
"""Seconds after which PostgreSQL must have noticed: its keepalive gives up after 10 + 2 x 5."""
SENDS = {"method": "POST", "path": "additions"}


async def struck(case: Case, strike: Strike) -> Sender:
    """A sender among others that has met its blow; whatever its point needs in order to be reached is there."""
    await case.approved(LINES)
    if strike.point is Point.BEFORE_GIVE_BACK:  # what is claimed ahead is given back when its lane is throttled
        for tenant in case.tenants:
            await tenant.site.fault("refuse_429", **SENDS, nth=1, times=2, retry_after=0)
    if strike.point is Point.IN_HAND_OVER:  # it has work, and until another replica comes it has all of it
        await gates(case, "not_ready")
    victim = case.process(strike)
    if strike.point is Point.IN_HAND_OVER:
        await case.until(lambda: owned(case), "it did not take all sites")
        case.process()
    await case.happens(lambda: victim.is_struck, f"{strike.point} was not reached")
    if strike.point is Point.IN_HAND_OVER:
        await gates(case, "ready")
    return victim


async def gates(case: Case, status: str) -> None:
    """Setup lets additions pass, or not yet."""
    for tenant in case.tenants:
        features = ("additions",) if status == "ready" else ()
        await tenant.desk.tell(topics.SETUP, (tenant.desk.tenant, facts.setup(status=status, features=features)))


async def owned(case: Case) -> bool:
    async with case.db.all_tenants() as tx:
        return bool(await tx.value("select count(*) from site_owner where epoch is not null") == len(case.tenants))


def killed_at(point: Point) -> Callable[[Case], Awaitable[None]]:
    """kill -9, with another replica to take over."""

    async def play(case: Case) -> None:
        victim = await struck(case, Strike(point, Blow.KILL, case.dice.randint(1, nths(point))))
        assert not victim.lives
        case.calm_from_now()
        case.process()
        await case.settles()
        await case.judged()

    return play


def nths(point: Point) -> int:
    """How often a point is reached at least before everything is done: by site, by lane or by line."""
    match point:
        case Point.BEFORE_GIVE_BACK | Point.IN_HAND_OVER | Point.IN_TAKEOVER | Point.AFTER_TAKEOVER:
            return 1
        case Point.BEFORE_TURN_READ | Point.AFTER_TURN_READ:
            return 2
        case _:
            return 4


def stopped_at(point: Point, *, session_ends: bool) -> Callable[[Case], Awaitable[None]]:
    """SIGSTOP for longer than every timeout, another replica there, then CONT.

    With its session it keeps its sites, so that only then anything happens; without, the other takes over.
    """

    async def play(case: Case) -> None:
        victim = await struck(case, Strike(point, Blow.STOP, case.dice.randint(1, nths(point))))
        case.process()
        if session_ends:
            await case.end_owner_sessions()
            case.calm_from_now()
            await case.settles()
        else:
            await asyncio.sleep(LONGER_THAN_EVERYTHING)  # nothing happens that could be waited for
        victim.cont()
        if not session_ends:
            case.calm_from_now()
        await comes_to_itself(case, victim)
        await case.settles()
        await case.judged()

    return play


async def comes_to_itself(case: Case, victim: Sender) -> None:
    """It has done whatever it still meant to do: it ends in good order, as it was told while it stood still."""
    victim.term()
    await case.happens(lambda: not victim.lives, "it did not end")


async def stopped_at_the_socket(case: Case) -> None:
    """The one moment where correct code can err: every check is made, no byte has left, and its site is taken over."""
    await case.approved(LINES)
    victim = case.process(Strike(Socket.POST, Blow.STOP, case.dice.randint(1, LINES - 1)))
    await case.happens(lambda: victim.is_struck, "nothing was sent")
    case.process()
    await case.end_owner_sessions()
    case.calm_from_now()
    await case.settles()
    assert not await case.violations()
    victim.cont()
    await comes_to_itself(case, victim)
    await is_the_honest_limit(case, await case.violations())


async def is_the_honest_limit(case: Case, found: list[Violation]) -> None:
    """Exactly one duplicate, nothing else, and reading back reports it."""
    twice = [one.line for one in found if one.invariant is Invariant.ONCE]
    others = {one.invariant for one in found} - {Invariant.ONCE, Invariant.BIJECTION}
    assert (len(twice), others, {one.line for one in found}) == (1, set(), set(twice)), f"{found}\n{case.logs()}"
    assert [one["kind"] for one in await case.reconciled()] == ["duplicate"]


async def told_to_end(case: Case) -> None:
    """SIGTERM with work in flight: what is being sent is finished, and no request comes after."""
    await case.approved(4 * LINES, AGREEMENTS)
    await case.site.fault("slow_answer", **SENDS, delay=PACE.deadline / 3)
    sender = case.process(pace=replace(PACE, deadline=10 * PACE.deadline))  # so that no answer is late
    await case.happens(lambda: len(case.site.written()) >= 3, "nothing was sent")
    sender.term()
    before = len(case.site.written())
    await case.happens(lambda: not sender.lives, "it did not end")
    written = len(case.site.written())
    assert written <= before + AGREEMENTS  # one a lane may have been on its way already
    states = await case.states()
    assert states == {"confirmed": written, "pending": 4 * LINES - written}
    await case.calm()
    case.process()
    await case.settles()
    await case.judged()


async def killed_at_random(case: Case) -> None:
    """Two replicas; every now and then one of them dies and another begins."""
    await case.approved(8 * LINES, agreements=4)
    await case.site.fault("slow_answer", **SENDS, delay=0.02)
    replicas = [case.process(), case.process()]
    for _ in range(4):
        soon = len(case.site.written()) + case.dice.randint(2, 8)
        await case.until(lambda soon=soon: written_or_settled(case, soon), "nothing goes on")  # type: ignore[misc]
        number = case.dice.randrange(2)
        replicas[number].kill()
        replicas[number] = case.process()
    await case.calm()
    await case.settles()
    await case.judged()


async def written_or_settled(case: Case, many: int) -> bool:
    return len(case.site.written()) >= many or await case.is_settled()


async def its_node_vanishes(case: Case) -> None:
    """No FIN ever comes: PostgreSQL finds out by itself, and frees the site long before a minute has passed."""
    if not can_vanish():
        pytest.skip("to close a connection without a FIN needs CAP_NET_ADMIN")
    await case.approved(lines=1)  # so that its session is idle: whatever came for it would find out at once
    victim = case.process(Strike(Point.AFTER_BYTES_SENT, Blow.VANISH))
    await case.happens(lambda: not victim.lives, "nothing was sent")
    case.process()
    began = time.monotonic()
    await case.until(lambda: is_taken_over(case, victim), "nobody took over")
    assert KEEPALIVE_IDLE - 1 < time.monotonic() - began < VANISHED
    case.calm_from_now()
    await case.settles()
    await case.judged()


async def is_taken_over(case: Case, victim: Sender) -> bool:
    async with case.db.all_tenants() as tx:
        holder = str(await tx.value("select holder from site_owner"))
    return not holder.endswith(f"/{victim.pid}")


def wrong_clock(off: float) -> Callable[[Case], Awaitable[None]]:
    """A wall clock that jumps two hours to and fro at every point, also in a quarantine: nothing waits by it."""

    async def play(case: Case) -> None:
        await case.approved(LINES)
        await case.site.fault("reset_after", **SENDS, nth=case.dice.randint(1, LINES))
        await case.site.fault("apply_late", **SENDS, nth=case.dice.randint(1, LINES - 1), delay=PACE.late_apply)
        case.process(clock=off)
        await case.settles()
        await case.judged()

    return play


async def killed_and_lists_lag(case: Case) -> None:
    """The answer died with its sender, and the next one's lists do not show the record yet."""
    await case.approved(LINES)
    await case.site.fault("list_lag", **SENDS, delay=PACE.deadline + PACE.late_apply)
    await struck_and_replaced(case, Strike(Point.AFTER_BYTES_SENT, nth=case.dice.randint(1, LINES - 2)))


async def struck_and_replaced(case: Case, strike: Strike) -> None:
    victim = case.process(strike)
    await case.happens(lambda: not victim.lives, f"{strike.point} was not reached")
    case.calm_from_now()
    case.process()
    await case.settles()
    await case.judged()


def tenants_at(point: Point) -> int:
    """A site is only handed over by who has too many."""
    return 2 if point is Point.IN_HAND_OVER else 1


KILLED = [Scene(f"killed {point}", killed_at(point), tenants_at(point)) for point in Point]
STOPPED = [
    Scene(
        f"stopped {point}{', session ended' * ends}",
        stopped_at(point, session_ends=ends),
        tenants_at(point),
        one_in=int(point is Point.AFTER_CLAIM),
    )
    for point in Point
    for ends in (False, True)
]
OTHERS = [
    Scene("stopped at the socket, session ended", stopped_at_the_socket),
    Scene("told to end", told_to_end),
    Scene("its node vanishes", its_node_vanishes, one_in=0),
    Scene("killed at random", killed_at_random),
    Scene("an hour ahead", wrong_clock(HOUR)),
    Scene("an hour behind", wrong_clock(-HOUR)),
    Scene("killed and lists lag", killed_and_lists_lag),
]


@pytest.mark.parametrize("judgement", [*KILLED, *STOPPED, *OTHERS], ids=str, indirect=True)
async def test_whatever_becomes_of_a_process_every_line_has_one_effect(judgement: Awaitable[None]) -> None:
    await judgement


async def test_postgresql_asks_after_the_session_of_an_owner_that_says_nothing(ground: Ground) -> None:
    """What frees the sites of a node that vanished, where the scene above cannot be played."""
    async with ground.case("keepalive", 1) as case:
        session = await case.db.session()
        async with session.transaction() as tx:
            idle, interval, count = [
                int(await tx.value("select setting from pg_settings where name = $1", f"tcp_keepalives_{name}"))
                for name in ("idle", "interval", "count")
            ]
            unheard = int(await tx.value("select setting from pg_settings where name = 'tcp_user_timeout'"))
        await session.close()
    assert 0 < idle + interval * count <= VANISHED
    assert 0 < unheard <= 1000 * VANISHED  # while an answer is unacknowledged, no keepalive is sent
