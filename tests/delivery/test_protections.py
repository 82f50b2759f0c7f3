"""Each protection is needed: the same fault with it and without it, and the peer's history tells them apart."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from delivery import Effect, Lane, Operation, Pace, Reading, Sent
from delivery.ledger import Ledger, _Entry
from delivery.queue import live_of_lane
from delivery.reconcile import Remote, compare
from httpkit import ApiError, Outcome
from storage import Transaction
from tests.delivery.additions import EFFECT, Additions, creation
from tests.delivery.house import FAST, House, happens, until
from tests.delivery.peer import Fault, Peer


class Blind(Additions):
    """Sends without having looked."""

    async def find(self, lane: Lane, operations: Sequence[Operation]) -> Reading:
        _ = lane, operations
        return Reading()


class Naive(Additions):
    """Takes a connect timeout for proof that nothing was sent; a reset after applying looks the same (measured)."""

    async def send(self, operation: Operation) -> Sent:
        try:
            return await super().send(operation)
        except ApiError as error:
            raise ApiError(Outcome.NOT_SENT, "connect_timeout", error.message, retry_after=error.retry_after) from error


class NoQuarantine(Pace):
    @property
    def quarantine(self) -> float:
        return 0.0


class Patient(Pace):
    """Lets a request take long without a longer quarantine, so that a script can hold it."""

    @property
    def quarantine(self) -> float:
        return FAST.quarantine


def paced(kind: type[Pace], deadline: float = FAST.deadline) -> Pace:
    return kind(FAST.validity, deadline, FAST.late_apply, FAST.list_lag, tick=FAST.tick, void_wait=FAST.void_wait)


async def effects_of_one(house: House, peer: Peer, effect: Effect, pace: Pace, *faults: Fault) -> int:
    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, *faults)
    await house.queue([operation])
    async with house.worker(effect, pace=pace):
        await until(house.is_settled)
    await peer.idle()
    return peer.effects[operation.key]


@pytest.mark.parametrize(("kind", "effects"), [(Additions, 1), (Blind, 2)])
async def test_without_a_read_before_the_write_a_lost_answer_doubles(
    house: House, peer: Peer, kind: type[Additions], effects: int
) -> None:
    assert await effects_of_one(house, peer, kind(peer), FAST, Fault.LOST_AFTER) == effects


@pytest.mark.parametrize(("kind", "effects"), [(Pace, 1), (NoQuarantine, 2)])
async def test_without_a_quarantine_what_is_applied_late_doubles(
    house: House, peer: Peer, kind: type[Pace], effects: int
) -> None:
    assert await effects_of_one(house, peer, Additions(peer), paced(kind), Fault.LATE) == effects


@pytest.mark.parametrize(("kind", "effects"), [(Additions, 1), (Naive, 2)])
async def test_a_connect_timeout_taken_for_not_sent_doubles(
    house: House, peer: Peer, kind: type[Additions], effects: int
) -> None:
    assert await effects_of_one(house, peer, kind(peer), FAST, Fault.LATE) == effects


@pytest.mark.parametrize(("fenced", "effects"), [(True, 1), (False, 2)])
async def test_without_the_epoch_an_owner_that_was_replaced_overwrites_what_its_successor_does(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch, fenced: bool, effects: int
) -> None:
    """The one interleaving: the old owner's late "not sent" falls into the new owner's send, whose answer is lost."""
    operation = creation(house.tenant, house.site, 1)
    sending, answer = asyncio.Event(), asyncio.Event()

    class Stalled(Additions):
        async def send(self, operation: Operation) -> Sent:
            sending.set()
            await answer.wait()
            self.gated[operation.tenant_id] = "its part is played"
            raise ApiError(Outcome.NOT_SENT, "no_connection", "it never left", retry_after=0.01)

    if not fenced:
        monkeypatch.setattr(Ledger, "_fence", staticmethod(_everything))
    peer.script(operation.key, Fault.LATE)
    peer.held[operation.key] = asyncio.Event()
    await house.queue([operation])
    async with house.worker(Stalled(peer), pace=paced(Patient, 10.0)) as old:
        await sending.wait()
        # What a connection pooler does that resets sessions: the lock is gone, the session is not.
        await old.db.owner.unlock(f"delivery.{house.site}")
        async with house.worker(Additions(peer), pace=paced(Patient, 10.0)):
            await happens(lambda: len(peer.asked) == 1)
            session = old.db.owner
            answer.set()
            await until(lambda: _is_over(house, operation.key, session.closed))
            peer.held[operation.key].set()
            await until(house.is_settled)
            await peer.idle()
        await old.kill()
    assert peer.effects[operation.key] == effects


async def test_the_honest_limit_is_one_duplicate_that_reconciliation_reports(house: House, peer: Peer) -> None:
    """Between the last check and the socket: a sender that stands still there longer than the quarantine, unnoticed."""
    operation = creation(house.tenant, house.site, 1)
    at_the_socket, wakes = asyncio.Event(), asyncio.Event()

    class Frozen(Additions):
        async def send(self, operation: Operation) -> Sent:
            at_the_socket.set()
            await wakes.wait()
            return await super().send(operation)

    await house.queue([operation])
    async with house.worker(Frozen(peer), pace=paced(Patient, 10.0)) as frozen:
        await at_the_socket.wait()
        await frozen.db.owner.unlock(f"delivery.{house.site}")
        async with house.worker(Additions(peer)):
            await house.holds(confirmed=1)
            wakes.set()
            await happens(lambda: len(peer.history) == 2)
        await frozen.kill()
    async with house.db.transaction([house.tenant]) as tx:
        recorded = await live_of_lane(tx, EFFECT, house.tenant, operation.lane)
    found = compare(
        operation.lane,
        recorded,
        [Remote(record.remote_id, record.lane, record.marker, record.content) for record in await peer.records("")],
        lambda _, __: "",
        own=lambda _: True,
    )
    assert [(difference.kind, difference.key) for difference in found] == [("duplicate", operation.key)]


async def _is_over(house: House, key: str, lost: bool) -> bool:
    return lost or await house.state(key) == "pending"


async def _everything(tx: Transaction, batch: Sequence[_Entry]) -> set[UUID]:
    _ = tx
    return {entry.epoch for entry in batch}
