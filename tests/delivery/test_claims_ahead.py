"""A claim is made while the operation before it is sent; whatever happens then, it is sent fresh or given back."""

import asyncio
from dataclasses import replace

import pytest

from delivery import Operation, Scope, Sent, pause, resume
from delivery.points import Point
from delivery.records import timeline
from tests.delivery import struck
from tests.delivery.additions import Additions, creation, patch
from tests.delivery.house import FAST, House, happens, until
from tests.delivery.peer import Fault, Peer

PATIENT = replace(FAST, deadline=10.0)


async def attempts(house: House, number: int) -> tuple[int, list[str]]:
    """How often an operation was claimed, as it counts, and what each request brought."""
    async with house.db.transaction([house.tenant]) as tx:
        found = await timeline(tx, house.tenant, creation(house.tenant, house.site, number).key)
    assert found is not None
    return found[0].attempts, [attempt.outcome for attempt in found[1]]


async def test_the_next_is_claimed_while_one_is_sent_and_only_the_next(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(4)]
    peer.held[operations[0].key] = asyncio.Event()
    await house.queue(operations)
    async with house.worker(Additions(peer), pace=PATIENT):
        await house.holds(in_flight=2, pending=2)
        assert [write.key for _, write in peer.asked] == [operations[0].key]
        peer.held[operations[0].key].set()
        await house.holds(confirmed=4)
    assert [write.key for _, write in peer.asked] == [operation.key for operation in operations]


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.MISSING, Fault.NOT_SENT])
async def test_an_answer_that_puts_the_lane_off_gives_the_claim_ahead_back_unsent(
    house: House, peer: Peer, fault: Fault
) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    peer.retry_after = 0.3
    peer.script(operations[0].key, fault)
    await house.queue(operations)
    async with house.worker(Additions(peer)):
        await happens(lambda: len(peer.asked) == 1)
        await house.holds(pending=3)
        assert await attempts(house, 1) == (0, [])  # nothing is burned
        async with house.db.transaction([house.tenant]) as tx:
            await resume(tx, house.tenant)
        await house.holds(confirmed=3)
    assert await attempts(house, 1) == (1, ["ok"])
    assert peer.repeated == []


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.LOST_BEFORE, Fault.LATE])
async def test_an_answer_about_one_operation_alone_lets_the_claimed_one_go(
    house: House, peer: Peer, fault: Fault
) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    peer.script(operations[0].key, fault)
    await house.queue(operations)
    async with house.worker(Additions(peer)):
        await happens(lambda: len(peer.asked) >= 3)
        await until(house.is_settled)
    assert [write.key for _, write in peer.asked][:3] == [operation.key for operation in operations]
    assert peer.repeated == []


async def test_a_stop_gives_the_claim_ahead_back_and_finishes_what_is_sent(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    peer.held[operations[0].key] = asyncio.Event()
    await house.queue(operations)
    async with house.worker(Additions(peer), pace=PATIENT) as worker:
        await house.holds(in_flight=2, pending=1)
        worker.asked_to_stop.set()
        peer.held[operations[0].key].set()
        await worker.stop()
    assert await house.states() == {"confirmed": 1, "pending": 2}
    assert len(peer.asked) == 1
    assert await attempts(house, 1) == (0, [])


async def test_a_death_leaves_the_claim_ahead_in_doubt_until_it_was_looked_for(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    peer.held[operations[0].key] = asyncio.Event()
    await house.queue(operations)
    async with house.worker(Additions(peer), pace=PATIENT) as worker:
        await house.holds(in_flight=2, pending=1)
        await worker.kill()
    peer.held[operations[0].key].set()
    async with house.worker(Additions(peer)):
        await house.holds(ambiguous=2, confirmed=1)
        await house.holds(confirmed=3)
    assert peer.repeated == []


async def test_a_claim_that_has_aged_while_another_was_sent_is_renewed_and_burns_nothing(
    house: House, peer: Peer
) -> None:
    allowed: list[float] = []

    class Watching(Additions):
        async def send(self, operation: Operation) -> Sent:
            allowed.append(operation.leave_within)
            return await super().send(operation)

    operations = [creation(house.tenant, house.site, n) for n in range(2)]
    peer.held[operations[0].key] = asyncio.Event()
    await house.queue(operations)
    async with house.worker(Watching(peer), pace=PATIENT):
        await house.holds(in_flight=2)
        await asyncio.sleep(PATIENT.validity)  # what is shown is that time has passed
        peer.held[operations[0].key].set()
        await house.holds(confirmed=2)
    assert allowed[1] > PATIENT.validity / 2
    assert await attempts(house, 1) == (1, ["ok"])


async def test_what_was_in_doubt_and_is_given_back_is_read_again_before_it_is_sent(house: House, peer: Peer) -> None:
    first, second = [creation(house.tenant, house.site, n) for n in range(2)]
    peer.script(first.key, Fault.LOST_BEFORE, Fault.THROTTLED)
    peer.script(second.key, Fault.LOST_BEFORE)
    await house.queue([first, second])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=2)
    assert (len(peer.history), peer.repeated) == (2, [])
    sent_last = peer.sends(second.key)[-1]
    assert any(peer.sends(first.key)[1] < at < sent_last for at, _ in peer.reads)


async def test_a_pause_in_the_middle_of_a_turn_is_heeded_by_the_next_claim(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(5)]
    peer.held[operations[0].key] = asyncio.Event()
    await house.queue(operations)
    async with house.worker(Additions(peer), pace=PATIENT):
        await house.holds(in_flight=2, pending=3)
        async with house.db.transaction([house.tenant]) as tx:
            await pause(tx, house.tenant, Scope.LANE, "agreement-1", "person", "wait")
        peer.held[operations[0].key].set()
        await house.holds(confirmed=2, pending=3)
        assert await attempts(house, 2) == (0, [])
        async with house.db.transaction([house.tenant]) as tx:
            await resume(tx, house.tenant, Scope.LANE, "agreement-1")
        await house.holds(confirmed=5)


async def test_changes_of_one_record_are_never_claimed_ahead_of_each_other(house: House, peer: Peer) -> None:
    record = peer.put("agreement-1", "", {"n": 0})
    changes = [patch(house.tenant, house.site, n, record.remote_id, {"n": n - 1}, {"n": n}) for n in (1, 2)]
    peer.held[changes[0].key] = asyncio.Event()
    await house.queue(changes)
    async with house.worker(Additions(peer), pace=PATIENT):
        await house.holds(in_flight=1, pending=1)
        peer.held[changes[0].key].set()
        await house.holds(confirmed=2)
    assert peer.content(record.remote_id) == {"n": 2}


async def test_a_worker_that_stands_still_before_its_send_longer_than_its_claim_counts_gives_nothing_twice(
    house: House, peer: Peer
) -> None:
    """Its claim ahead has aged, its session is gone, another has taken over; then it wakes."""
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    await house.queue(operations)
    with struck.standing_still_at(Point.AFTER_CLAIM) as blow:
        async with blow.victim(house, Additions(peer, "sleeper"), FAST) as sleeper:
            await blow.landed()
            await sleeper.db.owner.unlock(f"delivery.{house.site}")
            async with house.worker(Additions(peer, "replacement")):
                await house.holds(confirmed=3)
                blow.goes_on.set()
                await house.queue([creation(house.tenant, house.site, 3)])
                await house.holds(confirmed=4)
            await sleeper.kill()
    await peer.idle()
    assert (len(peer.effects), peer.repeated) == (4, [])
