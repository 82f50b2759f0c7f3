"""A lane that has nothing to do now rests, but never past what is set free while it looks."""

from typing import Any

import pytest

from delivery import turn
from delivery.clock import boot_seconds
from storage import Transaction
from tests.delivery.additions import Additions, content, creation, patch
from tests.delivery.house import House, happens, until
from tests.delivery.peer import Fault, Peer


async def test_what_another_lane_sets_free_between_two_looks_is_sent_soon(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = peer.put("agreement-1", "", content(0))
    first = patch(house.tenant, house.site, 1, record.remote_id, content(0), content(1))
    second = patch(house.tenant, house.site, 2, record.remote_id, content(1), content(2), lane="agreement-2")
    peer.script(first.key, Fault.LOST_AFTER)
    looked = turn._Turn._rest

    async def is_free() -> bool:
        return (await house.states())["confirmed"] >= 1

    async def later(self: turn._Turn, tx: Transaction, *which: Any) -> Any:
        if self._lane.name == "agreement-2":
            await until(is_free)
        return await looked(self, tx, *which)

    monkeypatch.setattr(turn._Turn, "_rest", later)
    await house.queue([first, second])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=2)
    assert peer.content(record.remote_id) == content(2)


async def test_a_quarantine_that_ends_while_its_lane_looks_is_not_slept_through(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, Fault.LOST_AFTER)
    looked = turn._Turn._rest
    waited = []

    async def later(self: turn._Turn, tx: Transaction, *which: Any) -> Any:
        if self._quarantine.ends_in(self._lane, boot_seconds()) is not None:
            await happens(lambda: self._quarantine.ends_in(self._lane, boot_seconds()) is None)
            waited.append(operation.key)
        return await looked(self, tx, *which)

    monkeypatch.setattr(turn._Turn, "_rest", later)
    await house.queue([operation])
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    assert waited
