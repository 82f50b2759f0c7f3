"""Kafka dies, forgets, rebalances, or has everything read again, while lines come in and are sent."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError

from contracts import topics
from contracts.envelope import Data
from contracts.events import CommandKind, InvoiceLineReceived, SyncCommand
from contracts.topics import Topic
from devstack.engines.kafka import Kafka
from devstack.state import State
from devstack.topics import provide_topics
from invoice_push.handlers import HANDLERS
from messaging import Consumer, Subscriptions
from messaging.records import group_of
from tests.factories import facts
from tests.faults.ground import Case
from tests.faults.scene import Scene
from tests.faults.test_people import AGREEMENTS, LINES, SENDS, accepted, in_mid_run, lines_of

PARTITIONS = 3
COMES_OR_GOES_EVERY = 3.0
"""Seconds."""
MEMBERS = 3
TOLD = topics.INVOICE_LINES, topics.INVOICE_SEALED, topics.SYNC_COMMANDS
APPROVED = SyncCommand(run_id=facts.RUN, command=CommandKind.APPROVE, requested_by="finance@example.org")


@dataclass
class Stream:
    """The topics that bring lines and orders, of this case only, and the readers of invoice_push."""

    case: Case
    kafka: str
    group: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self._topics = {one.name: replace(one, name=f"{self.group}.{one.name}", partitions=PARTITIONS) for one in TOLD}

    @property
    def topics(self) -> list[Topic[Any]]:
        return list(self._topics.values())

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Subscriptions]:
        """One more member of the groups."""
        consumers = [Consumer(self.case.db, "invoice-push", self._topics[one.name], HANDLERS[one]) for one in TOLD]
        readers = Subscriptions(self.case.db, self.kafka, "test", self.group, consumers, session_seconds=6)
        await readers.start()
        try:
            yield readers
        finally:
            await readers.stop()

    async def tell(self, topic: Topic[Any], *told: tuple[str, Data]) -> None:
        """Other services say something."""
        ours = self._topics[topic.name]
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, enable_idempotence=True)
        await producer.start()
        try:
            for entity, data in told:
                one = facts.record(ours, self.case.desk.tenant, entity, data)
                await producer.send(ours.name, value=one.value, key=one.key, headers=list(one.headers))
            await producer.flush()
        finally:
            await producer.stop()

    async def billed(self, lines: Sequence[InvoiceLineReceived], whole: Sequence[InvoiceLineReceived]) -> None:
        """Some lines of a document."""
        await self.tell(topics.INVOICE_LINES, *((line.customer_key, line) for line in lines))
        await self.tell(topics.INVOICE_SEALED, (whole[0].document_id, facts.sealed(whole)))

    async def approved(self) -> None:
        """Somebody approves what has come."""
        await self.tell(topics.SYNC_COMMANDS, (facts.RUN, APPROVED))

    async def known(self, lines: int) -> None:
        """Wait until so many lines have come, and nothing of them waits to be looked at."""

        async def all_ready() -> bool:
            await self.case.desk.resolve()
            stands = [line.state for line in await self.case.desk.lines()]
            return len(stands) >= lines and "received" not in stands

        await self.case.until(all_ready, f"{lines} lines have not come")

    async def queued(self, lines: int) -> None:
        """Wait until so many have been approved."""

        async def all_queued() -> bool:
            return (await self.case.states()).total() >= lines

        await self.case.until(all_queued, f"{lines} lines were not queued")

    async def forget(self) -> None:
        """Have everything read from the start by both accounts, Kafka's and PostgreSQL's; nobody may be reading."""
        for topic in self.topics:
            start = {TopicPartition(topic.name, number): 0 for number in range(topic.partitions)}
            member = AIOKafkaConsumer(bootstrap_servers=self.kafka, group_id=group_of(self.group, topic.name))
            await member.start()
            member.assign(list(start))
            await member.commit(start)
            await member.stop()
        await self.case.desk.as_owner("truncate consumed_offset")

    async def lost(self) -> None:
        """The topics are deleted and made anew."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        await admin.delete_topics([topic.name for topic in self.topics])
        names = {topic.name for topic in self.topics}

        async def gone() -> bool:
            return not names & set(await admin.list_topics())

        await self.case.until(gone, "the topics are still there")
        await admin.close()
        await provide_topics(self.kafka, self.topics)

    async def known_to_kafka(self) -> set[int | None]:
        """What Kafka itself knows of how far the topics were read."""
        known: set[int | None] = set()
        for topic in self.topics:
            member = AIOKafkaConsumer(bootstrap_servers=self.kafka, group_id=group_of(self.group, topic.name))
            await member.start()
            known |= {await member.committed(TopicPartition(topic.name, one)) for one in range(topic.partitions)}
            await member.stop()
        return known


@dataclass
class Untold(Stream):
    """Readers that get no offset committed at Kafka, as in a group that has another generation by now."""

    refused: int = 0

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Subscriptions]:
        async with super().reading() as readers:
            for consumer in consumers_of(readers):
                consumer.commit = self._refuse
            yield readers

    async def _refuse(self, *_: Any) -> None:
        self.refused += 1
        raise CommitFailedError("as ordered")


def consumers_of(readers: Subscriptions) -> list[AIOKafkaConsumer]:
    return [reader._subscriber.consumer for reader in readers.readers]


def streamed(
    meanwhile: Callable[[Stream], Awaitable[None]], *, reads: bool = True
) -> Callable[[Case], Awaitable[None]]:
    """Half of the lines are being sent when `meanwhile` happens; then the others come, and all is sent.

    `reads`: whether the service goes on reading meanwhile.
    """

    async def play(case: Case) -> None:
        await played(case, Stream(case, case.kafka), meanwhile, reads=reads)

    return play


async def played(case: Case, stream: Stream, meanwhile: Callable[[Stream], Awaitable[None]], *, reads: bool) -> None:
    await case.tenants[0].furnished(AGREEMENTS)
    lines = lines_of(case.seed, range(1, 2 * LINES + 1))
    case.tenants[0].accepted += [accepted(line) for line in lines]
    await provide_topics(stream.kafka, stream.topics)
    await case.site.fault("slow_answer", **SENDS, delay=0.05)
    async with case.sending():
        async with stream.reading():
            await stream.billed(lines[:LINES], lines)
            await stream.known(LINES)
            await stream.approved()
            await in_mid_run(case)
            if reads:
                await meanwhile(stream)
        if not reads:
            await meanwhile(stream)
        async with stream.reading():
            await stream.billed(lines[LINES:], lines)
            await stream.billed(lines[:LINES], lines)  # the sender is not sure whether it has told these
            await stream.known(2 * LINES)
            await stream.approved()
            await stream.queued(2 * LINES)
            await case.calm()
            await case.settles()
    await case.judged()
    assert len(case.site.written()) == 2 * LINES


async def killed_and_restarted(case: Case) -> None:
    """kill -9 of the broker."""
    broker = Kafka(case.folder, State(case.folder / "state.json"), say=lambda _: None)
    await broker.start()

    async def meanwhile(_: Stream) -> None:
        await broker.kill()
        await case.settles()  # what has come is sent without Kafka
        assert await case.is_settled()
        await broker.start()

    try:
        await played(case, Stream(case, broker.address), meanwhile, reads=True)
    finally:
        await broker.stop()


async def members_come_and_go(case: Case) -> None:
    """A second member joins, has its share, and leaves, every 3 s for as long as the run takes."""
    stream, had_a_share = Stream(case, case.kafka), 0

    async def come_and_go() -> None:
        nonlocal had_a_share
        while True:
            async with stream.reading() as second:

                async def has_a_share(second: Subscriptions = second) -> bool:
                    return all(consumer and consumer.assignment() for consumer in consumers_of(second))

                await asyncio.gather(
                    case.until(has_a_share, "the second member gets no share"), asyncio.sleep(COMES_OR_GOES_EVERY)
                )
                had_a_share += 1
            await asyncio.sleep(COMES_OR_GOES_EVERY)

    async def some_have_come(_: Stream) -> None:
        await case.happens(lambda: had_a_share >= MEMBERS or rhythm.done(), "no member comes")

    await provide_topics(stream.kafka, stream.topics)
    rhythm = asyncio.create_task(come_and_go())
    try:
        await played(case, stream, some_have_come, reads=True)
        assert not rhythm.done(), rhythm.exception()
    finally:
        rhythm.cancel()
        await asyncio.gather(rhythm, return_exceptions=True)


async def kafka_is_told_no_offset(case: Case) -> None:
    """The effect is there, and Kafka's own account of how far we are is never kept: PostgreSQL's decides."""
    stream = Untold(case, case.kafka)

    async def meanwhile(_: Stream) -> None:
        await case.happens(lambda: stream.refused >= len(TOLD), "no offset was refused")

    await played(case, stream, meanwhile, reads=True)
    assert await stream.known_to_kafka() == {None}


REFUSED_COMMITS = """
create sequence refused;
create function refuses() returns trigger language plpgsql security definer as $$
begin
  if nextval('refused') <= 4 then
    raise exception 'as ordered' using errcode = '40001';
  end if;
  return new;
end $$;
create constraint trigger refuses after insert on inbox deferrable initially deferred
for each row execute function refuses();
"""


async def commits_fail(stream: Stream) -> None:
    """The effect is there, and its commit fails: it is not."""
    await stream.case.desk.as_owner(REFUSED_COMMITS)


SCENES = [
    Scene("killed and restarted", killed_and_restarted, one_in=2),
    Scene("offsets go back to the start", streamed(Stream.forget, reads=False)),
    Scene("the topics are lost", streamed(Stream.lost, reads=False)),
    Scene("commits fail", streamed(commits_fail)),
    Scene("Kafka is told no offset", kafka_is_told_no_offset),
    Scene("members come and go", members_come_and_go),
]


@pytest.mark.parametrize("judgement", SCENES, ids=str, indirect=True)
async def test_whatever_becomes_of_kafka_every_line_has_one_effect(judgement: Awaitable[None]) -> None:
    await judgement
