"""Where the promise ends: the one moment that no protocol can close from one side, and who tells of it."""

import asyncio
from dataclasses import replace

from delivery import Operation, Sent
from delivery.reconcile import Remote, compare
from delivery.records import live_of_lane
from tests.delivery.additions import EFFECT, Additions, creation
from tests.delivery.house import FAST, House, happens
from tests.delivery.peer import Peer


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
    async with house.worker(Frozen(peer), pace=replace(FAST, deadline=10.0)) as frozen:
        await at_the_socket.wait()
        await frozen.db.owner.unlock(f"delivery.{house.site}")
        async with house.worker(Additions(peer)):
            await house.holds(confirmed=1)
            wakes.set()
            await happens(lambda: len(peer.history) == 2)
        await frozen.kill()
    async with house.db.transaction([house.tenant]) as tx:
        recorded = await live_of_lane(tx, EFFECT, house.tenant, house.site, operation.lane)
    found = compare(
        operation.lane,
        recorded,
        [Remote(record.remote_id, record.lane, record.marker, record.content) for record in await peer.records("")],
        lambda _, __: "",
        own=lambda _: True,
    )
    assert [(difference.kind, difference.key) for difference in found] == [("duplicate", operation.key)]
