import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby

import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from contracts.events import CustomerChanged
from contracts.topics import Topic
from contracts.values import TenantId
from messaging import Fact, Relay, outbox
from tests.messaging.desk import BLOCKED, Customers, Desk, customer, eventually, new_topic

UNPUBLISHED = "select key from outbox where published_at is null order by id"


def names(records: list[ConsumerRecord], topic: Customers) -> list[str]:
    return [topic.decode(record.value).data.name for record in records]


async def all_published(desk: Desk) -> None:
    async def none_left() -> bool:
        return not await desk.rows(UNPUBLISHED)

    await eventually(none_left)


async def test_one_keys_facts_are_published_in_the_order_of_their_commits(desk: Desk, kafka: str, tenant: str) -> None:
    topic = await new_topic(kafka, partitions=3)
    await desk.as_owner("create table counter (tenant_id text, key text, n int); select tenant_table('counter')")
    keys = [f"k-{number}" for number in range(4)]
    async with desk.db.transaction([TenantId(tenant)]) as tx:
        await tx.execute_many("insert into counter values ($1, $2, 0)", [(tenant, key) for key in keys])

    async def write(key: str) -> None:
        for _ in range(10):
            async with desk.db.transaction([TenantId(tenant)]) as tx:
                # The aggregate's row is locked first, as the caller of `add` promises.
                count = await tx.value("update counter set n = n + 1 where key = $1 returning n", key)
                await outbox.add(tx, topic, [Fact(TenantId(tenant), key, customer(key, f"{key} {count:03}"))])

    async with desk.relaying(), desk.relaying():
        await asyncio.gather(*(write(key) for key in keys for _ in range(5)))
        await all_published(desk)
    by_key = sorted(await desk.published(topic), key=lambda record: record.key)
    for key, records in groupby(by_key, key=lambda record: record.key.decode().partition(":")[2]):
        assert names(list(records), topic) == [f"{key} {count:03}" for count in range(1, 51)]


async def test_a_slower_transactions_facts_are_not_passed_over(desk: Desk, topic: Customers, tenant: str) -> None:
    async with desk.relaying():
        async with desk.db.transaction([TenantId(tenant)]) as tx:
            await outbox.add(tx, topic, [Fact(TenantId(tenant), "slow", customer("slow", "slow"))])
            await desk.say(topic, tenant, customer("quick", "quick"))  # a higher id, committed before
            await all_published(desk)
            assert names(await desk.published(topic), topic) == ["quick"]
        await all_published(desk)
    assert names(await desk.published(topic), topic) == ["quick", "slow"]


@asynccontextmanager
async def stopped_between_send_and_mark(desk: Desk, topic: Customers) -> AsyncIterator[None]:
    """A relay whose facts are in Kafka and which cannot mark them for the length of the block."""
    async with desk.db.all_tenants() as tx:
        await tx.execute("select from outbox for update")

        async def arrived_and_unmarked() -> bool:
            there = await desk.published(topic)
            waiting = await desk.rows(BLOCKED)
            return bool(there and waiting)

        await eventually(arrived_and_unmarked)
        yield


@pytest.mark.parametrize("death", ["cancelled", "session lost"])
async def test_a_relay_that_dies_before_it_marks_repeats_and_the_inbox_absorbs_it(
    desk: Desk, topic: Customers, tenant: str, death: str
) -> None:
    await desk.say(topic, tenant, customer("a", "A"), customer("b", "B"))
    first = asyncio.create_task(Relay(desk.db, desk.kafka, "first").run())
    async with stopped_between_send_and_mark(desk, topic):
        if death == "cancelled":
            first.cancel()
            await asyncio.wait([first])
        else:
            await desk.rows(f"select pg_terminate_backend(pid) from ({BLOCKED}) as blocked")  # noqa: S608 (our own text)
    assert len(await desk.rows(UNPUBLISHED)) == 2
    async with desk.relaying(), desk.reading(desk.consumer(topic)):
        await all_published(desk)
        await desk.say(topic, tenant, customer("c", "C"))
        await desk.noted_are("A", "B", "C")
    assert names(await desk.published(topic), topic) == ["A", "B", "A", "B", "C"]
    first.cancel()
    await asyncio.wait([first])


async def test_two_relays_publish_each_fact_once(desk: Desk, topic: Customers, tenant: str) -> None:
    said = [f"{number:04}" for number in range(1200)]
    await desk.say(topic, tenant, *(customer(f"k-{name}", name) for name in said))
    async with desk.relaying(), desk.relaying():
        await all_published(desk)
    assert names(await desk.published(topic), topic) == said


async def test_a_fact_that_kafka_refuses_for_good_stops_its_key_only(desk: Desk, kafka: str, tenant: str) -> None:
    topic = Topic(f"t{secrets.token_hex(4)}.small.v1", CustomerChanged, "tenant:customer key", "test", partitions=1)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic.name, 1, 1, topic_configs={"max.message.bytes": "20000"})])
    await admin.close()
    large = secrets.token_hex(50_000)  # does not compress
    await desk.say(topic, tenant, customer("a", "before"), customer("b", "B"))
    await desk.say(topic, tenant, customer("a", large))
    await desk.say(topic, tenant, customer("a", "after"), customer("c", "C"))
    async with desk.relaying():

        async def all_but_the_key() -> bool:
            return await desk.rows(UNPUBLISHED) == [(f"{tenant}:a",)] * 2

        await eventually(all_but_the_key)
        await desk.say(topic, tenant, customer("a", "later"), customer("d", "D"))

        async def the_rest_goes_on() -> bool:
            return await desk.rows(UNPUBLISHED) == [(f"{tenant}:a",)] * 3

        await eventually(the_rest_goes_on)
        parked = await desk.rows("select parked from outbox where parked is not null")
        assert len(parked) == 1
        assert "MESSAGE_SIZE_TOO_LARGE" in parked[0]["parked"] or "MessageSizeTooLarge" in parked[0]["parked"]
        async with desk.db.all_tenants() as tx:  # what a person decides: without that fact
            await tx.execute("delete from outbox where parked is not null")
        await all_published(desk)
    last_of_key = {record.key: topic.decode(record.value).data.name for record in await desk.published(topic)}
    assert last_of_key == {
        f"{tenant}:{key}".encode(): name for key, name in {"a": "later", "b": "B", "c": "C", "d": "D"}.items()
    }


async def test_records_carry_id_tenant_and_key(desk: Desk, topic: Customers, tenant: str) -> None:
    await desk.say(topic, tenant, customer("a", "A"))
    async with desk.relaying():
        await all_published(desk)
    (record,) = await desk.published(topic)
    headers = dict(record.headers)
    assert record.key == f"{tenant}:a".encode()
    assert headers["tenant"] == tenant.encode()
    assert headers["id"].decode() == str(topic.decode(record.value).id)


async def test_the_backlog_is_measured(desk: Desk, topic: Customers, tenant: str) -> None:
    from prometheus_client import REGISTRY  # noqa: PLC0415 (the one place that reads what is exposed)

    await desk.say(topic, tenant, customer("a"), customer("b"))
    await Relay(desk.db, desk.kafka, "test").measure()
    assert REGISTRY.get_sample_value("outbox_backlog") == 2
    assert (REGISTRY.get_sample_value("outbox_oldest_seconds") or -1) >= 0
