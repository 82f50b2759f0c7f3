"""The one place that knows FastStream: subscribers that lose nothing, started from PostgreSQL's offsets."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker, KafkaMessage
from prometheus_client import Gauge

from messaging.consume import Consumer, offsets
from messaging.records import Record, group_of
from storage import Database, is_lost_connection

log = structlog.get_logger()

BATCH = 500
# A back-off must stay far below max.poll.interval (300 s): the handler returns, the consumer polls, so the member
# stays in its group and the batch comes again from where it was.
LONGEST_BACKOFF = 5.0
NO_ASSIGNMENT_IS_DEAD = 300.0
NO_POLL_IS_DEAD = 120.0

CONSUMING = Gauge("consumer_partitions", "Partitions this process reads. 0 for long: is the group healthy?", ["topic"])


class LossySubscriberError(Exception):
    """A subscriber whose settings would lose messages; the process does not start with one."""


def refuse_lossy(broker: KafkaBroker) -> None:
    """Raise LossySubscriberError unless every subscriber keeps what it has not handled.

    FastStream's defaults acknowledge first, and a policy set on the broker does not reach every subscriber.
    """
    for subscriber in broker.subscribers:
        settings: Any = subscriber
        committed = settings._connection_args  # noqa: SLF001 (no public view of it; a test fails when it moves)
        if (
            settings.ack_policy is not AckPolicy.NACK_ON_ERROR
            or committed.get("enable_auto_commit", True)
            or committed.get("auto_offset_reset") != "earliest"
            or not settings.group_id
        ):
            raise LossySubscriberError(f"the subscriber of {settings.topic_names} would lose messages")


class Subscriptions:
    """All topics of a service, each with its own subscriber and group."""

    def __init__(
        self,
        db: Database,
        bootstrap: str,
        client_id: str,
        group: str,
        consumers: Sequence[Consumer],
        *,
        session_seconds: float = 45.0,
    ) -> None:
        self._broker = KafkaBroker(
            bootstrap,
            client_id=client_id,
            allow_auto_create_topics=False,
            consumer_only=True,  # its own producer and admin would be left open by each failed start
            graceful_timeout=30,
            apply_types=False,
            logger=None,
        )
        self.readers = [
            _Reader(db, self._broker, group_of(group, consumer.topic.name), consumer, session_seconds)
            for consumer in consumers
        ]
        refuse_lossy(self._broker)

    async def start(self) -> None:
        """Join the groups and begin to read; a broker that is away is waited for."""
        backoff = 0.2
        while True:
            try:
                await self._broker.start()
            except (OSError, KafkaError) as error:
                log.warning("kafka.waiting", error=type(error).__name__)
                await self._broker.stop()
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)
            else:
                return

    async def stop(self) -> None:
        """Finish what is in hand, leave the groups."""
        await self._broker.stop()

    def stuck(self) -> str | None:
        """Why this process should be restarted: a reader that neither polls nor backs off; None while all move."""
        return next((reason for reader in self.readers if (reason := reader.stuck()) is not None), None)


class _Reader(ConsumerRebalanceListener):  # type: ignore[misc]
    """One subscriber: bytes in, `Consumer.handle`, back-off in place."""

    def __init__(
        self, db: Database, broker: KafkaBroker, group: str, consumer: Consumer, session_seconds: float
    ) -> None:
        self._db = db
        self._consumer = consumer
        self._backoff = 0.0
        self._unassigned_since = time.monotonic()
        self._busy_since = time.monotonic()
        self.group = group
        self.topic = consumer.topic.name
        self._subscriber = broker.subscriber(
            self.topic,
            batch=True,
            max_records=BATCH,
            group_id=group,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            auto_offset_reset="earliest",
            listener=self,
            parser=_parse,
            decoder=_decode,
            session_timeout_ms=round(session_seconds * 1000),
            heartbeat_interval_ms=round(min(session_seconds / 3, 3) * 1000),
            max_poll_interval_ms=300_000,
            isolation_level="read_committed",
            batch_timeout_ms=200,
        )
        self._subscriber(self._on_batch)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing is in hand here: a batch is handled between two polls."""

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Start from PostgreSQL's offsets: they were stored with the effect, Kafka's are for lag only."""
        consumer: AIOKafkaConsumer = self._subscriber.consumer
        # Before anything is awaited: a record read from Kafka's own offset meanwhile would move PostgreSQL's past
        # those it has forgotten.
        consumer.pause(*assigned)
        self._unassigned_since = time.monotonic()
        CONSUMING.labels(self.topic).set(len(assigned))
        if not assigned:
            return
        for partition, at in (await self._waited(lambda: self._starts(consumer, assigned))).items():
            consumer.seek(partition, at)
        consumer.resume(*assigned)

    async def _waited(self, ask: Callable[[], Awaitable[Mapping[TopicPartition, int]]]) -> Mapping[TopicPartition, int]:
        while True:
            try:
                return await ask()
            except Exception as error:
                # Any other is logged by aiokafka, and the partitions stay paused: `stuck` then says so.
                if not (is_lost_connection(error) or isinstance(error, KafkaError)):
                    raise
                log.warning("consumer.offsets_waiting", topic=self.topic, error=type(error).__name__)
                self._busy_since = time.monotonic()
                await asyncio.sleep(1)

    async def _starts(
        self, consumer: AIOKafkaConsumer, assigned: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        kept = await offsets(self._db, self.topic)
        ends = await consumer.end_offsets(assigned)
        starts: dict[TopicPartition, int] = await consumer.beginning_offsets(assigned)
        for partition, start in starts.items():
            at = kept.get(partition.partition, start)
            # Past the end: the topic was made anew. Before the start: retention has passed over it.
            if start <= at <= ends[partition]:
                starts[partition] = at
            else:
                log.warning("consumer.offset_gone", topic=self.topic, partition=partition.partition, offset=at)
        return starts

    async def _on_batch(self, records: Sequence[Record]) -> None:
        self._busy_since = time.monotonic()
        try:
            await self._consumer.handle(records)
        except Exception as error:
            # Whatever it is, nothing is lost: the batch is rewound and comes again after the back-off.
            self._backoff = min(max(self._backoff * 2, 0.1), LONGEST_BACKOFF)
            report = log.warning if is_lost_connection(error) else log.exception
            report("consumer.backoff", topic=self.topic, error=type(error).__name__, seconds=self._backoff)
            await asyncio.sleep(self._backoff)
            raise NackMessage from error
        self._backoff = 0.0

    def stuck(self) -> str | None:
        """Why this reader makes no progress, or None while it does."""
        consumer = self._subscriber.consumer
        now = time.monotonic()
        if consumer is None:
            return None
        assigned = consumer.assignment()
        if not assigned:
            idle = now - self._unassigned_since
            return f"{self.topic}: no partition assigned for {idle:.0f} s" if idle > NO_ASSIGNMENT_IS_DEAD else None
        self._unassigned_since = now
        polled = [consumer.last_poll_timestamp(partition) for partition in assigned]
        last = max((stamp for stamp in polled if stamp), default=0) / 1000
        since = min(time.time() - last, now - self._busy_since)
        return f"{self.topic}: not polled for {since:.0f} s" if since > NO_POLL_IS_DEAD else None


async def _parse(records: Sequence[Any], original: Callable[..., Awaitable[KafkaMessage]]) -> KafkaMessage:
    # FastStream's parser decodes headers as UTF-8 and would skip a whole batch for one that is not: it gets none.
    message = await original(tuple(replace(record, headers=()) for record in records))
    message.raw_message = tuple(records)
    return message


async def _decode(message: KafkaMessage) -> Any:
    raw: Any = message.raw_message
    return [Record(r.topic, r.partition, r.offset, r.key, r.value, tuple(r.headers)) for r in raw]
