"""A right that ConnectWise refuses: the agreement waits alone, the tenant where the role lacks it altogether (R14)."""

import pytest

from contracts import topics
from contracts.events import CommandKind, Finding, SyncCommand
from delivery import pauses
from tests.factories import facts
from tests.factories.grounds import until
from tests.invoice_push.desk import Desk

pytestmark = pytest.mark.requirement("R14")

MISSING = Finding(check="additions-add", title="Finance > Agreements: Add", state="failed", detail="the role lacks it")
SLOW = Finding(check="reach", title="The site answers", state="unknown")
LACKS = facts.setup(features=(), status="not_ready", findings=(MISSING, SLOW))


async def refused(desk: Desk) -> None:
    """An approved line whose agreement the role may not write to."""
    await desk.site.key(role="reader")
    await desk.billed(facts.billed())
    await desk.approved()

    async def is_paused() -> bool:
        return bool(await desk.pauses())

    async with desk.delivering():
        await until(is_paused)


async def test_a_right_that_is_refused_has_the_setup_checked(desk: Desk) -> None:
    await refused(desk)
    assert list(await desk.pauses()) == ["agreement-1"]
    assert await desk.told(topics.SYNC_COMMANDS) == [
        SyncCommand(run_id=facts.RUN, command=CommandKind.CHECK_SETUP, requested_by="invoice-push")
    ]


async def test_a_right_that_the_check_misses_pauses_the_tenant_with_its_name_until_it_is_there(desk: Desk) -> None:
    await refused(desk)
    await desk.tell(topics.SETUP, (desk.tenant, LACKS))
    assert (await desk.pauses())[""] == "setup: Finance > Agreements: Add: the role lacks it"
    await desk.tell(topics.SETUP, (desk.tenant, facts.setup()))
    assert list(await desk.pauses()) == ["agreement-1"]


async def test_a_right_that_the_check_finds_leaves_the_agreement_waiting_alone(desk: Desk) -> None:
    await refused(desk)
    await desk.tell(topics.SETUP, (desk.tenant, facts.setup()))
    assert list(await desk.pauses()) == ["agreement-1"]


async def test_a_check_that_fails_while_nothing_was_refused_pauses_nothing(desk: Desk) -> None:
    await desk.tell(topics.SETUP, (desk.tenant, LACKS))
    assert await desk.pauses() == {}


async def test_a_tenant_that_a_person_paused_is_not_resumed_by_a_check(desk: Desk) -> None:
    await desk.paused()
    await desk.tell(topics.SETUP, (desk.tenant, facts.setup()))
    assert await desk.pauses() == {"": "person: month end"}


async def test_a_missing_right_and_a_new_key_come_and_go_beside_what_a_person_stopped(desk: Desk) -> None:
    await refused(desk)
    await desk.paused()
    await desk.tell(topics.SETUP, (desk.tenant, LACKS))
    async with desk.db.transaction([desk.tenant]) as tx:
        assert [one.code for one in await pauses(tx, desk.tenant) if one.name == ""] == ["person", "setup"]
    await desk.tell(topics.SETUP, (desk.tenant, facts.setup()))
    assert (await desk.pauses())[""] == "person: month end"
    await desk.tell(topics.SETUP, (desk.tenant, LACKS))
    await desk.connected()
    assert (await desk.pauses())[""] == "person: month end"


async def test_the_order_to_check_is_not_ours_to_obey(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.command(CommandKind.CHECK_SETUP)
    assert await desk.operations() == {}
