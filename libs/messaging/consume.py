"""From a batch of records to committed effects: one transaction with inbox, effect, outbox and offsets."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog
from opentelemetry import trace
from prometheus_client import Counter
from pydantic import ValidationError

from contracts.envelope import Event
from contracts.topics import Topic
from contracts.values import TenantId
from messaging import dead_letters
from messaging.records import NOBODY, Record, next_offsets
from storage import Database, Transaction, named_queries, refused_data

Handler: TypeAlias = Callable[[Transaction, Sequence[Event[Any]]], Awaitable[None]]

log = structlog.get_logger()
sql = named_queries(__package__, "consume.sql")
tracer = trace.get_tracer(__name__)

# A code change that breaks every event would otherwise empty a topic into the dead letters.
MOST_POISON_IN_A_ROW = 100

HANDLED = Counter(
    "events_handled_total", "Events with their effect committed. Flat while lag grows: see the log.", ["topic"]
)
REPEATED = Counter(
    "events_repeated_total", "Redelivered events without a second effect. Normal after restarts.", ["topic"]
)
PAUSED = Counter(
    "consumer_paused_total", "Consumers stopped by poison in a row. Any: mend the cause, then resume.", ["topic"]
)


class PoisonError(ValueError):
    """For handlers: the event's data is wrong, and will be wrong the next time too."""


class ConsumerPausedError(Exception):
    """The consumer of a topic waits for a person."""


@dataclass(frozen=True, slots=True)
class _Bad:
    record: Record
    reason: str
    detail: str


def poison(error: BaseException) -> tuple[str, str] | None:
    """Reason and detail when the data is to blame, None when waiting or repairing our code is the answer.

    A ValueError says that the data is wrong: it does not decode, fails its schema or a rule of a handler.
    """
    if (state := refused_data(error)) is not None:
        return f"refused by the database ({state})", f"{type(error).__name__}: {error}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8", str(error)
    if isinstance(error, ValidationError):
        # Without the values: the reason travels to dashboards, the bytes stay in the dead letter.
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        return "refused by its schema", "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in wrong)
    if isinstance(error, ValueError):
        return "refused by its schema", str(error)
    return None


class Consumer:
    """Handles one topic for one service: whatever arrives is committed exactly once, or kept as a dead letter."""

    def __init__(
        self, db: Database, service: str, topic: Topic[Any], handler: Handler | None, *, copy: bool = False
    ) -> None:
        if copy and not topic.compacted:
            raise ValueError(f"{topic.name} is not compacted: it has no current state to copy")
        self.topic = topic
        self._db = db
        self._service = service
        self._handler = handler
        self._copy = copy
        self._poison_in_a_row = 0

    async def handle(self, records: Sequence[Record]) -> None:
        """Commit the effect of all records, in order; a culprit is found by halving and becomes a dead letter.

        Raises what is neither the data's fault nor repaired by waiting inside a statement: the caller backs off.
        """
        parts = deque([records])
        while parts:
            part = parts.popleft()
            try:
                with tracer.start_as_current_span(f"handle {self.topic.name}", attributes={"records": len(part)}):
                    await self._commit(part)
            except Exception as error:
                found = poison(error)
                if found is None:
                    raise
                if len(part) == 1:
                    await self._bury(_Bad(part[0], *found))
                else:
                    middle = len(part) // 2
                    parts.extendleft((part[middle:], part[:middle]))

    async def replay(self, tx: Transaction, record: Record) -> None:
        """Hand one dead letter's bytes to the handler; ValueError where they are still wrong."""
        event = self._decode(record)
        await self._effect(tx, [event])

    async def _commit(self, records: Sequence[Record]) -> None:
        tenants = {record.tenant_id for record in records} | {NOBODY}
        async with self._db.transaction(tenants) as tx:
            await self._refuse_if_paused(tx)
            new = await self._not_handled_before(tx, records)
            events, bad = self._decode_all(new)
            for culprit in bad:
                await dead_letters.bury(tx, self._service, culprit.record, culprit.reason, culprit.detail)
            await self._effect(tx, events)
            await self._keep_offsets(tx, records)
        HANDLED.labels(self.topic.name).inc(len(events))
        REPEATED.labels(self.topic.name).inc(len(records) - len(new))
        culprits = {culprit.record.place for culprit in bad}
        await self._count_poison([record.place in culprits for record in new])

    async def _effect(self, tx: Transaction, events: Sequence[Event[Any]]) -> None:
        if self.topic.compacted:
            events = await self._newest(tx, events)
        if not events:
            return
        if self._copy:
            await tx.execute(
                sql["copy_facts"],
                self.topic.name,
                [event.tenant_id for event in events],
                [event.subject for event in events],
                [event.data.model_dump(mode="json") for event in events],
                [event.entity_version for event in events],
            )
            tx.signal(self.topic.name)
        if self._handler is not None:
            await self._handler(tx, events)

    async def _not_handled_before(self, tx: Transaction, records: Sequence[Record]) -> list[Record]:
        # Sorted, so that two consumers of the same events wait for each other instead of deadlocking.
        by_id = {(record.tenant_id, record.event_id): record for record in reversed(records)}
        keys = sorted(by_id)
        taken = await tx.fetch(_Taken, sql["take_new"], [tenant for tenant, _ in keys], [event for _, event in keys])
        new = {(row.tenant_id, row.event_id) for row in taken}
        return [r for r in records if (key := (r.tenant_id, r.event_id)) in new and by_id[key] is r]

    def _decode(self, record: Record) -> Event[Any]:
        if record.value is None:
            raise PoisonError("the record has no value; deletions are facts, not tombstones")
        event = self.topic.decode(record.value)
        if event.tenant_id != record.tenant_id:
            raise PoisonError(f"the tenant inside ({event.tenant_id}) is not the header's ({record.tenant_id})")
        return event

    def _decode_all(self, records: Sequence[Record]) -> tuple[list[Event[Any]], list[_Bad]]:
        events: list[Event[Any]] = []
        bad: list[_Bad] = []
        for record in records:
            try:
                events.append(self._decode(record))
            except ValueError as error:
                reason, detail = poison(error) or ("", "")
                bad.append(_Bad(record, reason, detail))
        return events, bad

    async def _newest(self, tx: Transaction, events: Sequence[Event[Any]]) -> list[Event[Any]]:
        latest: dict[tuple[TenantId, str], Event[Any]] = {}
        for event in events:
            known = latest.get((event.tenant_id, event.subject))
            if known is None or known.entity_version < event.entity_version:
                latest[event.tenant_id, event.subject] = event
        keys = sorted(latest)
        newer = await tx.fetch(
            _Seen,
            sql["take_newer"],
            self.topic.name,
            [tenant for tenant, _ in keys],
            [subject for _, subject in keys],
            [latest[key].entity_version for key in keys],
        )
        taken = {(row.tenant_id, row.key) for row in newer}
        return [event for key, event in latest.items() if key in taken]

    async def _keep_offsets(self, tx: Transaction, records: Sequence[Record]) -> None:
        after = next_offsets(records)
        await tx.execute(sql["keep_offsets"], self.topic.name, list(after), list(after.values()))

    async def _bury(self, bad: _Bad) -> None:
        async with self._db.transaction({bad.record.tenant_id, NOBODY}) as tx:
            if await self._not_handled_before(tx, [bad.record]):
                await dead_letters.bury(tx, self._service, bad.record, bad.reason, bad.detail)
            await self._keep_offsets(tx, [bad.record])
        log.error("consumer.dead_letter", place=bad.record.place, reason=bad.reason)
        await self._count_poison([True])

    async def _count_poison(self, poisonous: Sequence[bool]) -> None:
        most = 0
        for bad in poisonous:
            self._poison_in_a_row = self._poison_in_a_row + 1 if bad else 0
            most = max(most, self._poison_in_a_row)
        if most < MOST_POISON_IN_A_ROW:
            return
        reason = f"{most} records in a row could not be handled"
        async with self._db.transaction(()) as tx:
            await tx.execute(sql["pause_consumer"], self.topic.name, reason)
        self._poison_in_a_row = 0
        PAUSED.labels(self.topic.name).inc()
        log.error("consumer.paused", topic=self.topic.name, reason=reason)

    async def _refuse_if_paused(self, tx: Transaction) -> None:
        reason = await tx.value(sql["consumer_pause"], self.topic.name)
        if reason is not None:
            raise ConsumerPausedError(reason)


async def resume(tx: Transaction, topic: str) -> bool:
    """Let a paused consumer go on; False where it was not paused."""
    return await tx.execute(sql["resume_consumer"], topic) > 0


async def offsets(db: Database, topic: str) -> Mapping[int, int]:
    """Where each partition of the topic is to be read from, by this service's own account."""
    async with db.all_tenants() as tx:
        rows = await tx.fetch(_Offset, sql["offsets"], topic)
    return {row.partition: row.next_offset for row in rows}


@dataclass(frozen=True, slots=True)
class _Offset:
    partition: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class _Taken:
    tenant_id: TenantId
    event_id: str


@dataclass(frozen=True, slots=True)
class _Seen:
    tenant_id: TenantId
    key: str
