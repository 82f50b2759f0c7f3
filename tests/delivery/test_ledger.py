"""One commit for many claims and results, in a constant number of round trips; a bad entry harms no other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from contracts.values import TenantId
from delivery import Operation, Scope, Settled, pause, pauses, points
from delivery.ledger import Attempted, Ledger
from delivery.operations import State
from delivery.points import Point
from delivery.transitions import Next
from storage import Transaction
from tests.delivery.additions import EFFECT, Additions, creation
from tests.delivery.house import House
from tests.delivery.peer import Peer

OPERATION = """
select tenant_id, operation_key as key, seq, effect, site_id, lane, kind, target, marker, body, run_id, state, attempts,
  reason
from operation order by seq
"""
DONE = Attempted("ok", 201, "", "", "", 0.1, 1)


class Picky(Additions):
    """Refuses results that it does not like, wherever they stand in a batch."""

    refused: str = ""

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        if self.refused in [operation.key for operation, _ in results]:
            raise KeyError("a defect of ours")
        await super().settled(tx, results)


@asynccontextmanager
async def ledger_of(house: House, effect: Additions, count: int) -> AsyncIterator[tuple[Ledger, UUID, list[Operation]]]:
    await house.queue(creation(house.tenant, house.site, n) for n in range(count))
    epoch = uuid4()
    async with house.db.all_tenants() as tx:
        await tx.execute("insert into site_owner (site_id, epoch, holder) values ($1, $2, '')", house.site, epoch)
        operations = await tx.fetch(Operation, OPERATION)
    session = await house.db.session()
    ledger = Ledger(session, {EFFECT: effect})
    running = asyncio.create_task(ledger.run())
    yield ledger, epoch, operations
    running.cancel()
    await asyncio.wait([running])
    await session.close()


def asked(ledger: Ledger) -> int:
    """How often the owner session has asked the database, as its driver counts."""
    return int(ledger.session._connection._protocol.queries_count)


@pytest.mark.parametrize("count", [3, 50])
async def test_a_commit_costs_the_same_number_of_round_trips_whatever_it_carries(
    house: House, peer: Peer, count: int
) -> None:
    effect = Additions(peer)
    async with ledger_of(house, effect, 2 * count) as (ledger, epoch, operations):
        first, second = operations[:count], operations[count:]
        await asyncio.gather(*(ledger.claim(operation, epoch) for operation in first))
        before = asked(ledger)
        results = [ledger.settle(operation, epoch, Next(State.CONFIRMED, n), DONE) for n, operation in enumerate(first)]
        claims = [ledger.claim(operation, epoch) for operation in second]
        assert all(claim is not None for claim in await asyncio.gather(*results, *claims))
        # begin, fence, attempts, results, the effect's own, claims, commit; each prepared once, the first time
        assert asked(ledger) - before <= 14
        assert effect.batches == [count]
    assert await house.states() == {"confirmed": count, "in_flight": count}


async def test_one_bad_entry_is_refused_alone(house: House, peer: Peer) -> None:
    effect = Picky(peer)
    async with ledger_of(house, effect, 6) as (ledger, epoch, operations):
        first, second = operations[:4], operations[4:]
        await asyncio.gather(*(ledger.claim(operation, epoch) for operation in first))
        effect.refused = first[1].key
        results = [ledger.settle(operation, epoch, Next(State.CONFIRMED, n), DONE) for n, operation in enumerate(first)]
        claims = [ledger.claim(operation, epoch) for operation in second]
        stored = await asyncio.gather(*results, *claims, return_exceptions=True)
        assert [isinstance(one, KeyError) for one in stored] == [False, True, *[False] * 4]
        async with house.db.all_tenants() as tx:
            assert await tx.value("select count(*)::int from attempt") == 4  # also of the one that was refused
    assert await house.states() == {"confirmed": 3, "in_flight": 3}
    assert set((await house.told()).values()) == {1}


async def test_results_go_before_claims_so_that_the_next_change_of_a_record_may_follow_at_once(
    house: House, peer: Peer
) -> None:
    async with ledger_of(house, Additions(peer), 2) as (ledger, epoch, operations):
        async with house.db.all_tenants() as tx:
            await tx.execute("update operation set target = 'one record'")
        await ledger.claim(operations[0], epoch)
        claim = ledger.claim(operations[1], epoch)
        result = ledger.settle(operations[0], epoch, Next(State.CONFIRMED, 1), DONE)
        assert await result is not None
        assert await claim is not None


async def test_a_claim_given_back_leaves_no_trace_and_can_be_made_again(house: House, peer: Peer) -> None:
    async with ledger_of(house, Additions(peer), 1) as (ledger, epoch, (operation,)):
        await ledger.claim(operation, epoch)
        given_back, again = ledger.give_back(operation, epoch), ledger.claim(operation, epoch)
        assert await given_back is not None
        claim = await again
    assert claim is not None
    assert claim.attempt == 1


@pytest.mark.parametrize(("scope", "name"), [(Scope.TENANT, ""), (Scope.LANE, "agreement-1"), (Scope.RUN, "run-1")])
async def test_what_was_paused_since_its_turn_began_is_not_claimed(
    house: House, peer: Peer, scope: Scope, name: str
) -> None:
    async with ledger_of(house, Additions(peer), 2) as (ledger, epoch, operations):
        for tenant_id, operation in zip((TenantId("another"), house.tenant), operations, strict=True):
            async with house.db.transaction([tenant_id]) as tx:
                await pause(tx, tenant_id, scope, name, "person", "wait")
            claim = await ledger.claim(operation, epoch)
            assert (claim is None) == (tenant_id == house.tenant)
    assert await house.states() == {"in_flight": 1, "pending": 1}


async def test_what_is_stored_for_one_tenant_leaves_an_equal_key_of_another_alone(house: House, peer: Peer) -> None:
    other = replace(house, tenant=TenantId(f"{house.tenant}-b"))
    await other.queue([creation(other.tenant, other.site, 0)])
    async with ledger_of(house, Additions(peer), 1) as (ledger, epoch, (theirs, ours)):
        assert theirs.key == ours.key
        await ledger.claim(ours, epoch)
        assert await other.states() == {"pending": 1}
        await ledger.claim(theirs, epoch)
        await ledger.give_back(ours, epoch)
        assert (await house.states(), await other.states()) == ({"pending": 1}, {"in_flight": 1})
        await ledger.claim(ours, epoch)
        await ledger.settle(ours, epoch, Next(State.REJECTED), DONE)
    assert (await house.states(), await other.states()) == ({"rejected": 1}, {"in_flight": 1})
    assert (await other.queue([creation(other.tenant, other.site, 0, key="new-plan")])).new == ()


async def test_what_is_no_longer_in_flight_is_not_changed_by_a_late_result_and_nobody_is_told(
    house: House, peer: Peer
) -> None:
    async with ledger_of(house, Additions(peer), 1) as (ledger, epoch, (operation,)):
        await ledger.claim(operation, epoch)
        async with house.db.all_tenants() as tx:
            await tx.execute("update operation set state = 'ambiguous'")
        for after in (Next(State.CONFIRMED, 1), Next(State.REJECTED), Next(State.PENDING, pause="lane")):
            assert await ledger.settle(operation, epoch, after, DONE) is None
        assert await ledger.give_back(operation, epoch) is None
    assert await house.states() == {"ambiguous": 1}
    assert await house.told() == {}
    async with house.db.transaction([house.tenant]) as tx:
        assert await pauses(tx, house.tenant) == []
    assert (await house.queue([creation(house.tenant, house.site, 0, key="new-plan")])).new == ()


async def test_a_takeover_waits_for_a_commit_that_was_found_to_own_the_site(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = []

    async def look(point: Point, _: Operation | None) -> None:
        if point is Point.BEFORE_RESULT_COMMIT:
            async with house.db.all_tenants() as tx:
                free.extend(await tx.column("select site_id from site_owner for no key update skip locked"))

    async with ledger_of(house, Additions(peer), 1) as (ledger, epoch, (operation,)):
        monkeypatch.setattr(points, "hook", look)
        assert await ledger.claim(operation, epoch) is not None
    assert free == []
