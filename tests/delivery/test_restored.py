"""A database that went back in time, or is somebody else's: nothing is written before it is known what is there."""

import asyncio
from typing import Any

import pytest

from contracts.values import RunId, SiteId, TenantId
from delivery import State, job_once, ownership, turn
from delivery.records import progress
from storage import Transaction
from tests.delivery.additions import EFFECT, Additions, creation
from tests.delivery.house import FAST, House, happens, until
from tests.delivery.peer import Client, Peer

RUN = RunId("run-1")
RESTORED = "update installation set restores = restores + 1, restored_because = 'another timeline'"


class Careful(Additions):
    """Has the site read back by a job, as invoice_push does."""

    def __init__(self, peer: Client) -> None:
        super().__init__(peer)
        self.asked: list[tuple[SiteId, int]] = []

    async def recovered(self, tx: Transaction, tenant_id: TenantId, site_id: SiteId, restores: int) -> bool:
        self.asked.append((site_id, restores))
        body = {"id": 1, "content": {}}
        return (await job_once(tx, EFFECT, tenant_id, site_id, "read-back", body, f"restore-{restores}")).is_terminal


async def run(house: House, sql: str) -> None:
    async with house.db.all_tenants() as tx:
        await tx.execute(sql)


def now() -> float:
    return asyncio.get_running_loop().time()


async def introduce(house: House) -> None:
    await run(house, "insert into installation (id, system_identifier, timeline) values ('here', 1, 1)")


async def test_after_a_restore_a_site_waits_a_quarantine_before_anything_is_sent(house: House, peer: Peer) -> None:
    await introduce(house)
    await run(house, RESTORED)
    await house.queue([creation(house.tenant, house.site, 1)])
    async with house.worker(Additions(peer)):
        await until(lambda: _owned(house))
        began = now()
        async with house.db.transaction([house.tenant]) as tx:
            assert "another timeline" in (await progress(tx, house.tenant, RUN)).held
        await house.holds(confirmed=1)
    assert peer.reads[0][0] - began >= FAST.quarantine - 0.1
    peer.reads.clear()
    await house.queue([creation(house.tenant, house.site, 2)])
    async with house.worker(Additions(peer)):  # once is enough: also the next owner knows it
        await until(lambda: _owned(house))
        began = now()
        await house.holds(confirmed=2)
    assert peer.reads[0][0] - began < FAST.quarantine


async def test_a_restore_that_is_noticed_late_stops_the_turn_that_runs(house: House, peer: Peer) -> None:
    peer.latency = 0.03
    await introduce(house)
    await house.queue(creation(house.tenant, house.site, n) for n in range(100))
    async with house.worker(Additions(peer)):
        await happens(lambda: len(peer.asked) > 3)
        await run(house, RESTORED)
        await until(lambda: _nothing_in_flight(house))
        asked = len(peer.asked)
        assert asked < 100
        await happens(lambda: len(peer.asked) > asked)
        gap = peer.asked[asked][0] - peer.asked[asked - 1][0]
        assert gap >= FAST.quarantine


async def test_what_an_effect_reads_back_after_a_restore_ends_before_anything_is_written(
    house: House, peer: Peer
) -> None:
    await introduce(house)
    await run(house, RESTORED)
    peer.put("read-back", "", {})
    await house.queue([creation(house.tenant, house.site, 1)])
    effect = Careful(peer)
    async with house.worker(effect):
        await house.holds(confirmed=2)
        assert effect.jobs == 1
        assert [write.lane for _, write in peer.asked] == ["read-back", "agreement-1"]
        assert set(effect.asked) == {(house.site, 1)}
        await run(house, RESTORED)
        began = now()
        await house.queue([creation(house.tenant, house.site, 2)])
        await house.holds(confirmed=4)
    assert effect.jobs == 2
    assert peer.asked[2][0] - began >= FAST.quarantine  # also where it is not the first


async def test_a_site_that_is_read_back_while_a_lane_looks_is_not_slept_past(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await introduce(house)
    await run(house, RESTORED)
    peer.put("read-back", "", {})
    looked = turn._Turn._rest

    async def later(self: turn._Turn, tx: Transaction, *which: Any) -> Any:
        await until(lambda: _read_back(house))
        return await looked(self, tx, *which)

    monkeypatch.setattr(turn._Turn, "_rest", later)
    await house.queue([creation(house.tenant, house.site, 1)])
    async with house.worker(Careful(peer)):
        await house.holds(confirmed=2)


async def test_from_a_cloned_database_nothing_is_sent_until_it_is_adopted(
    house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, looks = ownership.Ownership.held, []

    def noted(self: ownership.Ownership, installed: ownership.Installed) -> frozenset[SiteId]:
        looks.append(self.sites)
        return held(self, installed)

    monkeypatch.setattr(ownership.Ownership, "held", noted)
    await introduce(house)
    await run(house, "update installation set foreign_to = 'elsewhere'")
    await house.queue([creation(house.tenant, house.site, 1)])
    async with house.worker(Additions(peer)):
        await until(lambda: _owned(house))
        async with house.db.transaction([house.tenant]) as tx:
            assert "psabridge adopt" in (await progress(tx, house.tenant, RUN)).held
        await happens(lambda: looks.count([house.site]) > 4)
        assert (peer.reads, peer.asked) == ([], [])
        await run(house, "update installation set foreign_to = '', restores = restores + 1")
        await house.holds(confirmed=1)


async def test_a_job_that_is_done_once_is_queued_once(house: House) -> None:
    async with house.db.transaction([house.tenant]) as tx:
        for _ in range(2):
            assert await job_once(tx, EFFECT, house.tenant, house.site, "lane", {}, "restore-1") is State.PENDING
        await job_once(tx, EFFECT, house.tenant, house.site, "lane", {}, "restore-2")
    assert await house.states() == {"pending": 2}


async def _owned(house: House) -> bool:
    async with house.db.all_tenants() as tx:
        return bool(await tx.value("select epoch is not null from site_owner where site_id = $1", house.site))


async def _read_back(house: House) -> bool:
    async with house.db.all_tenants() as tx:
        return bool(await tx.value("select restores = 1 from site_owner where site_id = $1", house.site))


async def _nothing_in_flight(house: House) -> bool:
    return (await house.states())["in_flight"] == 0
