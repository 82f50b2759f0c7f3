"""The one relay of a service: takes committed facts from the outbox to Kafka, in order, until each is acknowledged."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    RecordListTooLargeError,
)
from aiokafka.structs import RecordMetadata
from prometheus_client import Counter, Gauge

from contracts.topics import BY_NAME
from contracts.values import TenantId
from messaging.outbox import SIGNAL, publishing, sql
from messaging.records import SOURCE
from storage import Database, Session, is_lost_connection

log = structlog.get_logger()

BATCH = 500
POLL_SECONDS = 0.2  # what is found without a wake-up: facts of other processes of this service
LONGEST_BACKOFF = 10.0
PATIENCE = 5.0  # seconds without an answer of Kafka after which this is said
_LOCK = "messaging.relay"

PUBLISHED = Counter("outbox_published_total", "Facts acknowledged by Kafka. Flat while the backlog grows: see the log.")
BACKLOG = Gauge("outbox_backlog", "Facts not yet published. Growing: is Kafka reachable, is a key parked?")
OLDEST = Gauge("outbox_oldest_seconds", "Age of the oldest unpublished fact. Over a minute: others act on old news.")
PARKED = Counter("outbox_parked_total", "Keys parked because Kafka refuses a fact for good. Any: read its reason.")

# Kafka refuses these for good; waiting would stop every other key.
_PERMANENT = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError)


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    tenant_id: TenantId
    topic: str
    key: str
    event_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class _Backlog:
    facts: int
    oldest_seconds: float | None


class Relay:
    """Publishes as long as it holds the service's relay lock; other replicas' relays wait for that lock.

    One relay, because parallel ones break the order of a key (measured). Rows are read and marked on the session
    that holds the lock, so a relay that lost the lock can do neither.
    """

    def __init__(self, db: Database, bootstrap: str, client_id: str) -> None:
        self._db = db
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._wake = asyncio.Event()
        self.waiting: str | None = None
        db.on_signal(SIGNAL, self._wake.set)

    async def run(self) -> None:
        """Publish until cancelled; a lost broker, session or lock is waited for."""
        backoff = POLL_SECONDS
        while True:
            try:
                await self._hold_and_publish()
            except Exception as error:
                if not (isinstance(error, KafkaError) or is_lost_connection(error)):
                    raise
                self.waiting = "Kafka" if isinstance(error, KafkaError) else "the database"
                log.warning("relay.waiting", error=type(error).__name__, seconds=backoff)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)
            else:
                backoff = POLL_SECONDS

    async def _hold_and_publish(self) -> None:
        session = await self._db.session()
        try:
            while not await session.try_lock(_LOCK):  # noqa: ASYNC110 (another process holds it: no event tells us)
                await asyncio.sleep(1)
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id=self._client_id,
                acks="all",
                enable_idempotence=True,
                compression_type="zstd",
                linger_ms=5,
                max_request_size=1_048_576,
                request_timeout_ms=30_000,
            )
            try:
                await producer.start()
                self.waiting = None
                while True:
                    self._wake.clear()
                    if await self._publish_batch(session, producer) == 0:
                        await self._idle()
            except OutOfOrderSequenceNumber:
                log.warning("relay.producer_rebuilt")  # the sequence is lost with this producer; a new one starts anew
            finally:
                # Without Kafka it would flush for ever, and a process that is stopped would never end.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await producer.stop()
        finally:
            await session.close()

    async def _publish_batch(self, session: Session, producer: AIOKafkaProducer) -> int:
        async with session.transaction() as tx:
            rows = await tx.fetch(_Row, sql["pending"], BATCH)
        if not rows:
            return 0
        published: list[int] = []
        reached: dict[tuple[str, int], int] = {}
        parked: list[tuple[_Row, Exception]] = []
        failed: Exception | None = None
        # What follows a failed fact of the same key is not marked: it goes out again after it, so that the last
        # record of a key is its last fact.
        held: set[tuple[str, str]] = set()
        sent = await self._send_all(producer, rows)
        await self._answered([future for _, future in sent])
        for row, future in sent:
            try:
                lies = await future
                if (row.topic, row.key) not in held:
                    published.append(row.id)
                    reached[row.topic, lies.partition] = lies.offset + 1
            except _PERMANENT as error:
                if (row.topic, row.key) not in held:
                    parked.append((row, error))
                held.add((row.topic, row.key))
            except KafkaError as error:
                failed = failed or error
                held.add((row.topic, row.key))
        async with session.transaction() as tx:
            await tx.execute(sql["mark_published"], published)
            await publishing(tx, reached)
            for row, refusal in parked:
                log.error("relay.parked", topic=row.topic, key=row.key, error=type(refusal).__name__)
                PARKED.inc()
                await tx.execute(sql["park"], row.id, f"{type(refusal).__name__}: {refusal}"[:500])
        PUBLISHED.inc(len(published))
        if failed is not None:
            raise failed
        return len(rows)

    async def _answered(self, sent: "Sequence[asyncio.Future[RecordMetadata]]") -> None:
        _, late = await asyncio.wait(sent, timeout=PATIENCE)
        if late:
            # The producer itself goes on trying, for ever and in order; a second one beside it would break the order.
            self.waiting = "Kafka"
            log.warning("relay.waiting", facts=len(late))
            await asyncio.wait(late)
            self.waiting = None

    async def _send_all(
        self, producer: AIOKafkaProducer, rows: Sequence[_Row]
    ) -> "list[tuple[_Row, asyncio.Future[RecordMetadata]]]":
        sent: list[tuple[_Row, asyncio.Future[RecordMetadata]]] = []
        refused: set[tuple[str, str]] = set()
        for row in rows:
            if (row.topic, row.key) in refused:
                continue
            try:
                future: asyncio.Future[RecordMetadata] = await producer.send(
                    row.topic,
                    value=row.value,
                    key=row.key.encode(),
                    headers=[
                        ("id", row.event_id.encode()),
                        ("tenant", row.tenant_id.encode()),
                        ("type", BY_NAME[row.topic].type.encode() if row.topic in BY_NAME else b""),
                        (SOURCE, self._client_id.encode()),
                    ],
                )
            except KafkaError as error:  # refused before it left, by size or by an unknown topic
                future = asyncio.get_running_loop().create_future()
                future.set_exception(error)
                refused.add((row.topic, row.key))
                sent.append((row, future))
                if not isinstance(error, _PERMANENT):
                    break  # the next one would wait as long for the same
            else:
                sent.append((row, future))
        return sent

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def measure(self) -> None:
        """Set the backlog's gauges, for the metrics page."""
        async with self._db.all_tenants() as tx:
            backlog = await tx.fetch_one(_Backlog, sql["backlog"])
        if backlog is not None:
            BACKLOG.set(backlog.facts)
            OLDEST.set(backlog.oldest_seconds or 0)
