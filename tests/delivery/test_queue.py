"""Queueing: nothing twice, coverage first, and what was queued can be taken back only while it is pending."""

import asyncio
from dataclasses import dataclass

import pytest

from contracts.values import LineIdentity, RunId, SiteId, TenantId
from delivery import NewOperation, Scope, State, enqueue, enqueue_job, lift, pause, pauses, resume, supersede
from delivery.ledger import sql as owner
from delivery.queue import PERSON, KeyReusedError, Queued
from delivery.records import lanes, live_of_lane, progress, timeline
from tests.delivery.additions import EFFECT, Additions, content, creation
from tests.delivery.house import House
from tests.delivery.peer import Fault, Peer

COVERED = (LineIdentity("line-1"), "charge")


async def test_queueing_the_same_again_is_once(house: House) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    first, second = await house.queue(operations), await house.queue(operations)
    assert first == Queued(tuple(o.key for o in operations), (), ())
    assert second == Queued((), tuple(o.key for o in operations), ())
    assert await house.states() == {"pending": 3}


async def test_the_same_operation_twice_in_one_request_is_once(house: House) -> None:
    operation = creation(house.tenant, house.site, 1)
    queued = await house.queue([operation, operation])
    assert (queued.new, queued.already) == ((operation.key,), (operation.key,))


@pytest.mark.parametrize(
    "other",
    [
        {"content": content(1, "11.00")},
        {"lane": "agreement-2"},
    ],
)
async def test_a_key_with_other_content_is_an_error_and_never_already_there(
    house: House, other: dict[str, object]
) -> None:
    await house.queue([creation(house.tenant, house.site, 1)])
    changed = creation(house.tenant, house.site, 1, **other)  # type: ignore[arg-type]
    with pytest.raises(KeyReusedError):
        await house.queue([changed])


async def test_a_key_with_another_site_is_an_error(house: House) -> None:
    await house.queue([creation(house.tenant, house.site, 1)])
    with pytest.raises(KeyReusedError):
        await house.queue([creation(house.tenant, SiteId("elsewhere"), 1)])


async def test_two_operations_never_stand_for_one_component_of_a_line(house: House) -> None:
    await house.queue([creation(house.tenant, house.site, 1)])
    other = creation(house.tenant, house.site, 1, key="another-plan")
    assert await house.queue([other]) == Queued((), (), (COVERED,))
    difference = creation(house.tenant, house.site, 1, key="difference", component="difference-1")
    assert (await house.queue([difference])).new == ("difference",)


async def test_of_two_that_overlap_in_one_request_the_first_is_queued(house: House) -> None:
    one, other = creation(house.tenant, house.site, 1), creation(house.tenant, house.site, 1, key="grouped")
    queued = await house.queue([one, other])
    assert (queued.new, queued.covered) == ((one.key,), (COVERED,))


async def test_two_plans_at_once_bill_a_line_once(house: House) -> None:
    async def plan(name: str) -> Queued:
        return await house.queue(creation(house.tenant, house.site, n, key=f"{name}-{n}") for n in range(20))

    plans = await asyncio.gather(*(plan(f"plan-{n}") for n in range(4)))
    assert sorted(len(plan.new) for plan in plans) == [0, 0, 0, 20]
    assert await house.states() == {"pending": 20}


async def test_the_same_file_imported_by_two_people_at_once_is_queued_once(house: House) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(20)]
    plans = await asyncio.gather(house.queue(operations), house.queue(operations))
    assert sorted(len(plan.new) for plan in plans) == [0, 20]
    assert sorted(len(plan.already) for plan in plans) == [0, 20]


async def test_tenants_may_have_equal_keys(house: House) -> None:
    other = TenantId(f"{house.tenant}-b")
    both = [creation(house.tenant, house.site, 1), creation(other, SiteId("site-b"), 1)]
    async with house.db.all_tenants() as tx:
        assert len((await enqueue(tx, EFFECT, both)).new) == 2


async def test_pending_operations_can_be_taken_back_with_their_coverage(house: House) -> None:
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    async with house.db.transaction([house.tenant]) as tx:
        assert await supersede(tx, house.tenant, [operation.key]) == [operation.key]
    async with house.db.transaction([house.tenant]) as tx:
        assert await supersede(tx, house.tenant, [operation.key]) == []
    assert (await house.queue([creation(house.tenant, house.site, 1, key="new-plan")])).new == ("new-plan",)


@pytest.mark.parametrize("state", [s for s in State if s is not State.PENDING])
async def test_it_is_too_late_to_take_back_what_has_left_pending(house: House, state: State) -> None:
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    async with house.db.all_tenants() as tx:
        await tx.execute("update operation set state = $1, epoch = gen_random_uuid()", state)
    async with house.db.transaction([house.tenant]) as tx:
        assert await supersede(tx, house.tenant, [operation.key]) == []
    assert (await house.queue([creation(house.tenant, house.site, 1, key="new-plan")])).covered == (COVERED,)


@pytest.mark.parametrize(
    ("fault", "closed", "ends", "released"),
    [
        (Fault.REFUSED, "", "rejected", True),
        (None, "the agreement was cancelled", "stale", True),
        (None, "", "confirmed", False),
    ],
)
async def test_coverage_goes_only_with_what_will_never_be_written(
    house: House, peer: Peer, fault: Fault | None, closed: str, ends: str, released: bool
) -> None:
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    if fault:
        peer.script(operation.key, fault)
    effect = Additions(peer)
    effect.closed = closed
    async with house.worker(effect):
        await house.holds(**{ends: 1})
    again = await house.queue([creation(house.tenant, house.site, 1, key="new-plan")])
    assert bool(again.new) == released


async def test_a_conflict_keeps_its_coverage(house: House, peer: Peer) -> None:
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    await _mark(house, peer, operation, content(1, "99.00"))
    async with house.worker(Additions(peer)):
        await house.holds(conflict=1)
    assert (await house.queue([creation(house.tenant, house.site, 1, key="new-plan")])).covered == (COVERED,)


async def test_one_job_a_lane_waits(house: House, peer: Peer) -> None:
    async def ask(lane: str) -> bool:
        async with house.db.transaction([house.tenant]) as tx:
            body = {"content": {}, "id": peer.put("x", "", {}).remote_id}
            return await enqueue_job(tx, EFFECT, house.tenant, house.site, lane, body)

    await house.queue([creation(house.tenant, house.site, 1, "catalog")])
    assert [await ask("catalog"), await ask("catalog"), await ask("agreements")] == [True, False, True]
    effect = Additions(peer)
    async with house.worker(effect):
        await house.holds(confirmed=3)
        assert await ask("catalog")
        await house.holds(confirmed=4)
    assert effect.jobs == 3


async def test_a_job_that_has_begun_does_not_stand_for_one_that_is_asked_for_now(house: House) -> None:
    assert [await _ask(house), await _ask(house), await _ask(house, "another effect")] == [True, False, True]
    async with house.db.all_tenants() as tx:
        await tx.execute("update operation set state = 'in_flight', epoch = gen_random_uuid()")
    assert await _ask(house)


async def test_a_job_that_was_found_waiting_begins_only_after_the_commit_that_found_it(house: House) -> None:
    """So it sees what that transaction wrote, although it was queued before."""
    free_for_a_claim = "select count(*) from (select from operation for no key update skip locked) as free"
    await _ask(house)
    async with house.db.transaction([house.tenant]) as tx:
        assert not await enqueue_job(tx, EFFECT, house.tenant, house.site, "catalog", {})
        async with house.db.all_tenants() as other:
            assert await other.value(free_for_a_claim) == 0
    async with house.db.all_tenants() as other:
        assert await other.value(free_for_a_claim) == 1


async def test_pauses_are_seen_and_ended_by_one_command(house: House) -> None:
    async with house.db.transaction([house.tenant]) as tx:
        await pause(tx, house.tenant, Scope.TENANT, "", "unauthorized", "the key was revoked")
        await pause(tx, house.tenant, Scope.LANE, "agreement-1", "forbidden", "no right")
        await pause(tx, house.tenant, Scope.LANE, "agreement-1", "forbidden", "no right to add")
        found = await pauses(tx, house.tenant)
    assert [(p.name, p.code, p.message) for p in found] == [
        ("", "unauthorized", "the key was revoked"),
        ("agreement-1", "forbidden", "no right to add"),
    ]
    async with house.db.transaction([house.tenant]) as tx:
        await pause(tx, house.tenant, Scope.LANE, "agreement-2", "forbidden", "no right")
        assert await resume(tx, house.tenant, Scope.LANE, "agreement-2") == 1
        assert await pauses(tx, house.tenant) == found
        assert await resume(tx, house.tenant) == 2
        assert await pauses(tx, house.tenant) == []


async def test_what_a_person_stopped_is_neither_hidden_nor_ended_by_a_machine(house: House, peer: Peer) -> None:
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n}") for n in (1, 2))
    async with house.db.transaction([house.tenant]) as tx:
        for scope, name in ((Scope.TENANT, ""), (Scope.LANE, "agreement-1")):
            await pause(tx, house.tenant, scope, name, PERSON, "month end")
            await pause(tx, house.tenant, scope, name, "Unauthorized", "the key was revoked")
            await pause(tx, house.tenant, scope, name, "setup", "a right is missing")
        both = [(PERSON, "month end"), ("setup", "a right is missing")]
        assert [(one.code, one.message) for one in await pauses(tx, house.tenant)] == both * 2
        assert (await progress(tx, house.tenant, RunId("run-1"))).waiting == 2
        assert await tx.fetch(_Counted, owner["measure_pauses"]) == [_Counted("lane", 1), _Counted("tenant", 1)]
        assert await lift(tx, house.tenant, Scope.TENANT) == 1
        assert [one.code for one in await pauses(tx, house.tenant)] == [PERSON, PERSON, "setup"]
        assert await resume(tx, house.tenant, Scope.TENANT) == 1
        assert await lift(tx, house.tenant) == 1
        assert await lift(tx, house.tenant) == 0
        assert [one.code for one in await pauses(tx, house.tenant)] == [PERSON]
    async with house.worker(Additions(peer)):
        await house.holds(pending=1, confirmed=1)
        async with house.db.transaction([house.tenant]) as tx:
            assert await resume(tx, house.tenant) == 1
        await house.holds(confirmed=2)


@dataclass(frozen=True)
class _Counted:
    scope: str
    pauses: int


async def test_people_see_progress_and_each_attempt(house: House, peer: Peer) -> None:
    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, Fault.THROTTLED, Fault.LOST_BEFORE)
    await house.queue([operation])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    async with house.db.transaction([house.tenant]) as tx:
        found = await timeline(tx, house.tenant, operation.key)
        assert await timeline(tx, house.tenant, creation(house.tenant, house.site, 2).key) is None
        assert await lanes(tx, EFFECT, house.tenant, house.site) == ["agreement-1"]
        assert await lanes(tx, EFFECT, house.tenant, SiteId("another")) == []
        [live] = await live_of_lane(tx, EFFECT, house.tenant, house.site, "agreement-1")
        assert live.key == operation.key
        assert await live_of_lane(tx, EFFECT, house.tenant, SiteId("another"), "agreement-1") == []
    assert found is not None
    recorded, attempts = found
    assert (recorded.state, recorded.attempts, recorded.remote_id) == (State.CONFIRMED, 3, 1)
    assert [(a.number, a.outcome, a.status, a.request_id) for a in attempts] == [
        (1, "throttled", 429, ""),
        (2, "ambiguous", None, ""),
        (3, "ok", 201, "request-1"),
    ]
    assert all(attempt.seconds >= 0 for attempt in attempts)


async def _ask(house: House, effect: str = EFFECT) -> bool:
    async with house.db.transaction([house.tenant]) as tx:
        return await enqueue_job(tx, effect, house.tenant, house.site, "catalog", {})


async def _mark(house: House, peer: Peer, operation: NewOperation, said: dict[str, object]) -> None:
    async with house.db.transaction([house.tenant]) as tx:
        mark = await tx.value("select marker from operation where operation_key = $1", operation.key)
    peer.put(operation.lane, str(mark), said)
