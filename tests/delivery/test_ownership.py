"""One owner a site, whatever dies: processes, tasks, sessions; the peer's history is the judge."""

import asyncio
import random
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.values import SiteId
from delivery import Delivery
from delivery.records import timeline
from storage import Transaction
from tests.delivery.additions import Additions, creation
from tests.delivery.house import FAST, PATIENCE, House, happens, until
from tests.delivery.peer import Fault, Peer, listening

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def process(house: House, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.delivery.sender",
        house.urls.app,
        house.urls.all_tenants,
        str(port),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def grown(peer: Peer, by: int) -> None:
    wanted = len(peer.asked) + by
    await happens(lambda: len(peer.asked) >= wanted, f"the peer was not asked {by} times more")


async def test_a_worker_killed_in_mid_send_leaves_no_duplicate(house: House, peer: Peer) -> None:
    dice = random.Random(3)  # noqa: S311 (a test's dice)
    peer.latency = 0.01
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n % 3}") for n in range(60))
    for _ in range(4):
        async with house.worker(Additions(peer)) as worker:
            await grown(peer, dice.randint(1, 9))
            await worker.kill()
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=60)
    await peer.idle()
    assert (len(peer.effects), peer.repeated) == (60, [])
    assert set((await house.told()).values()) == {1}


async def test_processes_killed_in_mid_send_leave_no_duplicate(house: House, peer: Peer) -> None:
    dice = random.Random(5)  # noqa: S311 (a test's dice)
    peer.latency = 0.02
    peer.chance = 0.05
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n % 3}") for n in range(80))
    async with listening(peer) as port:
        for _ in range(2):
            async with process(house, port) as sender:
                await grown(peer, dice.randint(3, 12))
                sender.kill()
        async with process(house, port) as sender:
            await house.holds(confirmed=80)
            sender.terminate()
            assert await sender.wait() == 0
    await peer.idle()
    assert (len(peer.effects), peer.repeated) == (80, [])


async def test_a_process_that_was_stopped_and_replaced_does_nothing_when_it_wakes(house: House, peer: Peer) -> None:
    peer.latency = 0.02
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n % 3}") for n in range(60))
    async with listening(peer) as port, process(house, port) as sleeper:
        await grown(peer, 7)
        sleeper.send_signal(signal.SIGSTOP)
        assert await house.end_owner_sessions() == 1
        async with house.worker(Additions(peer, "replacement")):
            await house.holds(confirmed=60)
        sleeper.send_signal(signal.SIGCONT)
        # It is awake when it has done what nobody else was there to do.
        await house.queue([creation(house.tenant, house.site, 60)])
        await house.holds(confirmed=61)
    await peer.idle()
    assert (len(peer.effects), peer.repeated) == (61, [])
    assert peer.history[-1].write.sender == "process"


async def test_an_owner_session_that_ends_in_mid_send_leaves_no_duplicate(house: House, peer: Peer) -> None:
    peer.latency = 0.02
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n % 3}") for n in range(60))
    async with house.worker(Additions(peer)):
        for _ in range(3):
            await grown(peer, 6)
            await until(lambda: _ended(house))
        await house.holds(confirmed=60)
    await peer.idle()
    assert (len(peer.effects), peer.repeated) == (60, [])


async def test_a_lost_session_stops_every_lane_also_one_that_is_waiting_for_its_peer(house: House, peer: Peer) -> None:
    operations = [creation(house.tenant, house.site, n, f"agreement-{n}") for n in range(3)]
    for operation in operations:
        peer.held[operation.key] = asyncio.Event()
    await house.queue(operations)
    async with house.worker(Additions(peer), pace=replace(FAST, deadline=60.0)) as worker:
        await happens(lambda: len(peer.asked) == 3)
        lost = worker.db.owner
        await house.end_owner_sessions()
        await happens(lambda: worker.db.owner is not lost, "no new session although three sends hang")
        await house.holds(ambiguous=3)
        await worker.kill()


async def test_another_replica_takes_over_within_two_seconds_of_a_death(house: House, peer: Peer) -> None:
    peer.latency = 0.02
    await house.queue(creation(house.tenant, house.site, n) for n in range(200))
    async with house.worker(Additions(peer, "first")) as first:
        await grown(peer, 3)
        async with house.worker(Additions(peer, "second")):
            await grown(peer, 3)
            assert {write.sender for _, write in peer.asked} == {"first"}
            await first.kill()
            died = asyncio.get_running_loop().time()
            await happens(lambda: peer.asked[-1][1].sender == "second")
    assert peer.asked[-1][0] - died < 2
    assert not peer.repeated


async def test_a_stopped_worker_hands_its_sites_over_at_once(house: House, peer: Peer) -> None:
    peer.latency = 0.01
    await house.queue(creation(house.tenant, house.site, n) for n in range(60))
    async with house.worker(Additions(peer, "first")) as first, house.worker(Additions(peer, "second")):
        await grown(peer, 5)
        await first.stop()
        await house.holds(confirmed=60)
    assert not peer.repeated
    assert len(peer.asked) == 60  # nothing was left in doubt


async def test_two_workers_never_serve_one_site(house: House, peer: Peer) -> None:
    peer.latency = 0.005
    sites = [SiteId(f"{house.site}-{n}") for n in range(6)]
    await house.queue(
        creation(house.tenant, site, 20 * s + n, f"agreement-{s}") for s, site in enumerate(sites) for n in range(20)
    )
    async with house.worker(Additions(peer, "a")), house.worker(Additions(peer, "b")):
        await house.holds(confirmed=120)
    served_by = defaultdict(set)
    for _, write in peer.asked:
        served_by[write.lane].add(write.sender)
    assert len(served_by) == 6
    assert all(len(senders) == 1 for senders in served_by.values())
    assert len(peer.asked) == 120


async def test_an_owner_whose_epoch_was_replaced_can_neither_settle_nor_claim(house: House, peer: Peer) -> None:
    first, second = [creation(house.tenant, house.site, n) for n in (1, 2)]
    peer.held[first.key] = asyncio.Event()
    await house.queue([first, second])
    async with house.worker(Additions(peer), pace=replace(FAST, deadline=10.0)) as worker:
        await happens(lambda: len(peer.asked) == 1)
        lost = worker.db.owner
        async with house.db.all_tenants() as tx:
            await tx.execute("update site_owner set epoch = gen_random_uuid() where site_id = $1", house.site)
        peer.held[first.key].set()
        await happens(lambda: lost.closed)
        await house.holds(ambiguous=2)  # by its next epoch: also the second, which was claimed ahead
        await worker.kill()
    async with house.db.transaction([house.tenant]) as tx:
        found = await timeline(tx, house.tenant, first.key)
    assert found is not None
    assert found[1] == []  # the answer came too late to count
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=2)
    assert (len(peer.effects), peer.repeated) == (2, [])


async def test_what_an_earlier_owner_left_in_flight_waits_a_quarantine(house: House, peer: Peer) -> None:
    operation = creation(house.tenant, house.site, 1)
    peer.script(operation.key, Fault.LATE)
    peer.held[operation.key] = asyncio.Event()
    await house.queue([operation])
    async with house.worker(Additions(peer)) as worker:
        await happens(lambda: len(peer.asked) == 1)
        await worker.kill()
    await house.holds(in_flight=1)
    killed = asyncio.get_running_loop().time()
    peer.held[operation.key].set()
    async with house.worker(Additions(peer)):
        await house.holds(confirmed=1)
    assert peer.reads[-1][0] - killed >= FAST.quarantine
    assert (len(peer.asked), len(peer.history)) == (1, 1)


async def test_a_defect_in_what_is_done_on_each_owner_session_ends_the_worker(house: House, peer: Peer) -> None:
    async def broken(_: Transaction) -> None:
        raise KeyError("a defect of ours")

    async with house.pools() as db:
        with pytest.raises(ExceptionGroup) as ended:
            async with asyncio.timeout(PATIENCE):
                await Delivery(db, Additions(peer), pace=FAST, begun=broken).run(asyncio.Event())
    assert ended.group_contains(KeyError)


async def _ended(house: House) -> bool:
    return await house.end_owner_sessions() > 0
