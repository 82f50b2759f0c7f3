"""An older copy of PostgreSQL comes back, and the world has gone on: what it forgot is not written somewhere else."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from contracts import topics
from delivery import State
from storage.installation import Watch
from tests.factories import facts
from tests.faults.ground import Case, customer
from tests.faults.scene import Scene
from tests.faults.servers import Backup, own_server
from tests.faults.test_postgres import was_restored

LINES = 4
ANOTHER = 2


@asynccontextmanager
async def forgotten(outer: Case) -> AsyncIterator[Case]:
    """Lines were billed and written, and the database comes back from before, while a sender is there."""
    async with own_server(outer) as (server, case):
        tenant = case.tenants[0]
        await tenant.furnished(agreements=1)
        backup = await Backup.of(server)
        await tenant.billed(LINES, 1, case.seed)
        await case.desk.approved()
        async with case.sending(begun=Watch("here").look):
            await case.settles()
            assert len(case.site.written()) == LINES
            await backup.restored()
            await case.until(lambda: was_restored(case), "nobody noticed")
            yield case


async def mapped_elsewhere_since(outer: Case) -> None:
    """The lines come again, and their customer now has another agreement: each is a question, none is billed twice."""
    async with forgotten(outer) as case:
        await case.desk.agreement(ANOTHER)
        mapped = facts.mapping(agreement_id=ANOTHER, customer_key=customer(1), mapping_id="mapping-1")
        await case.desk.tell(topics.CUSTOMER_MAPPINGS, (mapped.mapping_id, mapped))
        tenant = case.tenants[0]
        tenant.accepted.clear()
        await tenant.billed(LINES, 1, case.seed)
        await case.desk.approved()
        await case.settles()
        assert len(case.site.written()) == LINES
        assert await case.states() == {State.CONFLICT: LINES, State.CONFIRMED: 1}  # the reading itself
        said = await case.desk.lines()
        assert all("on agreement 1 has this line's marker" in line.detail for line in said), [
            one.detail for one in said
        ]
        # What is there is told as ours and unknown, and nobody proposes to delete it.
        found = await case.reconciled()
        assert [(one["kind"], one["operations"]) for one in found] == [("unknown", [])] * LINES


async def never_told_again(outer: Case) -> None:
    """The lines do not come again: what stands there is shown to people, also on later nights."""
    async with forgotten(outer) as case:
        for _ in range(2):
            there = {one["id"] for one in case.site.additions()}
            assert {one["remote_id"] for one in await case.reconciled()} == there
            assert len(there) == LINES


SCENES = [Scene("mapped elsewhere since", mapped_elsewhere_since), Scene("never told again", never_told_again)]


@pytest.mark.parametrize("judgement", SCENES, ids=str, indirect=True)
async def test_what_a_restored_database_has_forgotten_is_not_written_again(judgement: Awaitable[None]) -> None:
    await judgement
