"""Copies of other services' facts: when they are complete, and how they are read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.envelope import Data
from contracts.topics import Topic
from contracts.values import TenantId
from messaging.consume import offsets
from storage import Database, Transaction, is_lost_connection, named_queries

DataT = TypeVar("DataT", bound=Data)

log = structlog.get_logger()
sql = named_queries(__package__, "copies.sql")


async def complete(db: Database, bootstrap: str, topics: Sequence[Topic[Any]]) -> None:
    """Return once the copies hold all that the topics held when this was called: workers start after it.

    A worker that starts on half a copy would find no mapping where there is one.
    """
    ends: dict[TopicPartition, int] | None = None
    while topics:
        try:
            if ends is None:
                ends = await _ends(bootstrap, topics)
            kept = {topic.name: await offsets(db, topic.name) for topic in topics}
            if all(kept[at.topic].get(at.partition, 0) >= end for at, end in ends.items()):
                return
        except Exception as error:
            if not (isinstance(error, KafkaError) or is_lost_connection(error)):
                raise
            log.warning("copies.waiting", error=type(error).__name__)
        await asyncio.sleep(0.1)


async def _ends(bootstrap: str, topics: Sequence[Topic[Any]]) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    try:
        await consumer.start()
        partitions = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
        starts = await consumer.beginning_offsets(partitions)
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return {at: end for at, end in ends.items() if end > starts[at]}
    finally:
        await consumer.stop()


async def of_tenant(tx: Transaction, topic: Topic[DataT], tenant_id: TenantId) -> list[DataT]:
    """All facts of a topic about a tenant, by key."""
    rows = await tx.column(sql["of_tenant"], tenant_id, topic.name)
    return [topic.data.model_validate(row) for row in rows]


async def one(tx: Transaction, topic: Topic[DataT], tenant_id: TenantId, entity: str) -> DataT | None:
    """One entity's fact, or None."""
    row = await tx.value(sql["one"], tenant_id, topic.name, entity)
    return None if row is None else topic.data.model_validate(row)


async def some(tx: Transaction, topic: Topic[DataT], tenant_id: TenantId, entities: Sequence[str]) -> dict[str, DataT]:
    """The facts of these entities by entity; those that are not known are missing."""
    rows = await tx.fetch(_Row, sql["some"], tenant_id, topic.name, list(entities))
    return {row.key: topic.data.model_validate(row.data) for row in rows}


async def tenants(tx: Transaction, topic: Topic[Any]) -> list[TenantId]:
    """The tenants of which there is any fact; for workers, in a transaction of all tenants."""
    return [TenantId(row) for row in await tx.column(sql["tenants"], topic.name)]


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    data: Any
