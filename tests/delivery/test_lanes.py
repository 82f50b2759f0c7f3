"""Whose turn it is: pure, so that fairness is shown on a simulated clock."""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.values import SiteId, TenantId
from delivery.effect import Lane
from delivery.lanes import Lanes, Rest
from delivery.queue import Scope

TENANT_PAUSED = frozenset({(Scope.TENANT, "")})


def lane(number: int, tenant: str = "a", site: str = "") -> Lane:
    return Lane(SiteId(site or f"site-{tenant}"), TenantId(tenant), "additions", f"agreement-{number}")


def begun(lanes: Lanes, now: float = 0.0) -> list[Lane]:
    """All turns that begin now."""
    turns = []
    while (one := lanes.next(now)) is not None:
        turns.append(one)
    return turns


def known(*some: Lane, most: int = 20) -> Lanes:
    lanes = Lanes(most)
    lanes.found((one, number) for number, one in enumerate(some))
    return lanes


def test_the_longest_waiting_lane_has_the_next_turn() -> None:
    one, two, three = (lane(n) for n in range(3))
    lanes = known(one, two, three, most=1)
    served = []
    for now in range(6):
        (turn,) = begun(lanes, now)
        served.append(turn)
        lanes.ended(turn, Rest(), now)
    assert served == [one, two, three, one, two, three]


def test_a_lane_has_one_turn_at_a_time_and_at_most_so_many_run() -> None:
    lanes = known(*(lane(n) for n in range(5)), most=3)
    assert len(set(begun(lanes))) == 3
    assert (lanes.running, lanes.next(0.0), lanes.due_in(0.0)) == (3, None, None)


def test_turns_are_shared_by_tenants_then_sites_then_lanes() -> None:
    many = [lane(n, "big") for n in range(50)]
    elsewhere = [lane(n, "big", "second-site") for n in range(2)]
    few = [lane(n, "small") for n in range(2)]
    turns = begun(known(*many, *elsewhere, *few, most=8))
    assert sum(one.tenant_id == "small" for one in turns) == 2
    assert sum(one.site_id == "second-site" for one in turns) == 2


def test_a_lane_that_rests_is_looked_at_when_due_or_when_more_is_queued() -> None:
    one, two = lane(1), lane(2)
    lanes = known(one, two)
    for turn in begun(lanes):
        lanes.ended(turn, Rest(5.0), 0.0)
    assert (begun(lanes, 1.0), lanes.due_in(1.0)) == ([], 4.0)
    lanes.found([(one, 100), (two, 1)])
    assert begun(lanes, 2.0) == [one]
    assert begun(lanes, 5.0) == [two]


def test_a_lane_that_was_put_off_is_not_looked_at_sooner_for_what_is_queued() -> None:
    one = lane(1)
    lanes = known(one)
    begun(lanes)
    lanes.found([(one, 100)])  # also while it has its turn
    lanes.ended(one, Rest(5.0, firm=True), 0.0)
    lanes.found([(one, 200)])
    lanes.wake(one.site_id)
    assert begun(lanes, 4.9) == []
    assert begun(lanes, 5.0) == [one]


def test_what_was_queued_during_a_turn_is_not_overlooked() -> None:
    one = lane(1)
    lanes = known(one)
    begun(lanes)
    lanes.found([(one, 7)])
    lanes.ended(one, Rest(empty=True), 0.0)
    assert begun(lanes) == [one]


def test_an_empty_lane_is_forgotten() -> None:
    one, two = lane(1), lane(2)
    lanes = known(one, two)
    begun(lanes)
    lanes.ended(one, Rest(empty=True), 0.0)
    lanes.ended(two, Rest(5.0), 0.0)
    assert len(lanes) == 1
    lanes.found([])
    assert (len(lanes), begun(lanes, 9.0)) == (0, [])


def test_paused_lanes_and_tenants_have_no_turns_until_that_changes() -> None:
    one, two, other = lane(1), lane(2), lane(1, "b")
    lanes = known(one, two, other)
    lanes.pauses(one.tenant_id, frozenset({(Scope.LANE, one.name)}))
    assert set(begun(lanes)) == {two, other}
    lanes.ended(two, Rest(), 0.0)
    lanes.pauses(one.tenant_id, TENANT_PAUSED)
    assert (begun(lanes), lanes.due_in(0.0)) == ([], None)  # and nobody looks every other second
    lanes.ended(other, Rest(5.0), 0.0)
    lanes.pauses(other.tenant_id, frozenset())
    assert begun(lanes) == []  # nothing has changed
    lanes.pauses(one.tenant_id, frozenset())
    assert set(begun(lanes)) == {one, two}


def test_behind_a_closed_gate_one_lane_tries_first() -> None:
    some = [lane(n) for n in range(5)]
    lanes = known(*some)
    first, *others = begun(lanes)
    for turn in (first, *others):
        lanes.shut(turn, 2.0)
        lanes.ended(turn, Rest(), 0.0)
    assert (begun(lanes, 1.0), lanes.due_in(1.0)) == ([], 1.0)
    (probe,) = begun(lanes, 2.0)
    assert lanes.due_in(2.0) is None
    lanes.opened(probe)
    assert len(begun(lanes, 2.0)) == 4


def test_held_sites_have_no_turns_and_lost_ones_are_forgotten() -> None:
    one, other = lane(1), lane(1, "b")
    lanes = known(one, other)
    lanes.held = frozenset({one.site_id})
    assert begun(lanes) == [other]
    assert (lanes.is_busy(other.site_id), lanes.is_busy(one.site_id)) == (True, False)
    lanes.forget(one.site_id)
    lanes.held = frozenset()
    assert (begun(lanes), len(lanes)) == ([], 1)


def test_a_turn_ends_early_only_for_tenants_with_fewer_turns() -> None:
    big = [lane(n, "big") for n in range(8)]
    lanes = known(*big, most=4)
    turns = begun(lanes)
    assert not any(lanes.must_leave(turn, 0.0) for turn in turns)  # nobody else waits
    lanes.found([*((one, n) for n, one in enumerate(big)), (lane(1, "small"), 99)])
    assert [lanes.must_leave(turn, 0.0) for turn in turns] == [True, False, False, False]
    lanes.pauses(TenantId("small"), TENANT_PAUSED)
    assert not lanes.must_leave(turns[1], 0.0)


def simulated(backlogs: dict[str, list[int]], slots: int) -> dict[str, list[float]]:
    """When each line of each tenant is done: a read costs 1, a line costs 1; `backlogs` are lines by lane."""
    left = {lane(n, tenant): lines for tenant, lanes in backlogs.items() for n, lines in enumerate(lanes)}
    lanes = Lanes(slots)
    lanes.found((one, number) for number, one in enumerate(left))
    done: dict[str, list[float]] = defaultdict(list)
    now, ticket = 0.0, 0
    events: list[tuple[float, int, Lane, Iterator[None]]] = []

    def turn(one: Lane) -> Iterator[None]:
        yield
        for _ in range(min(100, left[one])):
            if lanes.must_leave(one, now):
                return
            yield
            left[one] -= 1
            done[one.tenant_id].append(now)

    while True:
        for one in begun(lanes, now):
            ticket += 1
            events.append((now, ticket, one, turn(one)))
        heapq.heapify(events)
        if not events:
            return done
        now, ticket_of, one, steps = heapq.heappop(events)
        if next(steps, "over") is None:
            heapq.heappush(events, (now + 1, ticket_of, one, steps))
        else:
            lanes.ended(one, Rest(empty=not left[one]), now)


@pytest.mark.parametrize("shape", [[100], [20] * 5, [1] * 100, [10]])
def test_a_tenant_with_a_long_backlog_does_not_slow_small_ones_more_than_threefold(shape: list[int]) -> None:
    def slowest(times: list[float]) -> float:
        return sorted(times)[int(len(times) * 0.99) - 1]

    small = {f"small-{n}": shape for n in range(9)}
    alone = simulated(small, 20)
    beside = simulated({"big": [100] * 200, **small}, 20)
    for tenant in small:
        assert slowest(beside[tenant]) <= 3 * slowest(alone[tenant])
    assert len(beside["big"]) == 20_000


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 99))
def test_every_lane_comes_to_its_turn(sizes: list[int], slots: int, dice: int) -> None:
    some = deque(lane(n, f"tenant-{tenant}") for tenant, size in enumerate(sizes) for n in range(size))
    lanes = known(*some, most=slots)
    served: set[Lane] = set()
    running: list[Lane] = []
    for step in range(2 * len(sizes) * max(sizes) * (slots + 1)):
        running += begun(lanes, step)
        served.update(running)
        lanes.ended(running.pop((dice + step) % len(running)), Rest(), step)
    assert served == set(some)
