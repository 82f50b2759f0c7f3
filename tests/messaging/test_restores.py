"""Kafka as a witness: what a service told, and its database does not know, was forgotten by a restore."""

import asyncio

import pytest

from messaging import Relay, restores
from storage import installation
from storage.installation import Watch
from tests.messaging.desk import Customers, Desk, customer, record, send
from tests.messaging.test_relay import all_published, stopped_between_send_and_mark

pytestmark = pytest.mark.requirement("R120")


async def restored(desk: Desk) -> int:
    """How often the database was found to be restored, when its service starts now."""
    async with desk.db.all_tenants() as tx:
        await Watch("here").look(tx)
    await restores.notice(desk.db, desk.kafka, "test", "g", [])
    async with desk.db.all_tenants() as tx:
        return (await installation.read(tx)).restores


async def told(desk: Desk, topic: Customers, tenant: str, *names: str) -> None:
    async with desk.relaying():
        for name in names:
            await desk.say(topic, tenant, customer(name, name))
            await all_published(desk)


async def test_a_fact_that_kafka_has_and_the_database_has_not_is_a_restore_once(
    desk: Desk, topic: Customers, tenant: str
) -> None:
    await told(desk, topic, tenant, "A")
    backup = await desk.rows("select * from published_offset")
    await told(desk, topic, tenant, "B", "C")
    assert await restored(desk) == 0
    async with desk.db.all_tenants() as tx:
        await tx.execute("delete from outbox where key <> $1", f"{tenant}:A")
        await tx.execute("update published_offset set next_offset = $1", backup[0]["next_offset"])
    assert [await restored(desk) for _ in range(2)] == [1, 1]
    await told(desk, topic, tenant, "D")
    assert await restored(desk) == 1


async def test_what_was_published_and_not_marked_before_a_crash_is_no_restore(
    desk: Desk, topic: Customers, tenant: str
) -> None:
    await told(desk, topic, tenant, "A")
    await desk.say(topic, tenant, customer("B", "B"))
    relay = asyncio.create_task(Relay(desk.db, desk.kafka, "test").run())
    async with stopped_between_send_and_mark(desk, topic):
        relay.cancel()
        await asyncio.wait([relay])
    assert await desk.rows("select from outbox where published_at is null")
    assert await restored(desk) == 0


async def test_what_other_services_tell_on_the_same_topic_is_no_restore(
    desk: Desk, topic: Customers, tenant: str
) -> None:
    await told(desk, topic, tenant, "A")
    value, said = record(topic, tenant, name="B")
    await send(desk.kafka, topic, (value, said), (value, [*said, ("source", b"another")]))
    assert await restored(desk) == 0
