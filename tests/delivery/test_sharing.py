"""Sites shared over replicas: who counts is whose session lives, and what is too much goes back in good order."""

from collections import defaultdict
from dataclasses import replace

import asyncpg

from contracts.values import SiteId
from delivery.ledger import sql as owner
from delivery.points import Point
from tests.delivery import struck
from tests.delivery.additions import Additions, creation
from tests.delivery.house import FAST, House, happens, until
from tests.delivery.peer import Peer

SITES = 10
SHARING = replace(FAST, rebalance=0.1)


async def owners(house: House) -> list[int]:
    """How many sites each process that owns any has, by who holds their locks."""
    async with house.db.all_tenants() as tx:
        held = await tx.column(
            "select pid::text from pg_locks, site_owner where locktype = 'advisory' and granted and objsubid = 1"
            " and (classid::bigint << 32 | objid::bigint) = hashtextextended('delivery.' || site_id, 0)"
        )
    return sorted(held.count(pid) for pid in set(held))


async def queue_at_each(house: House) -> list[SiteId]:
    """Work at every site."""
    sites = [SiteId(f"{house.site}-{n}") for n in range(SITES)]
    await house.queue(creation(house.tenant, site, n, f"agreement-{n}") for n, site in enumerate(sites))
    return sites


async def test_two_replicas_share_the_sites_and_one_left_alone_has_them_all(house: House, peer: Peer) -> None:
    await queue_at_each(house)
    waiting = Additions(peer)
    waiting.gated[house.tenant] = "not yet"
    async with house.worker(waiting, pace=SHARING) as first:
        await until(lambda: _owned(house, SITES))
        async with house.worker(waiting, pace=SHARING) as second:
            await until(lambda: _owned(house, 5, 5))
            await first.kill()
            await until(lambda: _owned(house, SITES))
            async with house.worker(waiting, pace=SHARING) as third:
                await until(lambda: _owned(house, 5, 5))
                await third.stop()
                await until(lambda: _owned(house, SITES))
            waiting.gated.clear()
            await house.holds(confirmed=SITES)
            await second.stop()
    assert peer.repeated == []


async def test_a_site_changes_hands_between_two_sends_and_nothing_is_in_doubt(house: House, peer: Peer) -> None:
    peer.latency = 0.05
    sites = [SiteId(f"{house.site}-{n}") for n in range(2)]
    await house.queue(
        creation(house.tenant, site, 50 * s + n, f"agreement-{s}") for s, site in enumerate(sites) for n in range(50)
    )
    async with house.worker(Additions(peer, "a"), pace=SHARING):
        await happens(lambda: {write.lane for _, write in peer.asked} == {"agreement-0", "agreement-1"})
        async with house.worker(Additions(peer, "b"), pace=SHARING):
            await house.holds(confirmed=100)
    served_by = defaultdict(list)
    for _, write in peer.asked:
        served_by[write.lane].append(write.sender)
    assert {tuple(sorted(set(senders))) for senders in served_by.values()} >= {("a", "b")}
    for senders in served_by.values():
        assert senders == sorted(senders)  # from a to b once, and not to and fro
    assert len(peer.asked) == 100


async def test_a_site_whose_new_owner_does_not_come_is_taken_back(house: House, peer: Peer) -> None:
    """A replica that stands still keeps its session, so it counts; what would be its share is served all the same."""
    await queue_at_each(house)
    waiting = Additions(peer)
    waiting.gated[house.tenant] = "not yet"
    session = await house.db.session()
    async with session.transaction() as tx:
        assert await tx.value("select pg_try_advisory_lock(hashtext('delivery.replica'), 1)")
    try:
        async with house.worker(waiting, pace=SHARING):
            await until(lambda: _owned(house, SITES))
    finally:
        await session.close()


async def test_locks_of_another_services_database_are_not_taken_for_ours(house: House, peer: Peer, pg: str) -> None:
    """Every service owns the same sites, each in a database of its own on what may be one server."""
    await house.queue([creation(house.tenant, house.site, 1)])
    elsewhere = await asyncpg.connect(pg)
    try:
        await elsewhere.execute("select pg_advisory_lock(hashtextextended($1, 0))", f"delivery.{house.site}")
        await elsewhere.execute("select pg_advisory_lock(hashtext('delivery.replica'), 1)")
        await until(lambda: _counted(house, 0))
        async with house.worker(Additions(peer)):
            await house.holds(confirmed=1)
    finally:
        await elsewhere.close()


async def test_a_site_that_is_given_back_is_free_only_after_its_epoch_is_cleared(house: House, peer: Peer) -> None:
    sites = await queue_at_each(house)
    waiting = Additions(peer)
    waiting.gated[house.tenant] = "not yet"
    with struck.standing_still_at(Point.IN_HAND_OVER) as blow:
        async with blow.victim(house, waiting, SHARING) as first:
            await until(lambda: _owned(house, SITES))
            async with house.worker(waiting, pace=SHARING):
                await blow.landed()
                async with house.db.all_tenants() as tx:
                    cleared = await tx.column("select site_id from site_owner where epoch is null")
                assert len(cleared) == 1
                assert set(cleared) < set(sites)
                assert await owners(house) == [SITES]
                await first.kill()
                waiting.gated.clear()
                await house.holds(confirmed=SITES)


async def _counted(house: House, replicas: int) -> bool:
    async with house.db.all_tenants() as tx:
        return bool(await tx.value(owner["replicas"]) == replicas)


async def _owned(house: House, *by_each: int) -> bool:
    return await owners(house) == list(by_each)
