"""What people see of a run, and that they can stop it alone."""

from contracts.values import RunId
from delivery import Scope, State, pause, resume
from delivery.records import progress, questions
from tests.delivery.additions import Additions, creation
from tests.delivery.house import House, happens
from tests.delivery.peer import Fault, Peer

RUN = RunId("run-1")


async def test_a_paused_run_waits_and_its_lane_goes_on_with_others(house: House, peer: Peer) -> None:
    theirs = [creation(house.tenant, house.site, n) for n in range(3)]
    others = [creation(house.tenant, house.site, n, run="run-2") for n in range(3, 6)]
    async with house.db.transaction([house.tenant]) as tx:
        await pause(tx, house.tenant, Scope.RUN, "run-1", "person", "look first")
    await house.queue([*theirs, *others])
    async with house.worker(Additions(peer)):
        await house.holds(pending=3, confirmed=3)
        async with house.db.transaction([house.tenant]) as tx:
            found = await progress(tx, house.tenant, RUN)
            assert (found.left, found.waiting, found.done, found.ends_at) == (3, 3, 0, None)
            assert set(await tx.column("select attempts from operation where run_id = 'run-1'")) == {0}
            assert await resume(tx, house.tenant, Scope.RUN, "run-1") == 1
        await house.holds(confirmed=6)
    assert [write.key for _, write in peer.asked] == [operation.key for operation in (*others, *theirs)]


async def test_progress_tells_how_far_how_fast_and_until_when(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(20)]
    peer.script(operations[0].key, Fault.REFUSED)
    await house.queue(operations)
    async with house.db.transaction([house.tenant]) as tx:
        before = await progress(tx, house.tenant, RUN)
        assert (before.done, before.left, before.per_minute, before.ends_at) == (0, 20, 0.0, None)
    effect = Additions(peer)
    async with house.worker(effect):
        await happens(lambda: len(peer.history) >= 5)
        effect.gated[house.tenant] = "enough"
        await house.holds(confirmed=19, rejected=1)
    async with house.db.transaction([house.tenant]) as tx:
        await tx.execute("update operation set updated_at = updated_at - interval '1 hour' where state = 'rejected'")
        after = await progress(tx, house.tenant, RUN)
        assert (after.done, after.left, after.failed, after.waiting, after.held) == (19, 0, 1, 0, "")
        assert after.per_minute > 60
        assert after.ends_at is None  # nothing is left
    await house.queue(creation(house.tenant, house.site, n) for n in range(20, 24))
    async with house.db.transaction([house.tenant]) as tx:
        more = await progress(tx, house.tenant, RUN)
        assert more.left == 4
        assert more.ends_at is not None


async def test_what_is_in_doubt_refused_or_in_conflict_can_be_listed(house: House) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(6)]
    await house.queue(operations)
    states = [State.AMBIGUOUS, State.CONFLICT, State.REJECTED]
    async with house.db.all_tenants() as tx:
        for number, operation in enumerate(operations):
            state = states[number % 3]
            await tx.execute("update operation set state = $2 where operation_key = $1", operation.key, state)
        for number, state in enumerate(states):
            (first,) = await questions(tx, house.tenant, state, 0, 1)
            (second,) = await questions(tx, house.tenant, state, first.seq, 9)
            assert [first.key, second.key] == [operations[number].key, operations[number + 3].key]
