"""PostgreSQL or Kafka away: whoever needs it waits, lives and loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio

import storage
from devstack.engines.kafka import Kafka
from devstack.state import State
from devstack.topics import provide_topics
from messaging import Relay, copies
from tests.messaging.conftest import MakeDesk
from tests.messaging.desk import Desk, customer, eventually, named_topic, new_topic, running
from tests.messaging.proxy import Wire, wire_to


@pytest_asyncio.fixture(loop_scope="session")
async def wired(desks: MakeDesk) -> AsyncIterator[tuple[Desk, Desk, Wire]]:
    """A service behind a wire to its database, and the same with a straight way to look at it."""
    straight = await desks()
    async with wire_to(straight.urls.app) as (wire, app):
        port = straight.urls.app.rpartition(":")[2].partition("/")[0]
        db = storage.Database(app, straight.urls.all_tenants.replace(f":{port}/", f":{wire.port}/"))
        await db.open()
        yield replace(straight, db=db), straight, wire
        await db.close()


async def test_without_its_database_a_service_waits_and_loses_nothing(
    wired: tuple[Desk, Desk, Wire], kafka: str, tenant: str
) -> None:
    far, straight, wire = wired
    topic = await new_topic(kafka, partitions=2)
    relay = Relay(far.db, kafka, "test")
    async with running(relay.run()) as relaying, far.reading(far.consumer(topic)) as subscriptions:
        await straight.say(topic, tenant, customer("a", "A"))
        await straight.noted_are("A")
        await wire.cut()
        await straight.say(topic, tenant, customer("b", "B"))

        async def relay_waits() -> bool:
            return relay.waiting == "the database"

        await eventually(relay_waits)
        assert not await far.db.answers()
        async with straight.relaying():  # another replica is still connected

            async def reader_backs_off() -> bool:
                return subscriptions.readers[0]._backoff > 0

            await eventually(reader_backs_off)
        assert subscriptions.stuck() is None
        assert await straight.noted() == ["A"]
        await wire.mend()
        await straight.noted_are("A", "B")
        await straight.say(topic, tenant, customer("a", "A again"))
        await straight.noted_are("A", "B", "A again")
        assert relay.waiting is None
        assert not relaying.done()
    assert await straight.rows("select from dead_letter") == []


async def test_a_reader_that_joins_without_its_database_begins_when_it_is_back(
    wired: tuple[Desk, Desk, Wire], kafka: str, tenant: str
) -> None:
    far, straight, wire = wired
    topic = await new_topic(kafka)
    async with straight.relaying():
        await straight.say(topic, tenant, customer("a", "A"))
        await wire.cut()
        async with far.reading(far.consumer(topic)) as subscriptions:

            async def assigned() -> bool:
                consumer = subscriptions.readers[0]._subscriber.consumer
                return bool(consumer and consumer.assignment())

            await eventually(assigned)
            assert await straight.noted() == []
            await wire.mend()
            await straight.noted_are("A")


@pytest_asyncio.fixture(loop_scope="session")
async def own_kafka(kafka: str, tmp_path: Path) -> AsyncIterator[Kafka]:
    """A broker that a test may stop; not started."""
    del kafka  # asked for, so that the test is marked: it needs what runs a broker
    broker = Kafka(tmp_path, State(tmp_path / "state.json"), say=lambda _: None)
    yield broker
    await broker.stop()


async def test_without_kafka_a_service_waits_and_loses_nothing(desk: Desk, own_kafka: Kafka, tenant: str) -> None:
    desk = replace(desk, kafka=own_kafka.address)
    topic = named_topic(compacted=True)
    await desk.say(topic, tenant, customer("a", "A"))
    relay = Relay(desk.db, desk.kafka, "test")

    async def relay_waits() -> bool:
        return relay.waiting == "Kafka"

    async with running(relay.run()) as relaying:
        await eventually(relay_waits)
        reading = desk.reading(desk.consumer(topic, copy=True))
        joining = asyncio.ensure_future(reading.__aenter__())
        complete = asyncio.ensure_future(copies.complete(desk.db, desk.kafka, [topic]))
        assert not (await asyncio.wait([joining, complete], timeout=0.5))[0]
        await own_kafka.start()
        await provide_topics(desk.kafka, [topic])
        subscriptions = await joining
        await desk.noted_are("A")
        await complete
        await own_kafka.kill()
        await desk.say(topic, tenant, customer("b", "B"))
        await desk.say(topic, tenant, customer("a", "A again"))
        await eventually(relay_waits, within=60)
        assert subscriptions.stuck() is None
        assert len(await desk.rows("select from outbox where published_at is null")) == 2
        await own_kafka.start()

        async def all_noted() -> bool:
            return sorted(await desk.noted()) == ["A", "A again", "B"]

        await eventually(all_noted, within=60)
        assert not relaying.done()
        await reading.__aexit__(None, None, None)
