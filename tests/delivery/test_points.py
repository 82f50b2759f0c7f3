"""Killed at every named point, with another replica there: every line once. The list is the code's own."""

from dataclasses import replace

import pytest

from contracts.values import SiteId
from delivery.points import Point
from tests.delivery import struck
from tests.delivery.additions import Additions, creation
from tests.delivery.house import FAST, House, until
from tests.delivery.peer import Fault, Peer

SHARING = replace(FAST, rebalance=0.05, deadline=0.15, late_apply=0.15)


@pytest.mark.parametrize("point", Point)
async def test_a_worker_killed_at_any_point_leaves_nothing_undone_and_nothing_twice(
    house: House, peer: Peer, point: Point
) -> None:
    peer.latency = 0.02
    sites = [SiteId(f"{house.site}-{n}") for n in range(2)]
    operations = [creation(house.tenant, sites[n % 2], n, f"agreement-{n % 2}") for n in range(8)]
    for throttled in operations[2:4]:
        peer.script(throttled.key, Fault.THROTTLED)  # so that the claim made ahead is given back
    await house.queue(operations)
    with struck.standing_still_at(point) as blow:
        effect = Additions(peer, "victim")
        if point is Point.IN_HAND_OVER:
            effect.gated[house.tenant] = "it has work until another replica comes"

        async def owns_both() -> bool:
            async with house.db.all_tenants() as tx:
                return blow.has_landed or await tx.value("select count(*) from site_owner") == 2

        async with blow.victim(house, effect, SHARING) as victim:
            await until(owns_both)
            async with house.worker(Additions(peer, "other"), pace=SHARING):
                await blow.landed()
                await victim.kill()
                await house.holds(confirmed=8)
    await peer.idle()
    assert (len(peer.effects), peer.repeated) == (8, [])
    assert set((await house.told()).values()) == {1}
