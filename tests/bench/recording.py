"""Kafka to recorded lines: events of 50 tenants, mixed, through consumer, inbox and handler into PostgreSQL."""

import asyncio
import time
from datetime import date
from decimal import Decimal
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY

import delivery
import invoice_push
import messaging
import storage
from contracts import topics
from contracts.envelope import Event
from contracts.events import InvoiceLineReceived
from contracts.values import ChargeKind, Currency, DocumentId, LineIdentity, Motion, RunId, TenantId
from devstack.engines import Engines
from devstack.topics import say_topics
from invoice_push.handlers import lines_received
from messaging import Consumer, Subscriptions
from tests.bench.ground import Figure, database

LINES = 20_000
TENANTS = 50


async def measure(engines: Engines) -> list[Figure]:
    """Lines a second, and a second of this process's CPU: new ones, and the same ones once more."""
    await say_topics(engines.kafka, lambda _: None)
    async with database(engines.postgres, "bench_record", (storage, messaging, delivery, invoice_push)) as (db, _):
        await _produce(engines.kafka)
        consumer = Consumer(db, "invoice-push", topics.INVOICE_LINES, lines_received)
        subscriptions = Subscriptions(db, engines.kafka, "bench", f"bench-{uuid4().hex[:6]}", [consumer])
        began, cpu = time.perf_counter(), time.process_time()
        await subscriptions.start()
        async with asyncio.timeout(120):
            while await _recorded(db) < LINES:  # noqa: ASYNC110 (what ends it is a row count)
                await asyncio.sleep(0.05)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        await subscriptions.stop()
        again, again_cpu = await _redelivered(db, engines.kafka, consumer)
    return [
        Figure(
            "Kafka to recorded lines, 50 tenants a batch",
            LINES / seconds,
            4_000,
            "lines/s",
            f"{LINES} lines in {seconds:.1f} s, joining the group included; {LINES / cpu:,.0f} a second of our own CPU",
        ),
        Figure(
            "lines done already, delivered again",
            LINES / again_cpu,
            15_000,
            "lines/s",
            f"of one core's CPU; {LINES} lines in {again:.1f} s, joining the group included",
        ),
    ]


async def _redelivered(db: storage.Database, kafka: str, consumer: Consumer) -> tuple[float, float]:
    """All of it from the topic's start, as after offsets were lost; seconds, and those of this process's CPU."""
    async with db.all_tenants() as tx:
        await tx.execute("delete from consumed_offset")
    before = _repeated()
    began, cpu = time.perf_counter(), time.process_time()
    subscriptions = Subscriptions(db, kafka, "bench", f"bench-{uuid4().hex[:6]}", [consumer])
    await subscriptions.start()
    async with asyncio.timeout(120):
        while _repeated() - before < LINES:  # noqa: ASYNC110 (what ends it is a counter)
            await asyncio.sleep(0.05)
    took = time.perf_counter() - began, time.process_time() - cpu
    await subscriptions.stop()
    return took


def _repeated() -> float:
    return REGISTRY.get_sample_value("events_repeated_total", {"topic": topics.INVOICE_LINES.name}) or 0.0


async def _recorded(db: storage.Database) -> int:
    async with db.all_tenants() as tx:
        return int(await tx.value("select count(*) from line"))


async def _produce(kafka: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=20, compression_type="zstd")
    await producer.start()
    try:
        sent = []
        for number in range(LINES):
            event = _event(number)
            headers = [("id", str(event.id).encode()), ("tenant", event.tenant_id.encode())]
            key = f"{event.tenant_id}:{event.subject}".encode()
            sent.append(
                await producer.send(
                    topics.INVOICE_LINES.name, event.model_dump_json().encode(), key=key, headers=headers
                )
            )
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _event(number: int) -> Event[InvoiceLineReceived]:
    line = InvoiceLineReceived(
        identity=LineIdentity(f"bench:{number}"),
        document_id=DocumentId("bench:G1:USD"),
        document_version=1,
        run_id=RunId("bench"),
        source="microsoft-nce",
        file="bench.csv",
        row=number,
        customer_key=f"microsoft-nce:p:{number % 997}",
        customer_name=f"Customer {number % 997}",
        product_key="SKU:P1M:monthly:::USD",
        product_name="Product",
        kind=ChargeKind.CYCLE,
        raw_kind="cycleCharge",
        motion=Motion.SEAT_MONTHLY,
        period_start=date(2026, 10, 1),
        period_end=date(2026, 11, 1),
        quantity=Decimal(3),
        list_unit=Decimal("17.60"),
        effective_unit=Decimal("17.60"),
        cost=Decimal("52.80"),
        tax=Decimal(0),
        currency=Currency("USD"),
    )
    return Event[InvoiceLineReceived](
        type=topics.INVOICE_LINES.type,
        tenant_id=TenantId(f"bench-{number % TENANTS}"),
        subject=line.customer_key,
        data=line,
    )
