"""Kafka as a witness that the database is older than what was done with it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts.topics import Topic
from messaging import outbox
from messaging.consume import offsets, sql
from messaging.records import SOURCE, group_of
from storage import Database, installation, is_lost_connection

log = structlog.get_logger()


async def notice(db: Database, bootstrap: str, service: str, group: str, topics: Iterable[Topic[Any]]) -> None:
    """Count a restore where Kafka has more of `service` than PostgreSQL knows of; waits for both.

    Handled: Kafka's offsets are committed after PostgreSQL's, so they are never ahead of a database that lost nothing.
    Compacted topics have gaps in their offsets, prove nothing and are left out, as is what retention has passed over.
    Told: every fact is in the outbox before it is in Kafka.

    To be called before the first record is read or published: then PostgreSQL catches up and the trace is gone.
    """
    plain = [topic.name for topic in topics if not topic.compacted]
    while True:
        try:
            if plain:
                for topic, committed in (await _committed(bootstrap, group, plain)).items():
                    await _compare(db, topic, committed)
            await _look_for_forgotten(db, bootstrap, service)
        except Exception as error:
            if not (isinstance(error, KafkaError) or is_lost_connection(error)):
                raise
            log.warning("restores.waiting", error=type(error).__name__)
            await asyncio.sleep(1)
        else:
            return


async def _committed(bootstrap: str, group: str, topics: Iterable[str]) -> dict[str, dict[int, tuple[int, int]]]:
    """By topic and partition: what the group has committed, and where the topic begins."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        await consumer.start()
        found: dict[str, dict[int, tuple[int, int]]] = {}
        for topic in topics:
            kept = await admin.list_consumer_group_offsets(group_of(group, topic))
            committed = {at: kept[at].offset for at in kept if at.topic == topic and kept[at].offset >= 0}
            begins: dict[TopicPartition, int] = await consumer.beginning_offsets(list(committed)) if committed else {}
            found[topic] = {at.partition: (offset, begins[at]) for at, offset in committed.items()}
        return found
    finally:
        await consumer.stop()
        await admin.close()


async def _compare(db: Database, topic: str, committed: Mapping[int, tuple[int, int]]) -> None:
    kept = await offsets(db, topic)
    accounted = [max(kept.get(partition, 0), begin) for partition, (_, begin) in committed.items()]
    async with db.all_tenants() as tx:
        seen = [offset for offset, _ in committed.values()]
        if await tx.column(sql["notice_ahead"], topic, list(committed), seen, accounted):
            await installation.restored(tx, f"Kafka has seen more of {topic} handled than this database knows")


async def _look_for_forgotten(db: Database, bootstrap: str, service: str) -> None:
    async with db.all_tenants() as tx:
        known = await outbox.published_offsets(tx)
    if not known:
        return  # nothing was ever published, as far as anybody can tell
    partitions = await _partitions(bootstrap, {topic for topic, _ in known})
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    try:
        await consumer.start()
        ends = await _behind(consumer, partitions, known)
        forgotten = False
        async for ids in _told(consumer, ends, service):
            async with db.all_tenants() as tx:
                if forgotten := not await outbox.knows(tx, ids):
                    break
    finally:
        await consumer.stop()
    reached = {(at.topic, at.partition): end for at, end in ends.items()}
    async with db.all_tenants() as tx:
        # Once: whoever looks next begins where this look has ended.
        if await outbox.publishing(tx, reached) and forgotten:
            await installation.restored(tx, "Kafka has facts of this service that this database does not know")


async def _behind(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], known: Mapping[tuple[str, int], int]
) -> dict[TopicPartition, int]:
    """Where the partitions end that go on after what is known; the consumer stands there where that is."""
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    starts = {at: max(known.get((at.topic, at.partition), 0), begins[at]) for at in partitions}
    behind = {at: end for at, end in ends.items() if starts[at] < end}
    consumer.assign(list(behind))
    for at in behind:
        consumer.seek(at, starts[at])
    return behind


async def _partitions(bootstrap: str, topics: Iterable[str]) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        found = await admin.describe_topics(list(topics))
        return [TopicPartition(one["topic"], part["partition"]) for one in found for part in one["partitions"]]
    finally:
        await admin.close()


async def _told(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], service: str
) -> AsyncIterator[list[str]]:
    """The ids of the service's own facts up to these ends, a batch at a time."""
    left = set(ends)
    while left:
        found = await consumer.getmany(timeout_ms=100)
        mine = [dict(record.headers) for records in found.values() for record in records]
        ids = [said.get("id", b"").decode(errors="replace") for said in mine if said.get(SOURCE) == service.encode()]
        if ids:
            yield ids
        left = {at for at in left if await consumer.position(at) < ends[at]}
