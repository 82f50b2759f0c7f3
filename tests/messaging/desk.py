"""One service's messaging on a real database and broker, and what its handler noted."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from contracts.envelope import Event
from contracts.events import CustomerChanged
from contracts.topics import Topic
from contracts.values import TenantId
from devstack import provision
from devstack.topics import provide_topics
from messaging import Consumer, Fact, Handler, Relay, Subscriptions, outbox
from storage import Database, Transaction

Customers = Topic[CustomerChanged]

# What a handler of ours does: one row an event, without a constraint that would hide a second effect.
NOTED = """
create table noted (id bigint generated always as identity primary key, tenant_id text not null, subject text not null,
  said text not null, event_id text not null);
select tenant_table('noted');
"""

# Whoever waits for a row somebody else has locked.
BLOCKED = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


async def eventually(condition: Callable[[], Awaitable[Any]], within: float = 20) -> Any:
    """What the condition gives once it is true; AssertionError after `within` seconds."""
    until = time.monotonic() + within
    while not (found := await condition()):
        assert time.monotonic() < until, f"not within {within} s; last: {found!r}"
        await asyncio.sleep(0.02)
    return found


def named_topic(*, compacted: bool = False, partitions: int = 1) -> Customers:
    """A topic that no other test reads."""
    name = f"t{secrets.token_hex(4)}.customers.v1"
    return Topic(name, CustomerChanged, "tenant:customer key", "test", compacted=compacted, partitions=partitions)


async def new_topic(kafka: str, *, compacted: bool = False, partitions: int = 1) -> Customers:
    """The same, and the broker has it."""
    topic = named_topic(compacted=compacted, partitions=partitions)
    await provide_topics(kafka, [topic])
    return topic


def customer(key: str = "c-1", name: str = "Contoso") -> CustomerChanged:
    """A fact to tell."""
    return CustomerChanged(key=key, name=name)


def record(
    topic: Customers, tenant: str, *, name: str = "Contoso", subject: str = "c-1", version: int = 0
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers as the relay would send them."""
    event = Event[CustomerChanged](
        type=topic.type,
        version=topic.version,
        entity_version=version,
        tenant_id=TenantId(tenant),
        subject=subject,
        data=customer(subject, name),
    )
    return event.model_dump_json().encode(), [("id", str(event.id).encode()), ("tenant", tenant.encode())]


def headers(tenant: str) -> list[tuple[str, bytes]]:
    """Headers of a record whose value is the test's business."""
    return [("id", str(uuid4()).encode()), ("tenant", tenant.encode())]


@asynccontextmanager
async def running(work: Any) -> AsyncIterator["asyncio.Task[Any]"]:
    """A task for the length of a block; what it raised is raised."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@dataclass(frozen=True, slots=True)
class Desk:
    """A service: its database, its relay, its readers."""

    db: Database
    urls: provision.Database
    kafka: str

    async def say(self, topic: Topic[Any], tenant: str, *said: CustomerChanged) -> None:
        """Commit facts to the outbox."""
        async with self.db.transaction([TenantId(tenant)]) as tx:
            await outbox.add(tx, topic, [Fact(TenantId(tenant), one.key, one) for one in said])

    def relaying(self) -> Any:
        """The relay, for the length of a block."""
        return running(Relay(self.db, self.kafka, "test").run())

    def consumer(self, topic: Topic[Any], handler: Handler | None = None, *, copy: bool = False) -> Consumer:
        """A consumer whose handler notes each event, unless given another."""
        return Consumer(self.db, "billing-intake", topic, handler or note, copy=copy)

    @asynccontextmanager
    async def reading(
        self, *consumers: Consumer, kafka: str | None = None, group: str | None = None
    ) -> AsyncIterator[Subscriptions]:
        """These consumers on the broker, for the length of a block."""
        group = group or f"g{secrets.token_hex(4)}"
        subscriptions = Subscriptions(self.db, kafka or self.kafka, "test", group, consumers)
        await subscriptions.start()
        try:
            yield subscriptions
        finally:
            await subscriptions.stop()

    async def noted(self) -> list[str]:
        """What the handler noted, in order."""
        return [row["said"] for row in await self.rows("select said from noted order by id")]

    async def noted_are(self, *said: str) -> None:
        """Wait until exactly this was noted, in this order."""

        async def all_there() -> bool:
            return len(await self.noted()) >= len(said)

        await eventually(all_there)
        assert await self.noted() == list(said)

    async def rows(self, query: str, *args: Any) -> list[Any]:
        """What the all-tenants login sees."""
        async with self.db.all_tenants() as tx:
            return list(await tx._connection.fetch(query, *args))

    async def as_owner(self, statement: str) -> None:
        """Change the schema."""
        owner = await asyncpg.connect(self.urls.owner)
        try:
            await owner.execute(statement)
        finally:
            await owner.close()

    async def published(self, topic: Topic[Any]) -> list[ConsumerRecord]:
        """All that lies in a topic now, a partition after the other."""
        return await published(self.kafka, topic)


async def note(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    await tx.execute_many(
        "insert into noted (tenant_id, subject, said, event_id) values ($1, $2, $3, $4)",
        [(event.tenant_id, event.subject, event.data.name, str(event.id)) for event in events],
    )


async def send(
    kafka: str, topic: Customers, *records: tuple[bytes | None, list[tuple[str, bytes]]], partition: int = 0
) -> list[int]:
    """Put records into a topic past the relay; their offsets."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        sent = [
            await producer.send(topic.name, value=value, key=b"k", headers=headers, partition=partition)
            for value, headers in records
        ]
        return [(await one).offset for one in sent]
    finally:
        await producer.stop()


async def published(kafka: str, topic: Topic[Any]) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord] = []
        while any([await consumer.position(at) < end for at, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += batch
        return sorted(found, key=lambda one: (one.partition, one.offset))
    finally:
        await consumer.stop()
