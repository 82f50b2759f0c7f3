"""One worker and every answer a peer can give; the peer's history says what really happened."""

import asyncio
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import pairwise

import asyncpg
import pytest

from contracts.values import SiteId, TenantId
from delivery import Operation, Scope, Sent, enqueue_job, pause, pauses, resume, supersede, turn, worker
from delivery.clock import boot_seconds
from delivery.operations import OperationKey
from delivery.records import timeline
from httpkit import ApiError, Outcome
from storage import Transaction
from tests.delivery.additions import EFFECT, Additions, content, creation, patch
from tests.delivery.house import FAST, House, happens, until
from tests.delivery.peer import Fault, Peer

QUARANTINE = FAST.quarantine


async def attempts(house: House, key: str) -> list[tuple[str, str]]:
    async with house.db.transaction([house.tenant]) as tx:
        found = await timeline(tx, house.tenant, OperationKey(key))
    assert found is not None
    return [(attempt.outcome, attempt.code) for attempt in found[1]]


async def marker_of(house: House, key: str) -> str:
    async with house.db.transaction([house.tenant]) as tx:
        return str(await tx.value("select marker from operation where operation_key = $1", key))


async def test_everything_queued_is_written_once_and_told_once(house: House, peer: Peer) -> None:
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n % 4}") for n in range(200))
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=200)
    assert len(peer.creations) == len(peer.history) == 200
    assert set((await house.told()).values()) == {1}
    assert {lane for _, lane in peer.reads} == {f"agreement-{n}" for n in range(4)}


async def test_work_queued_later_is_seen_at_once_in_process_and_soon_from_others(house: House, peer: Peer) -> None:
    async with house.worker(Additions(peer)):
        for n in range(3):
            await house.queue([creation(house.tenant, house.site, n)])
            await house.holds(confirmed=n + 1)


async def test_a_look_that_was_held_up_once_does_not_put_off_the_next(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOKING", 0.01)  # looks of a few ms are half a second apart then, a slow one's 25 s
    waiting = "select exists (select from pg_locks where relation = 'installation'::regclass and not granted)"
    async with house.worker(Additions(peer)):
        await house.queue([creation(house.tenant, house.site, 1)])
        await house.holds(confirmed=1)
        owner = await asyncpg.connect(house.urls.owner)
        try:
            async with owner.transaction():
                await owner.execute("lock installation")
                await until(partial(owner.fetchval, waiting))
                await owner.execute("select pg_sleep(0.25)")
        finally:
            await owner.close()
        await house.queue([creation(house.tenant, house.site, 2)])
        await house.holds(confirmed=2)


@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.LATE])
async def test_a_lost_answer_to_what_was_applied_is_found_after_the_quarantine(
    house: House, peer: Peer, fault: Fault
) -> None:
    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, fault)
    await house.queue([operation])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    assert len(peer.history) == len(peer.asked) == 1
    sent, settled_by = peer.asked[0][0], peer.reads[-1][0]
    assert settled_by - sent >= QUARANTINE
    assert await house.told() == {(operation.key, "confirmed"): 1}
    assert await attempts(house, operation.key) == [("ambiguous", fault.name.lower())]


async def test_a_lost_request_that_was_not_applied_is_sent_again_after_a_quarantine(house: House, peer: Peer) -> None:
    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, Fault.LOST_BEFORE, Fault.LOST_BEFORE)
    await house.queue([operation])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    assert len(peer.history) == 1
    sends = peer.sends(operation.key)
    assert len(sends) == 3
    for first, second in pairwise(sends):  # each time anew
        assert second - first >= QUARANTINE
        assert any(first + QUARANTINE <= at <= second for at, _ in peer.reads)


async def test_the_lane_goes_on_past_an_operation_in_its_quarantine(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    peer.script(operations[0].key, Fault.LOST_AFTER)
    await house.queue(operations)
    async with house.worker(Additions(peer), pace=replace(FAST, late_apply=60.0)):
        await house.holds(ambiguous=1, confirmed=2)
        await house.queue([creation(house.tenant, house.site, 3)])
        await house.holds(ambiguous=1, confirmed=3)
    assert len(peer.history) == 4


async def test_a_lane_in_quarantine_rests(house: House, peer: Peer) -> None:
    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, Fault.LOST_AFTER)
    await house.queue([operation])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    assert len(peer.reads) == 2  # before the send, and after the quarantine


async def test_what_hangs_is_given_up_at_the_deadline(house: House, peer: Peer) -> None:
    operation = creation(house.tenant, house.site, 1)
    peer.held[operation.key] = asyncio.Event()
    await house.queue([operation])
    async with house.worker(Additions(peer)):
        await house.holds(ambiguous=1)
        peer.held[operation.key].set()
        await house.holds(confirmed=1)
    assert len(peer.history) == 1
    assert await attempts(house, operation.key) == [("ambiguous", "timeout")]


async def test_what_never_left_is_sent_again_without_a_quarantine(house: House, peer: Peer) -> None:
    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, Fault.NOT_SENT)
    await house.queue([operation])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    first, second = peer.sends(operation.key)
    assert second - first < QUARANTINE
    assert len(peer.history) == 1


async def test_a_throttled_lane_waits_as_long_as_the_peer_asks(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    peer.retry_after = 0.7
    peer.script(operations[0].key, Fault.THROTTLED)
    await house.queue(operations)
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=3)
    (throttled, key), (again, _) = [(at, write.key) for at, write in peer.asked][:2]
    assert key == operations[0].key
    assert again - throttled >= 0.7
    assert set(peer.effects.values()) == {1}


async def test_a_refusal_is_told_and_the_lane_goes_on(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n) for n in range(3)]
    peer.script(operations[1].key, Fault.REFUSED)
    await house.queue(operations)
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=2, rejected=1)
    assert (await house.told())[operations[1].key, "rejected"] == 1
    assert len(peer.sends(operations[1].key)) == 1


@pytest.mark.parametrize(("fault", "lane"), [(Fault.UNAUTHORIZED, ""), (Fault.FORBIDDEN, "agreement-1")])
@pytest.mark.requirement("R14")
async def test_a_missing_right_pauses_and_one_command_resumes(
    house: House, peer: Peer, fault: Fault, lane: str
) -> None:
    refused = creation(house.tenant, house.site, 1, "agreement-1")
    others = [creation(house.tenant, house.site, n, "agreement-1") for n in (2, 3)]
    elsewhere = creation(house.tenant, house.site, 4, "agreement-2")
    peer.script(refused.key, fault)
    await house.queue([refused, *others])
    async with house.worker(Additions(peer)):
        await happens(lambda: len(peer.asked) == 1)
        await house.holds(pending=3)
        async with house.db.transaction([house.tenant]) as tx:
            (paused,) = await pauses(tx, house.tenant)
        assert (paused.name, paused.code) == (lane, fault.name.lower())
        await house.queue([elsewhere])
        if lane:
            await house.holds(pending=3, confirmed=1)
        else:
            before = Counter(lane for _, lane in peer.reads)
            await _looked_again(house)
            assert Counter(lane for _, lane in peer.reads) - before == {"bystander": 1}  # nothing is burned
        assert len(peer.sends(refused.key)) == 1
        async with house.db.transaction([house.tenant]) as tx:
            assert await resume(tx, house.tenant) == 1
        await house.holds(confirmed=4)
    assert set(peer.effects.values()) == {1}


async def test_an_effect_hears_of_the_right_that_is_missing_in_the_transaction_that_pauses(
    house: House, peer: Peer
) -> None:
    class Hearing(Additions):
        async def paused(self, tx: Transaction, operation: Operation, scope: Scope, code: str) -> None:
            await tx.execute(
                "insert into told (tenant_id, operation_key, state, reason) values ($1, $2, $3, $4)",
                operation.tenant_id,
                operation.key,
                f"paused {scope}",
                code,
            )

    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, Fault.FORBIDDEN)
    await house.queue([operation])
    async with house.worker(Hearing(peer)):
        await _until_paused(house, "agreement-1", "forbidden")
        assert await house.told() == {(operation.key, "paused lane"): 1}


async def test_what_people_pause_is_not_sent(house: House, peer: Peer) -> None:
    async with house.db.transaction([house.tenant]) as tx:
        await pause(tx, house.tenant, Scope.LANE, "agreement-1", "person", "wait for the contract")
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n}") for n in (1, 2))
    async with house.worker(Additions(peer)):
        await house.holds(pending=1, confirmed=1)
        assert [write.lane for _, write in peer.asked] == ["agreement-2"]


async def test_a_missing_record_is_read_again_and_then_waits_for_a_person(house: House, peer: Peer) -> None:
    once, always = [creation(house.tenant, house.site, n, f"agreement-{n}") for n in (1, 2)]
    peer.script(once.key, Fault.MISSING)
    peer.script(always.key, Fault.MISSING, Fault.MISSING)
    await house.queue([once, always])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1, pending=1)
        await happens(lambda: len(peer.sends(always.key)) == 2)
        await _until_paused(house, "agreement-2", "not_found")
    assert Counter(lane for _, lane in peer.reads)["agreement-2"] == 2


async def test_a_missing_right_to_read_pauses_before_anything_is_sent(house: House, peer: Peer) -> None:
    effect = Additions(peer)
    effect.read_errors = [ApiError(Outcome.CONFIG, "forbidden", "no right to inquire", status=403)]
    await house.queue([creation(house.tenant, house.site, 1)])
    async with house.worker(effect):
        await _until_paused(house, "agreement-1", "forbidden")
    assert peer.asked == []


@pytest.mark.parametrize(
    "error",
    [
        ApiError(Outcome.AMBIGUOUS, "server_error", "HTML instead of JSON", status=502),
        ApiError(Outcome.NOT_FOUND, "not_found", "the codebase has moved", status=404),
        ConnectionResetError("in the middle of a page"),
        KeyError("a defect of ours"),
    ],
)
async def test_a_read_that_did_not_end_decides_nothing(house: House, peer: Peer, error: Exception) -> None:
    effect = Additions(peer)
    effect.read_errors = [error]
    await house.queue([creation(house.tenant, house.site, 1)])
    async with house.worker(effect):
        await house.holds(confirmed=1)
    assert len(peer.reads) == len(peer.history) == 1


async def test_nothing_is_asked_while_the_gate_is_closed(house: House, peer: Peer) -> None:
    looks: list[TenantId] = []

    class Watched(Additions):
        async def gate(self, tx: Transaction, tenant_id: TenantId) -> str | None:
            looks.append(tenant_id)
            return await super().gate(tx, tenant_id)

    effect = Watched(peer)
    effect.gated[house.tenant] = "setup is not ready"
    await house.queue([creation(house.tenant, house.site, 1)])
    began = boot_seconds()
    async with house.worker(effect):
        await _looked_again(house)
        assert [lane for _, lane in peer.reads] == ["bystander"]
        assert looks.count(house.tenant) <= 1 + (boot_seconds() - began) / FAST.gate_wait
        effect.gated.clear()
        await house.holds(confirmed=1)


@pytest.mark.requirement("R116")
async def test_a_closed_lane_becomes_stale_and_what_is_there_is_confirmed(house: House, peer: Peer) -> None:
    there, absent = [creation(house.tenant, house.site, n) for n in (1, 2)]
    await house.queue([there, absent])
    peer.put(there.lane, await marker_of(house, there.key), content(1))
    effect = Additions(peer)
    effect.closed = "the agreement was cancelled"
    async with house.worker(effect):
        await house.holds(confirmed=1, stale=1)
    assert peer.asked == []
    assert await house.told() == {(there.key, "confirmed"): 1, (absent.key, "stale"): 1}


async def test_our_marker_with_equal_content_is_adopted(house: House, peer: Peer) -> None:
    """What a restored database has forgotten."""
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    peer.put(operation.lane, await marker_of(house, operation.key), content(1))
    async with house.worker(Additions(peer), pace=replace(FAST, defect_wait=60.0)):
        await house.holds(confirmed=1)
        assert peer.asked == []
        await house.queue([creation(house.tenant, house.site, 2)])
        await house.holds(confirmed=2)  # the lane goes on at once: nothing went wrong


@pytest.mark.requirement("B18")
@pytest.mark.parametrize("copies", [[content(1, "99.00")], [content(1), content(1)]])
async def test_our_marker_with_other_content_or_twice_is_a_conflict(
    house: House, peer: Peer, copies: list[dict[str, str]]
) -> None:
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    mark = await marker_of(house, operation.key)
    for copy in copies:
        peer.put(operation.lane, mark, copy)
    async with house.worker(Additions(peer)):
        await house.holds(conflict=1)
    assert peer.asked == []
    assert await house.told() == {(operation.key, "conflict"): 1}


@pytest.mark.requirement("B18")
async def test_a_copy_on_another_agreement_is_not_adopted_and_no_reason_not_to_send(house: House, peer: Peer) -> None:
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    copy = peer.put("agreement-9", await marker_of(house, operation.key), content(1))
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    (done,) = peer.history
    assert done.remote_id != copy.remote_id


async def test_changes_of_one_record_are_applied_in_order(house: House, peer: Peer) -> None:
    record = peer.put("agreement-1", "", content(0))
    versions = [content(0), *(content(0, f"{n}.00") for n in range(1, 5))]
    changes = [patch(house.tenant, house.site, n, record.remote_id, versions[n - 1], versions[n]) for n in range(1, 5)]
    peer.script(changes[0].key, Fault.NOT_SENT)
    peer.script(changes[1].key, Fault.LATE)
    peer.script(changes[2].key, Fault.LOST_BEFORE)
    await house.queue([*changes, creation(house.tenant, house.site, 9)])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=5)
    assert [done.write.key for done in peer.history if done.write.remote_id] == [change.key for change in changes]
    assert peer.content(record.remote_id) == versions[-1]


async def test_a_later_change_waits_for_an_earlier_one_also_from_another_lane(house: House, peer: Peer) -> None:
    record = peer.put("agreement-1", "", content(0))
    first = patch(house.tenant, house.site, 1, record.remote_id, content(0), content(1))
    second = patch(house.tenant, house.site, 2, record.remote_id, content(1), content(2), lane="agreement-2")
    peer.script(first.key, Fault.LOST_AFTER)
    await house.queue([first, second])
    async with house.worker(Additions(peer)):
        await house.holds(ambiguous=1, pending=1)
        await house.holds(confirmed=2)
    assert peer.content(record.remote_id) == content(2)
    assert [len(peer.sends(change.key)) for change in (first, second)] == [1, 1]


async def test_a_change_over_what_a_person_edited_is_a_conflict(house: House, peer: Peer) -> None:
    record = peer.put("agreement-1", "", content(0, "77.00"))
    await house.queue([patch(house.tenant, house.site, 1, record.remote_id, content(0), content(0, "5.00"))])
    async with house.worker(Additions(peer)):
        await house.holds(conflict=1)
    assert peer.asked == []


async def test_an_error_while_telling_loses_and_doubles_nothing(house: House, peer: Peer) -> None:
    effect = Additions(peer)
    effect.settle_errors = [KeyError("a defect of ours"), ValueError("another")]
    operations = [creation(house.tenant, house.site, n) for n in range(4)]
    await house.queue(operations)
    async with house.worker(effect):
        await house.holds(confirmed=4)
    assert set(peer.effects.values()) == {1}
    assert await house.told() == {(operation.key, "confirmed"): 1 for operation in operations}
    assert [await attempts(house, operation.key) for operation in operations] == [[("ok", "")]] * 4


async def test_an_error_while_telling_what_a_read_found_is_tried_again_after_another_quarantine(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, pace = Additions(peer), replace(FAST, late_apply=60.0)
    lost, *others = [creation(house.tenant, house.site, n) for n in range(4)]
    peer.script(lost.key, Fault.LOST_AFTER)
    await house.queue([lost])
    async with house.worker(effect, pace=pace):
        await house.holds(ambiguous=1)
        effect.closed = "the agreement was cancelled"
        # Once for all of the commit, once for it alone.
        effect.settle_errors = [KeyError("a defect of ours"), KeyError("a defect of ours")]
        monkeypatch.setattr(turn, "boot_seconds", lambda: boot_seconds() + pace.quarantine)
        await house.queue([others[0]])
        await house.holds(ambiguous=1, stale=1)
        await house.queue([others[1]])
        await house.holds(ambiguous=1, stale=2)
        monkeypatch.setattr(turn, "boot_seconds", lambda: boot_seconds() + 2 * pace.quarantine)
        await house.queue([others[2]])
        await house.holds(confirmed=1, stale=3)


async def test_a_defect_while_sending_counts_as_uncertain(house: House, peer: Peer) -> None:
    class Broken(Additions):
        async def send(self, operation: Operation) -> Sent:
            await super().send(operation)
            raise KeyError("id")

    await house.queue([creation(house.tenant, house.site, 1)])
    async with house.worker(Broken(peer)):
        await house.holds(confirmed=1)
    assert len(peer.history) == 1


async def test_a_peers_words_that_a_database_cannot_hold_do_not_stop_the_lane(house: House, peer: Peer) -> None:
    class Rude(Additions):
        async def send(self, operation: Operation) -> Sent:
            _ = operation
            raise ApiError(Outcome.REJECTED, "bad\0code", "NUL \0 and a lone \ud800", status=400)

    await house.queue([creation(house.tenant, house.site, 1)])
    async with house.worker(Rude(peer)):
        await house.holds(rejected=1)


async def test_a_stale_claim_is_not_sent(house: House, peer: Peer) -> None:
    """With no time at all between claim and send, every claim is stale."""
    operation = creation(house.tenant, house.site, 1)
    await house.queue([operation])
    async with house.worker(Additions(peer), pace=replace(FAST, validity=0.0)):
        await happens(lambda: bool(peer.reads))

        async def tried() -> bool:
            return ("not_sent", "stale_claim") in await attempts(house, operation.key)

        await until(tried)
    assert peer.asked == []
    await house.holds(pending=1)


async def test_an_effect_is_told_how_soon_its_request_must_leave(house: House, peer: Peer) -> None:
    allowed: list[float] = []

    class Watching(Additions):
        async def send(self, operation: Operation) -> Sent:
            allowed.append(operation.leave_within)
            return await super().send(operation)

    await house.queue([creation(house.tenant, house.site, 1)])
    async with house.worker(Watching(peer)):
        await house.holds(confirmed=1)
    assert 0 < allowed[0] <= FAST.validity


async def test_a_stopped_worker_asks_for_nothing_more_and_loses_nothing(house: House, peer: Peer) -> None:
    peer.latency = 0.02
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n % 4}") for n in range(60))
    async with house.worker(Additions(peer)) as worker:
        await happens(lambda: len(peer.history) >= 10)
        worker.asked_to_stop.set()
        asked = len(peer.asked)
        await worker.stop()
        assert len(peer.asked) == asked
    states = await house.states()
    assert set(states) == {"pending", "confirmed"}
    assert states["confirmed"] == len(peer.history)
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=60)
    assert set(peer.effects.values()) == {1}


async def test_what_is_taken_back_during_a_turn_is_not_sent(house: House, peer: Peer) -> None:
    first, second, third = [creation(house.tenant, house.site, n) for n in (1, 2, 3)]
    peer.held[first.key] = asyncio.Event()
    await house.queue([first, second, third])
    async with house.worker(Additions(peer), pace=replace(FAST, deadline=10.0)):
        await house.holds(in_flight=2, pending=1)  # the second is claimed ahead
        async with house.db.transaction([house.tenant]) as tx:
            assert await supersede(tx, house.tenant, [first.key, second.key, third.key]) == [third.key]
        peer.held[first.key].set()
        await house.holds(confirmed=2, superseded=1)
    assert [write.key for _, write in peer.asked] == [first.key, second.key]


async def test_a_job_that_fails_is_simply_done_again(house: House, peer: Peer) -> None:
    record = peer.put("catalog", "", {})
    effect = Additions(peer)
    async with house.db.transaction([house.tenant]) as tx:
        await enqueue_job(tx, EFFECT, house.tenant, house.site, "catalog", {"id": record.remote_id, "content": {}})
        key = str(await tx.value("select operation_key from operation"))
    peer.script(key, Fault.LOST_AFTER, Fault.THROTTLED)
    async with house.worker(effect):
        await house.holds(confirmed=1)
    assert (effect.jobs, peer.reads) == (3, [])


async def test_a_long_backlog_does_not_starve_a_short_one(house: House, peer: Peer) -> None:
    peer.latency = 0.002
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n % 2}") for n in range(200))
    await house.queue(creation(house.tenant, house.site, n, "small") for n in range(200, 205))
    async with house.worker(Additions(peer), pace=replace(FAST, lanes=2, turn=10)):
        await house.holds(confirmed=205)
    order = [done.write.lane for done in peer.history]
    assert order.index("small") < 50


async def test_equal_keys_of_two_tenants_are_apart(house: House, peer: Peer) -> None:
    other = _neighbour(house)
    operations = [creation(house.tenant, house.site, 1), creation(other.tenant, other.site, 1)]
    assert operations[0].key == operations[1].key
    peer.script(operations[0].key, Fault.LOST_AFTER, Fault.LATE)
    await house.queue(operations[:1])
    await other.queue(operations[1:])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
        await other.holds(confirmed=1)
    assert set(peer.creations.values()) == {1}
    assert len(peer.creations) == 2


def _neighbour(house: House) -> House:
    return replace(house, tenant=TenantId(f"{house.tenant}-b"), site=SiteId(f"{house.site}-b"))


async def _looked_again(house: House) -> None:
    """The worker has looked for work again, seen from what it did for another tenant."""
    other = _neighbour(house)
    await other.queue([creation(other.tenant, other.site, 99, "bystander")])
    await other.holds(confirmed=1)


async def _until_paused(house: House, lane: str, code: str) -> None:
    async def paused() -> bool:
        async with house.db.transaction([house.tenant]) as tx:
            return (lane, code) in [(found.name, found.code) for found in await pauses(tx, house.tenant)]

    await until(paused, lambda: f"{lane} is not paused")
