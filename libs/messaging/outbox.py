"""Facts to be told: written in the transaction of the change they tell of, published by the relay."""

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from contracts.envelope import Data, Event
from contracts.topics import Topic
from contracts.values import TenantId
from storage import Transaction, named_queries

DataT = TypeVar("DataT", bound=Data)

# A record must fit the broker's and the producer's 1 MiB with key, headers and framing.
MOST_BYTES = 1_000_000
SIGNAL = "outbox"

sql = named_queries(__package__, "outbox.sql")


class FactTooLargeError(ValueError):
    """A fact that no broker would take; refused before the change it tells of is committed."""


@dataclass(frozen=True, slots=True)
class Fact(Generic[DataT]):
    """Something to be told: whose, of which entity (the record key's part after the tenant), and what."""

    tenant_id: TenantId
    entity: str
    data: DataT
    correlation_id: str = ""
    causation_id: str = ""

    @property
    def key(self) -> str:
        """The record key: entities of two tenants never share one."""
        return f"{self.tenant_id}:{self.entity}"


async def add(tx: Transaction, topic: Topic[DataT], facts: Sequence[Fact[DataT]]) -> None:
    """Have these facts published after the commit, in this order.

    The caller has locked the aggregate they tell of, so that one entity's facts are committed in the order of their
    ids. Of several facts of one key on a compacted topic the last counts. FactTooLargeError over 1,000,000 bytes.
    """
    if not facts:
        return
    micros = time.time_ns() // 1000
    versions: dict[tuple[str, str], int] = {}
    if topic.compacted:
        # Sorted, so that two transactions that state the same keys cannot deadlock.
        newest = dict(sorted({(fact.tenant_id, fact.key): fact for fact in facts}.items()))
        facts = list(newest.values())
        rows = await tx.fetch(
            _Stated,
            sql["state"],
            topic.name,
            micros,
            [fact.tenant_id for fact in facts],
            [fact.key for fact in facts],
            [fact.data.model_dump(mode="json") for fact in facts],
        )
        versions = {(row.tenant_id, row.key): row.version for row in rows}
    now, event = datetime.now(UTC), Event[DataT]
    random = os.urandom(16 * len(facts))  # one call for all ids: each by itself costs as much as the fact's JSON
    events = [
        event.model_construct(
            id=UUID(bytes=random[16 * number : 16 * number + 16], version=4),
            type=topic.type,
            version=topic.version,
            entity_version=versions.get((fact.tenant_id, fact.key), micros),
            tenant_id=fact.tenant_id,
            subject=fact.entity,
            occurred_at=now,
            correlation_id=fact.correlation_id,
            causation_id=fact.causation_id,
            data=fact.data,
        )
        for number, fact in enumerate(facts)
    ]
    values = [each.model_dump_json(serialize_as_any=True).encode() for each in events]
    for fact, value in zip(facts, values, strict=True):
        if len(value) > MOST_BYTES:
            raise FactTooLargeError(f"{topic.name} {fact.key}: {len(value)} bytes, at most {MOST_BYTES}")
    await tx.execute(
        sql["add"],
        topic.name,
        [fact.tenant_id for fact in facts],
        [fact.key for fact in facts],
        [str(event.id) for event in events],
        values,
    )
    tx.signal(SIGNAL)


async def add_selected(
    tx: Transaction, topic: Topic[Any], tenant_id: TenantId, correlation_id: str, query: str, *args: Any
) -> int:
    """Have a fact published for each row of `query`, which gives `entity` and `data` (json), in its order; how many.

    For bulk loads onto topics that are not compacted: the rows never leave PostgreSQL, which halves an import's time.
    `query` is SQL of ours; its parameters start at $6. What `data` says is the caller's to test against the contract.
    """
    if topic.compacted:
        raise ValueError(f"{topic.name} is compacted: its facts need versions, use add()")
    micros = time.time_ns() // 1000
    head = sql["add_selected"]
    added = await tx.execute(
        head.replace("/* query */", query), tenant_id, topic.name, topic.type, micros, correlation_id, *args
    )
    tx.signal(SIGNAL)
    return added


@dataclass(frozen=True, slots=True)
class _Stated:
    tenant_id: TenantId
    key: str
    version: int


async def publishing(tx: Transaction, reached: Mapping[tuple[str, int], int]) -> int:
    """Note how far Kafka has what this service published, by topic and partition; how many of these are news."""
    if not reached:
        return 0
    rows = [(*at, reached[at]) for at in sorted(reached)]
    return await tx.execute(sql["published_to"], *(list(column) for column in zip(*rows, strict=True)))


async def published_offsets(tx: Transaction) -> dict[tuple[str, int], int]:
    """By topic and partition, the offset after the last fact that was noted."""
    return {(row.topic, row.partition): row.next_offset for row in await tx.fetch(_Published, sql["published_offsets"])}


async def knows(tx: Transaction, event_ids: Collection[str]) -> bool:
    """Whether all these facts are in the outbox."""
    return bool(await tx.value(sql["count_known"], list(event_ids)) == len(set(event_ids)))


@dataclass(frozen=True, slots=True)
class _Published:
    topic: str
    partition: int
    next_offset: int
