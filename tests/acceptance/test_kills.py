"""Kill -9 of any service while additions are being written: after its restart nothing is lost and nothing is twice."""

import asyncio
from collections import Counter

import pytest

from devstack import story
from devstack.rehearsal import Rehearsal
from devstack.services import WITH_DATABASE
from devstack.stack import Stack
from tests.acceptance.conftest import imported
from tests.acceptance.test_demo import ADDITIONS

BEFORE_THE_KILL = 5


@pytest.mark.requirement("B3")
@pytest.mark.parametrize("victim", WITH_DATABASE)
async def test_a_killed_service_loses_nothing_and_doubles_nothing(
    stack: Stack, rehearsal: Rehearsal, victim: str
) -> None:
    run = await imported(rehearsal)
    await asyncio.to_thread(rehearsal.approve, run)
    await asyncio.to_thread(rehearsal.written, BEFORE_THE_KILL)

    url = stack.service(victim).url
    await stack.service(victim).kill()
    assert await stack.service(victim).start() == url, "others know it by this address"

    found = await asyncio.to_thread(rehearsal.closed, run)
    made = await asyncio.to_thread(rehearsal.additions_made)
    twice = [marker for marker, times in Counter(one["serialNumber"] for one in made).items() if times > 1]
    assert (found["state"], len(made), twice) == ("closed_with_held", ADDITIONS, [])
    assert await asyncio.to_thread(story.tell, rehearsal.client, run)
