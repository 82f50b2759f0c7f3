"""Records that could not be handled: kept with their reason, shown, replayed by a person."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from prometheus_client import Counter

from contracts import topics
from contracts.events import DeadLettered
from contracts.values import TenantId
from messaging import outbox
from messaging.outbox import Fact
from messaging.records import Record
from storage import Transaction, named_queries

sql = named_queries(__package__, "dead_letters.sql")

BURIED = Counter(
    "dead_letters_total",
    "Records that could not be handled. Any: `psabridge dead-letters list` shows why and replays them.",
    ["topic", "reason"],
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One such record: where it lay and why it could not be handled."""

    id: int
    tenant_id: TenantId
    topic: str
    partition: int
    record_offset: int
    reason: str
    detail: str
    created_at: datetime
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeadLetterBytes(DeadLetter):
    """The same with its original bytes."""

    record_key: bytes | None
    value: bytes | None
    headers: list[list[str]]

    def record(self) -> Record:
        """The record as it came."""
        headers = tuple((name, base64.b64decode(value)) for name, value in self.headers)
        return Record(self.topic, self.partition, self.record_offset, self.record_key, self.value, headers)


class NotReplayableError(Exception):
    """A dead letter that is not there, or was replayed before."""


async def bury(tx: Transaction, service: str, record: Record, reason: str, detail: str) -> None:
    """Keep the record with its reason and tell dashboards; the same place is buried once."""
    # A value may be missing on the wire; PostgreSQL takes no NUL in a name.
    headers = [[name.replace("\0", "\\0"), base64.b64encode(value or b"").decode()] for name, value in record.headers]
    new = await tx.value(
        sql["bury"],
        record.tenant_id,
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        headers,
        reason,
        detail[:2000].replace("\x00", "\\0"),
    )
    if new is None:
        return
    BURIED.labels(record.topic, reason).inc()
    said = DeadLettered(
        service=service,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
        detail=detail[:500].replace("\x00", "\\0"),
    )
    await outbox.add(tx, topics.dead_letters(service), [Fact(record.tenant_id, f"dead-letter-{new}", said)])


async def page(tx: Transaction, after: int, size: int) -> list[DeadLetter]:
    """One page in the order in which they came."""
    return await tx.fetch(DeadLetter, sql["dead_letters"], after, size)


async def one(tx: Transaction, letter_id: int) -> DeadLetterBytes | None:
    """One with its bytes."""
    return await tx.fetch_one(DeadLetterBytes, sql["dead_letter"], letter_id)


async def replay(
    tx: Transaction, letter_id: int, handle: Callable[[Transaction, Record], Awaitable[None]]
) -> DeadLetter:
    """Hand the original bytes to the service's own handler, once; NotReplayableError for a second time.

    What the handler raises, the caller sees: the letter then stays as it was.
    """
    letter = await tx.fetch_one(DeadLetterBytes, sql["lock_dead_letter"], letter_id)
    if letter is None:
        raise NotReplayableError(f"there is no dead letter {letter_id}")
    if letter.replayed_at is not None:
        raise NotReplayableError(f"dead letter {letter_id} was replayed on {letter.replayed_at:%Y-%m-%d %H:%M} UTC")
    await handle(tx, letter.record())
    return replace(letter, replayed_at=await tx.value(sql["mark_replayed"], letter_id))


async def poisoned(tx: Transaction, tenant_id: TenantId) -> bool:
    """Whether a configuration fact of the tenant lies among the dead letters: what it is set to is then unknown."""
    return bool(await tx.value(sql["poisoned_tenant"], tenant_id))
