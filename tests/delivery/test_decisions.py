"""What a person may say of a conflict, and that no mistake in it writes twice."""

import asyncio
from typing import Any

import pytest

from contracts.values import TenantId
from delivery import Adopted, NotThere, Scope, Settled, State, pause, turn
from delivery.operations import Operation, OperationKey, marker
from delivery.queue import PERSON, DecidedError, TakenError, conflict, decide, supersede
from delivery.records import decisions, timeline
from delivery.transitions import Decision
from storage import Transaction
from tests.delivery.additions import Additions, content, creation
from tests.delivery.house import House, happens
from tests.delivery.peer import Peer

BY = "finance@example.org"


async def in_conflict(house: House, peer: Peer, *there: dict[str, str]) -> OperationKey:
    """Line 1, of whose marker these records are there."""
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    for one in there:
        peer.put(operation.lane, marker(house.site, operation.key), one)
    async with house.worker(Additions(peer)):
        await house.holds(conflict=1)
    return operation.key


async def decided(house: House, key: OperationKey, decision: Decision) -> tuple[Operation, Settled]:
    async with house.db.transaction([house.tenant]) as tx:
        return await decide(tx, house.tenant, key, decision, BY)


@pytest.mark.parametrize("record", [1, 2])
async def test_an_adopted_record_is_what_was_written(house: House, peer: Peer, record: int) -> None:
    key = await in_conflict(house, peer, content(1), content(1))
    operation, settled = await decided(house, key, Adopted(record))
    assert (operation.key, operation.state) == (key, State.CONFLICT)
    assert (settled.state, settled.remote_id) == (State.CONFIRMED, record)
    async with house.db.transaction([house.tenant]) as tx:
        assert await conflict(tx, house.tenant, key) is None
        [said] = await decisions(tx, house.tenant, key)
        told = await timeline(tx, house.tenant, key)
    assert (said.decision, said.remote_id, said.by) == ("adopted", record, BY)
    assert told is not None
    assert (told[0].state, told[0].remote_id) == (State.CONFIRMED, record)
    assert (await house.queue([creation(house.tenant, house.site, 1, key="new-plan")])).new == ()


async def test_what_is_decided_once_is_not_decided_again(house: House, peer: Peer) -> None:
    key = await in_conflict(house, peer, content(1), content(1))
    await decided(house, key, Adopted(2))
    for again in (Adopted(1), NotThere()):
        with pytest.raises(DecidedError):
            await decided(house, key, again)
    with pytest.raises(DecidedError):
        await decided(house, OperationKey("no-such-operation"), NotThere())


async def test_of_two_who_decide_at_once_one_is_told_that_it_is_decided(house: House, peer: Peer) -> None:
    key = await in_conflict(house, peer, content(1), content(1))
    both = await asyncio.gather(*(decided(house, key, Adopted(n)) for n in (1, 2)), return_exceptions=True)
    assert [isinstance(one, DecidedError) for one in both].count(True) == 1
    async with house.db.transaction([house.tenant]) as tx:
        assert len(await decisions(tx, house.tenant, key)) == 1


async def test_a_record_that_stands_for_another_operation_is_not_adopted(house: House, peer: Peer) -> None:
    other = creation(house.tenant, house.site, 2)
    await house.queue([other])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    key = await _conflict_beside(house, peer)
    with pytest.raises(TakenError):
        await decided(house, key, Adopted(1))
    assert await house.state(key) == "conflict"


@pytest.mark.requirement("B18")
async def test_what_is_tried_again_although_it_is_there_is_a_conflict_again(house: House, peer: Peer) -> None:
    key = await in_conflict(house, peer, content(1, "99.00"))
    await decided(house, key, NotThere())
    assert await house.state(key) == "pending"
    async with house.db.transaction([house.tenant]) as tx:  # a newer plan may not take it back: it may be there
        assert await supersede(tx, house.tenant, [key]) == []
    async with house.worker(Additions(peer)):
        await house.holds(conflict=1)
        # Also with the owner that has seen it before.
        await decided(house, key, NotThere())
        peer.edit(1, content(1))
        await house.holds(confirmed=1)
    assert peer.asked == []
    async with house.db.transaction([house.tenant]) as tx:
        said = [one.decision for one in await decisions(tx, house.tenant, key)]
    assert said == ["tried_again", "tried_again"]


async def test_what_is_tried_again_and_is_not_there_is_written_once(house: House, peer: Peer) -> None:
    key = await in_conflict(house, peer, content(1, "99.00"))
    peer.remove(1)
    await decided(house, key, NotThere())
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    assert len(peer.sends(key)) == 1


async def test_what_is_tried_again_is_seen_in_a_lane_that_rests(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await in_conflict(house, peer, content(1, "99.00"))
    peer.edit(1, content(1))
    async with house.db.transaction([house.tenant]) as tx:
        await pause(tx, house.tenant, Scope.RUN, "run-2", PERSON, "look first")
    await house.queue([creation(house.tenant, house.site, 2, run="run-2")])
    looked, rests = turn._Turn._rest, []

    async def noted(self: turn._Turn, tx: Transaction, *which: Any) -> Any:
        rests.append(await looked(self, tx, *which))
        return rests[-1]

    monkeypatch.setattr(turn._Turn, "_rest", noted)
    async with house.worker(Additions(peer)):
        await happens(lambda: len(rests) == 1)
        assert not rests[0].empty
        await decided(house, key, NotThere())
        await house.holds(confirmed=1, pending=1)


async def test_a_tenants_conflict_is_not_anothers_to_decide(house: House, peer: Peer) -> None:
    key = await in_conflict(house, peer, content(1), content(1))
    async with house.db.transaction([TenantId("another")]) as tx:
        with pytest.raises(DecidedError):
            await decide(tx, house.tenant, key, NotThere(), BY)


async def _conflict_beside(house: House, peer: Peer) -> OperationKey:
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    peer.put(operation.lane, marker(house.site, operation.key), content(1, "99.00"))
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1, conflict=1)
    return operation.key
