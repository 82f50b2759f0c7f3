"""What only a real broker shows: where reading starts, what a crash between two commits leaves, who comes and goes."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaRouter

from contracts.envelope import Event
from contracts.values import TenantId
from messaging import LossySubscriberError, broker, copies, restores, resume
from storage import Transaction, installation
from storage.installation import Watch
from tests.messaging.conftest import MakeDesk
from tests.messaging.desk import BLOCKED, Customers, Desk, customer, eventually, headers, new_topic, note, record, send


async def sent(desk: Desk, topic: Customers, tenant: str, *names: str) -> None:
    await send(desk.kafka, topic, *(record(topic, tenant, name=name) for name in names))


async def test_poison_between_good_records_is_kept_and_the_rest_lands(
    desk: Desk, topic: Customers, tenant: str
) -> None:
    value, said = record(topic, tenant, name="A")
    records: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
        (value, said),
        (b"{", headers(tenant)),
        (None, headers(tenant)),
        record(topic, tenant, name="B"),
        (b"\xff", [("id", b"\xff\xfe"), ("tenant", b"\xc3\x28"), ("content-type", b"\xff")]),
        record(topic, tenant, name="C\0"),
        (value, said),
        record(topic, tenant, name="D"),
    ]
    offsets = await send(desk.kafka, topic, *records)
    async with desk.reading(desk.consumer(topic)):
        await desk.noted_are("A", "B", "D")

        async def all_read() -> bool:
            return await desk.rows("select next_offset from consumed_offset") == [(len(records),)]

        await eventually(all_read)
    letters = await desk.rows("select partition, record_offset, value from dead_letter order by record_offset")
    assert letters == [(0, offsets[number], records[number][0]) for number in (1, 2, 4, 5)]


async def test_reading_starts_where_postgresql_says_and_not_where_kafka_does(
    desk: Desk, topic: Customers, tenant: str
) -> None:
    await sent(desk, topic, tenant, "A", "B", "C")
    group = f"g-{tenant}"
    async with desk.reading(desk.consumer(topic), group=group):
        await desk.noted_are("A", "B", "C")
    # A backup is restored: PostgreSQL has forgotten what Kafka's group has committed.
    async with desk.db.all_tenants() as tx:
        await tx.execute("delete from inbox")
        await tx.execute("delete from noted where said <> 'A'")
        await tx.execute("update consumed_offset set next_offset = 1")
    async with desk.reading(desk.consumer(topic), group=group):
        await desk.noted_are("A", "B", "C")


async def test_kafka_ahead_of_postgresql_counts_as_one_restore(desk: Desk, topic: Customers, tenant: str) -> None:
    group = f"g-{tenant}"

    async def restored() -> int:
        async with desk.db.all_tenants() as tx:
            await Watch("here").look(tx)
        await restores.notice(desk.db, desk.kafka, "test", group, [topic])
        async with desk.db.all_tenants() as tx:
            return (await installation.read(tx)).restores

    assert await restored() == 0
    await sent(desk, topic, tenant, "A", "B", "C")
    async with desk.reading(desk.consumer(topic), group=group):
        await desk.noted_are("A", "B", "C")
    assert await restored() == 0
    async with desk.db.all_tenants() as tx:
        await tx.execute("update consumed_offset set next_offset = 1")
    assert [await restored() for _ in range(2)] == [1, 1]
    # Read again to the end, then an even older backup.
    async with desk.db.all_tenants() as tx:
        await tx.execute("delete from consumed_offset")
        await tx.execute("delete from offset_ahead")
    assert await restored() == 2


async def test_what_retention_has_passed_over_is_no_restore(desk: Desk, topic: Customers, tenant: str) -> None:
    await sent(desk, topic, tenant, "A", "B", "C")
    group = f"g-{tenant}"
    async with desk.reading(desk.consumer(topic), group=group):
        await desk.noted_are("A", "B", "C")
    admin = AIOKafkaAdminClient(bootstrap_servers=desk.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(3)})
    await admin.close()
    async with desk.db.all_tenants() as tx:
        await Watch("here").look(tx)
        await tx.execute("delete from consumed_offset")
    await restores.notice(desk.db, desk.kafka, "test", group, [topic])
    async with desk.db.all_tenants() as tx:
        assert (await installation.read(tx)).restores == 0


async def test_a_group_kafka_does_not_know_goes_on_where_postgresql_says(
    desk: Desk, topic: Customers, tenant: str
) -> None:
    await sent(desk, topic, tenant, "A", "B", "C")
    async with desk.db.all_tenants() as tx:
        await tx.execute("insert into consumed_offset values ($1, 0, 2)", topic.name)
    async with desk.reading(desk.consumer(topic)):
        await desk.noted_are("C")


async def test_nothing_is_read_before_postgresql_has_said_from_where(desk: Desk, topic: Customers, tenant: str) -> None:
    await sent(desk, topic, tenant, "A", "B", "C")
    group = f"g-{tenant}"
    async with desk.reading(desk.consumer(topic), group=group):
        await desk.noted_are("A", "B", "C")
    async with desk.db.all_tenants() as tx:
        await tx.execute("delete from inbox")
        await tx.execute("delete from noted")
        await tx.execute("update consumed_offset set next_offset = 0")
    await sent(desk, topic, tenant, "D")
    async with desk.db.all_tenants() as slow:
        await slow.execute("lock table consumed_offset in access exclusive mode")
        reading = desk.reading(desk.consumer(topic), group=group)
        await reading.__aenter__()

        async def asked() -> bool:
            return bool(await desk.rows(BLOCKED))

        await eventually(asked)

        async def handled() -> bool:
            return len(await desk.rows(BLOCKED)) > 1

        with pytest.raises(AssertionError):
            await eventually(handled, within=1)
    await desk.noted_are("A", "B", "C", "D")
    await reading.__aexit__(None, None, None)


@pytest.mark.parametrize("kept", [4, 1_000_000])
async def test_an_offset_past_the_end_means_a_topic_made_anew(
    desk: Desk, topic: Customers, tenant: str, kept: int
) -> None:
    await sent(desk, topic, tenant, "A", "B", "C")
    async with desk.db.all_tenants() as tx:
        await tx.execute("insert into consumed_offset values ($1, 0, $2)", topic.name, kept)
    async with desk.reading(desk.consumer(topic)):
        await desk.noted_are("A", "B", "C")


async def test_an_offset_that_retention_has_passed_starts_at_what_is_left(
    desk: Desk, topic: Customers, tenant: str
) -> None:
    await sent(desk, topic, tenant, "A", "B", "C")
    admin = AIOKafkaAdminClient(bootstrap_servers=desk.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(before_offset=2)})
    await admin.close()
    async with desk.db.all_tenants() as tx:
        await tx.execute("insert into consumed_offset values ($1, 0, 1)", topic.name)
    async with desk.reading(desk.consumer(topic)):
        await desk.noted_are("C")


async def test_a_death_between_the_effect_and_kafkas_commit_has_no_second_effect(
    desk: Desk, topic: Customers, tenant: str
) -> None:
    await sent(desk, topic, tenant, "A", "B")
    effects = asyncio.Event()

    async def handler(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        await note(tx, events)
        effects.set()
        if len(effects_seen := await tx.column("select said from noted")) == 2 and "dies" in dying:
            dying.clear()
            raise OSError(effects_seen)  # the transaction is lost with the process: nothing was committed

    dying = {"dies"}
    async with desk.reading(desk.consumer(topic, handler)):
        await effects.wait()
        await desk.noted_are("A", "B")
    # The next process has another group member and perhaps none of Kafka's commits; the inbox forgets nothing either.
    async with desk.db.all_tenants() as tx:
        await tx.execute("delete from consumed_offset")
    await sent(desk, topic, tenant, "C")
    async with desk.reading(desk.consumer(topic)):
        await desk.noted_are("A", "B", "C")


async def test_members_that_come_and_go_lose_and_repeat_nothing(desk: Desk, kafka: str, tenant: str) -> None:
    topic = await new_topic(kafka, partitions=4)
    said = [f"{number:03}" for number in range(400)]
    group = f"g-{tenant}"

    async def tell() -> None:
        for number in range(0, 400, 20):
            batch = (record(topic, tenant, name=name) for name in said[number : number + 20])
            await send(kafka, topic, *batch, partition=number // 20 % 4)

    telling = asyncio.create_task(tell())

    async def some_noted(count: int) -> None:
        async def enough() -> bool:
            return len(await desk.noted()) >= count

        await eventually(enough, within=40)

    async with desk.reading(desk.consumer(topic), group=group):
        await some_noted(1)
        async with desk.reading(desk.consumer(topic), group=group) as second:

            async def shared() -> bool:
                assigned = second.readers[0]._subscriber.consumer
                return bool(assigned and assigned.assignment())

            await eventually(shared)
            await telling
            await some_noted(400)
    assert sorted(await desk.noted()) == said


async def test_workers_wait_until_the_copies_hold_what_was_there(desk: Desk, kafka: str, tenant: str) -> None:
    topic = await new_topic(kafka, compacted=True, partitions=3)
    empty = await new_topic(kafka, compacted=True, partitions=3)
    for partition in (0, 2):
        subjects = [f"{partition}-{number}" for number in range(700)]
        records = (record(topic, tenant, subject=subject, version=1) for subject in subjects)
        await send(kafka, topic, *records, partition=partition)
    complete = asyncio.create_task(copies.complete(desk.db, kafka, [topic, empty]))
    release = asyncio.Event()

    async def handler(_tx: Transaction, _events: Sequence[Event[Any]]) -> None:
        await release.wait()

    async with desk.reading(desk.consumer(topic, handler, copy=True), desk.consumer(empty, copy=True)):
        assert not (await asyncio.wait([complete], timeout=1))[0]
        release.set()
        async with asyncio.timeout(20):
            await complete
    async with desk.db.transaction([TenantId(tenant)]) as tx:
        assert len(await copies.of_tenant(tx, topic, TenantId(tenant))) == 1400


async def test_without_copies_nothing_is_waited_for(desk: Desk) -> None:
    async with asyncio.timeout(1):
        await copies.complete(desk.db, "127.0.0.1:1", [])


async def test_too_much_poison_pauses_and_a_person_lets_it_go_on(desk: Desk, topic: Customers, tenant: str) -> None:
    await send(desk.kafka, topic, *((b"{", headers(tenant)) for _ in range(100)))
    async with desk.reading(desk.consumer(topic)) as subscriptions:

        async def paused() -> bool:
            return bool(await desk.rows("select from consumer_pause"))

        await eventually(paused)
        await sent(desk, topic, tenant, "A")

        async def refused() -> bool:
            return subscriptions.readers[0]._backoff > 0

        await eventually(refused)
        assert await desk.noted() == []
        assert subscriptions.stuck() is None
        async with desk.db.transaction(()) as tx:
            assert await resume(tx, topic.name)
        await desk.noted_are("A")


async def test_two_tenants_of_one_batch_stay_apart(desk: Desk, topic: Customers, tenant: str) -> None:
    other = f"{tenant}-2"
    value, _ = record(topic, other, name="stolen")
    await send(
        desk.kafka,
        topic,
        record(topic, tenant, name="mine"),
        (value, headers(tenant)),
        record(topic, other, name="theirs"),
    )
    async with desk.reading(desk.consumer(topic)):
        await desk.noted_are("mine", "theirs")
    assert await desk.rows("select tenant_id, said from noted order by id") == [(tenant, "mine"), (other, "theirs")]
    (letter,) = await desk.rows("select tenant_id, detail from dead_letter")
    assert letter == (tenant, f"the tenant inside ({other}) is not the header's ({tenant})")


async def test_a_reader_that_hangs_is_said_to_be_stuck(
    desk: Desk, topic: Customers, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, release = asyncio.Event(), asyncio.Event()

    async def handler(_tx: Transaction, _events: Sequence[Event[Any]]) -> None:
        hanging.set()
        await release.wait()

    await sent(desk, topic, tenant, "A")
    async with desk.reading(desk.consumer(topic, handler)) as subscriptions:
        await hanging.wait()
        assert subscriptions.stuck() is None
        monkeypatch.setattr(broker, "NO_POLL_IS_DEAD", -1.0)
        assert "not polled" in (subscriptions.stuck() or "")
        release.set()


LOSSLESS: dict[str, Any] = {
    "group_id": "g",
    "ack_policy": AckPolicy.NACK_ON_ERROR,
    "auto_offset_reset": "earliest",
    "batch": True,
}


@pytest.mark.parametrize(
    "setting",
    [
        {"ack_policy": AckPolicy.ACK_FIRST},
        {"ack_policy": AckPolicy.ACK},
        {"auto_offset_reset": "latest"},
        {"group_id": None},
    ],
    ids=str,
)
def test_a_subscriber_that_would_lose_messages_is_refused(setting: dict[str, Any]) -> None:
    kafka = KafkaBroker("127.0.0.1:1")
    kafka.subscriber("good", **LOSSLESS)
    broker.refuse_lossy(kafka)
    kafka.subscriber("lossy", **{**LOSSLESS, **setting})
    with pytest.raises(LossySubscriberError, match="lossy"):
        broker.refuse_lossy(kafka)


def test_a_router_under_a_lossless_broker_is_refused_too() -> None:
    kafka = KafkaBroker("127.0.0.1:1", ack_policy=AckPolicy.NACK_ON_ERROR)
    router = KafkaRouter()
    router.subscriber("lossy", group_id="g", auto_offset_reset="earliest", batch=True)
    kafka.include_router(router)
    with pytest.raises(LossySubscriberError, match="lossy"):
        broker.refuse_lossy(kafka)


def test_faststream_still_keeps_what_the_guard_reads() -> None:
    subscriber: Any = KafkaBroker("127.0.0.1:1").subscriber("topic", **LOSSLESS)
    assert subscriber._connection_args["enable_auto_commit"] is False
    assert subscriber._connection_args["auto_offset_reset"] == "earliest"
    assert subscriber.topic_names == ["topic"]


async def test_one_services_topics_are_read_side_by_side(desks: MakeDesk, kafka: str, tenant: str) -> None:
    desk = await desks()
    topics = [await new_topic(kafka), await new_topic(kafka, compacted=True)]
    for number, topic in enumerate(topics):
        await desk.say(topic, tenant, customer("a", f"of {number}"))
    async with desk.relaying(), desk.reading(*(desk.consumer(topic) for topic in topics)) as subscriptions:

        async def both() -> bool:
            return sorted(await desk.noted()) == ["of 0", "of 1"]

        await eventually(both)
        assert [reader.topic for reader in subscriptions.readers] == [topic.name for topic in topics]
        assert len({reader.group for reader in subscriptions.readers}) == 2
