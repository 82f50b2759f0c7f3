"""Everything at once, from one seed: faults at the peer, killed workers, ended sessions. And what a retry loop does."""

import random
from contextlib import AsyncExitStack

import pytest

from httpkit import ApiError
from tests.delivery.additions import Additions, content, creation
from tests.delivery.house import House, Worker, until
from tests.delivery.peer import Peer, Write

LINES = 400
LANES = 12
CHANCE = 0.12


@pytest.mark.parametrize("seed", [20_240_601])
async def test_every_line_has_one_effect_whatever_happens(house: House, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 (a test's dice)
    peer = Peer(latency=0.004, chance=CHANCE, seed=seed)
    await house.queue(creation(house.tenant, house.site, n, f"agreement-{n % LANES}") for n in range(LINES))
    async with AsyncExitStack() as stack:

        async def start(name: str) -> Worker:
            return await stack.enter_async_context(house.worker(Additions(peer, name)))

        workers = {name: await start(name) for name in "ab"}
        next_blow = dice.randint(10, 40)
        while not await house.is_settled():
            await happens_or_settles(house, peer, next_blow)
            if len(peer.asked) < next_blow:
                continue
            next_blow = len(peer.asked) + dice.randint(10, 40)
            name = dice.choice("abs")
            if name == "s":
                await house.end_owner_sessions()
            else:
                await workers[name].kill()
                workers[name] = await start(name)
    await peer.idle()
    assert await house.states() == {"confirmed": LINES}, f"seed {seed}"
    assert (len(peer.history), len(peer.effects), peer.repeated) == (LINES, LINES, []), f"seed {seed}"
    assert set((await house.told()).values()) == {1}, f"seed {seed}"
    async with house.db.transaction([house.tenant]) as tx:
        here = await tx.column("select (operation_key, remote_id)::text from operation order by remote_id")
    there = sorted(peer.history, key=lambda done: done.remote_id)
    assert here == [f"({done.write.key},{done.remote_id})" for done in there], f"seed {seed}"


async def test_a_usual_retry_loop_bills_twice_at_the_same_peer() -> None:
    """What all this is for: the same faults, and a loop that sends again until it hears yes."""
    peer = Peer(chance=CHANCE, seed=20_240_601, late=0.0)
    for n in range(LINES):
        sent = False
        while not sent:
            try:
                await peer.write(Write(key=f"line-{n}", lane="agreement-1", content=content(n), marker=f"{n}"))
                sent = True
            except ApiError:
                continue
    await peer.idle()
    assert len(peer.effects) == LINES
    assert len(peer.repeated) > LINES * CHANCE / 5


async def happens_or_settles(house: House, peer: Peer, requests: int) -> None:
    async def reached() -> bool:
        return len(peer.asked) >= requests or await house.is_settled()

    await until(reached)
