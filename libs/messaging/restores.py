"""Kafka as a witness that the database is older than what was done with it."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts.topics import Topic
from messaging.consume import offsets, sql
from messaging.records import group_of
from storage import Database, installation, is_lost_connection

log = structlog.get_logger()


async def notice(db: Database, bootstrap: str, group: str, topics: Iterable[Topic[Any]]) -> None:
    """Count a restore where Kafka says that more was handled than PostgreSQL knows; waits for both.

    Kafka's offsets are committed after PostgreSQL's, so they are never ahead of a database that lost nothing. To be
    called before the first record is read: then PostgreSQL catches up and the trace is gone. Compacted topics have gaps
    in their offsets, prove nothing and are left out, as is what retention has passed over.
    """
    plain = [topic.name for topic in topics if not topic.compacted]
    while plain:
        try:
            for topic, committed in (await _committed(bootstrap, group, plain)).items():
                await _compare(db, topic, committed)
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
