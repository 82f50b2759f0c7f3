"""From a batch to its effects, with the records of the broker made by hand."""

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.envelope import Event
from contracts.events import CustomerChanged
from contracts.topics import Topic
from contracts.values import TenantId
from messaging import (
    NOBODY,
    Consumer,
    ConsumerPausedError,
    PoisonError,
    Record,
    copies,
    dead_letters,
    resume,
)
from messaging.consume import MOST_POISON_IN_A_ROW
from messaging.dead_letters import NotReplayableError
from storage import Transaction
from tests.messaging.desk import Customers, Desk, customer, headers, note, record

TOPIC = Topic("test.customers.v1", CustomerChanged, "tenant:customer key", "test")
COMPACTED = replace(TOPIC, compacted=True)
LETTERS = (
    "select tenant_id, topic, partition, record_offset, value, headers, reason, detail from dead_letter order by id"
)
OFFSETS = "select partition, next_offset from consumed_offset order by partition"
any_example = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
places = itertools.count()


def good(tenant: str, name: str = "Contoso", *, subject: str = "c-1", version: int = 0, partition: int = 0) -> Record:
    """A record as it comes from the broker, at a new place."""
    value, said = record(TOPIC, tenant, name=name, subject=subject, version=version)
    return Record(TOPIC.name, partition, next(places), f"{tenant}:{subject}".encode(), value, tuple(said))


def changed(tenant: str, **members: Any) -> Record:
    """The same, with other members in its envelope."""
    found = good(tenant)
    return replace(found, value=json.dumps({**json.loads(found.value or b""), **members}).encode())


POISON: dict[str, tuple[Callable[[str], Record], str]] = {
    "undecodable JSON": (lambda t: replace(good(t), value=b'{"id": '), "refused by its schema"),
    "bytes that are no text": (lambda t: replace(good(t), value=b"\xff\xfe\x00"), "refused by its schema"),
    "schema violation": (lambda t: changed(t, data={"key": "c-1", "name": None}), "refused by its schema"),
    "unknown type": (lambda t: changed(t, type="test.suppliers"), "refused by its schema"),
    "unknown version": (lambda t: changed(t, version=2), "refused by its schema"),
    "no value": (lambda t: replace(good(t), value=None), "refused by its schema"),
    "other tenant inside": (lambda t: changed(t, tenant_id="somebody-else"), "refused by its schema"),
    "NUL for the database": (lambda t: good(t, "Con\0toso"), "refused by the database (22021)"),
    "a key that is taken": (lambda t: good(t, "taken"), "refused by the database (23505)"),
}


async def bury_names(desk: Desk) -> None:
    """Make a name that the handler stores twice an integrity violation."""
    await desk.as_owner("create unique index on noted (said) where said = 'taken'")
    await desk.as_owner("insert into noted (tenant_id, subject, said, event_id) values ('-', '', 'taken', '')")


async def handled(desk: Desk, tenant: str) -> list[str]:
    return [row["said"] for row in await desk.rows("select said from noted where tenant_id = $1 order by id", tenant)]


async def test_a_batch_is_one_call_and_its_offsets_are_kept(desk: Desk, tenant: str) -> None:
    calls: list[list[str]] = []

    async def handler(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        calls.append([event.data.name for event in events])
        await note(tx, events)

    batch = [good(tenant, "A", partition=0), good(tenant, "B", partition=1), good(tenant, "C", partition=0)]
    await desk.consumer(TOPIC, handler).handle(batch)
    assert calls == [["A", "B", "C"]]
    assert await desk.rows(OFFSETS) == [(0, batch[2].offset + 1), (1, batch[1].offset + 1)]


async def test_a_redelivered_batch_has_no_second_effect(desk: Desk, tenant: str) -> None:
    batch = [good(tenant, "A"), good(tenant, "B")]
    await desk.consumer(TOPIC).handle(batch)
    await desk.consumer(TOPIC).handle([*batch, good(tenant, "C")])
    assert await desk.noted() == ["A", "B", "C"]


async def test_an_event_that_is_twice_in_a_batch_has_one_effect(desk: Desk, tenant: str) -> None:
    first = good(tenant, "A")
    await desk.consumer(TOPIC).handle([first, good(tenant, "B"), replace(first, offset=next(places))])
    assert await desk.noted() == ["A", "B"]


async def test_an_event_id_belongs_to_its_tenant(desk: Desk, tenant: str) -> None:
    mine = good(tenant, "mine")
    other = f"{tenant}-2"
    theirs = good(other, "theirs")
    event_id = mine.event_id.encode()
    theirs = replace(theirs, headers=(("id", event_id), ("tenant", other.encode())))
    await desk.consumer(TOPIC).handle([mine])
    await desk.consumer(TOPIC).handle([mine, theirs])
    assert await desk.noted() == ["mine", "theirs"]


async def test_two_consumers_of_the_same_events_at_once_have_one_effect(desk: Desk, tenant: str) -> None:
    batch = [good(tenant, f"{number:02}") for number in range(50)]
    backwards = [replace(one, offset=next(places)) for one in reversed(batch)]
    await asyncio.gather(*(desk.consumer(TOPIC).handle(some) for some in (batch, backwards, batch, backwards)))
    assert sorted(await desk.noted()) == [f"{number:02}" for number in range(50)]


async def test_a_duplicate_waits_for_the_first_and_takes_its_place_when_it_fails(desk: Desk, tenant: str) -> None:
    inside, release = asyncio.Event(), asyncio.Event()

    async def fails(_tx: Transaction, _events: Sequence[Event[Any]]) -> None:
        inside.set()
        await release.wait()
        raise OSError

    batch = [good(tenant, "A")]
    first = asyncio.create_task(desk.consumer(TOPIC, fails).handle(batch))
    await inside.wait()
    second = asyncio.create_task(desk.consumer(TOPIC).handle(batch))
    release.set()
    with pytest.raises(OSError, match=r"^$"):
        await first
    await second
    assert await desk.noted() == ["A"]


async def test_a_handler_sees_the_tenants_of_its_batch_only(desk: Desk, tenant: str) -> None:
    async def handler(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        await note(tx, events)
        seen.append(set(await tx.column("select distinct tenant_id from noted")))

    seen: list[set[str]] = []
    other = f"{tenant}-2"
    consumer = desk.consumer(TOPIC, handler)
    await consumer.handle([good(tenant), good(other)])
    await consumer.handle([good(other)])
    assert seen == [{tenant, other}, {other}]


@pytest.mark.parametrize("kind", POISON)
async def test_poison_in_a_batch_is_kept_and_the_rest_lands(desk: Desk, tenant: str, kind: str) -> None:
    await bury_names(desk)
    make, reason = POISON[kind]
    culprit = make(tenant)
    batch = [good(tenant, "A"), good(tenant, "B"), culprit, good(tenant, "C"), good(tenant, "D")]
    await desk.consumer(TOPIC).handle(batch)
    assert await handled(desk, tenant) == ["A", "B", "C", "D"]
    (letter,) = await desk.rows(LETTERS)
    assert (letter["tenant_id"], letter["topic"], letter["partition"]) == (tenant, TOPIC.name, culprit.partition)
    assert (letter["record_offset"], letter["value"], letter["reason"]) == (culprit.offset, culprit.value, reason)
    assert await desk.rows(OFFSETS) == [(0, batch[-1].offset + 1)]
    told = await desk.rows("select topic, convert_from(value, 'utf8')::jsonb -> 'data' as said from outbox")
    assert [(row["topic"], row["said"]["offset"]) for row in told] == [
        ("billing-intake.dead-letters.v1", culprit.offset)
    ]
    # The same place again, as after a crash: still one letter.
    await desk.consumer(TOPIC).handle(batch)
    assert len(await desk.rows(LETTERS)) == 1
    assert await handled(desk, tenant) == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tenant", (("id", b"\xff" * 16), ("tenant", b"\xc3\x28"))),
        ("all", ()),
        ("NUL in a name", (("a\0b", b"\0"), ("tenant", b"Upper"))),
        ("newline", (("tenant", b"acme\n"),)),
    ],
)
async def test_headers_that_name_nobody_make_it_nobodys_letter(
    desk: Desk, tenant: str, name: str, said: tuple[tuple[str, bytes], ...]
) -> None:
    culprit = replace(good(tenant, name), headers=said)
    await desk.consumer(TOPIC).handle([good(tenant, "A"), culprit, good(tenant, "B")])
    assert await desk.noted() == ["A", "B"]
    (letter,) = await desk.rows("select id, tenant_id, value from dead_letter")
    assert (letter["tenant_id"], letter["value"]) == (NOBODY, culprit.value)
    async with desk.db.transaction([NOBODY]) as tx:
        kept = await dead_letters.one(tx, letter["id"])
    assert kept is not None
    assert [value for _, value in kept.record().headers] == [value for _, value in said]


@any_example
@given(kinds=st.lists(st.sampled_from(["good", "good", *POISON]), min_size=1, max_size=12))
async def test_any_mix_lands_in_order_and_leaves_a_letter_for_each_culprit(
    desk: Desk, tenant: str, kinds: list[str]
) -> None:
    if not await desk.noted():
        await bury_names(desk)
    async with desk.db.all_tenants() as tx:
        await tx.execute("delete from noted where said <> 'taken'")
        await tx.execute("delete from dead_letter")
    batch = [good(tenant, str(n)) if kind == "good" else POISON[kind][0](tenant) for n, kind in enumerate(kinds)]
    await desk.consumer(TOPIC).handle(batch)
    assert await handled(desk, tenant) == [str(n) for n, kind in enumerate(kinds) if kind == "good"]
    culprits = [one.offset for one, kind in zip(batch, kinds, strict=True) if kind != "good"]
    assert sorted(row["record_offset"] for row in await desk.rows(LETTERS)) == culprits
    assert await desk.rows(OFFSETS) == [(0, batch[-1].offset + 1)]


async def test_a_letters_reason_names_the_member_and_not_its_value(desk: Desk, tenant: str) -> None:
    await desk.consumer(TOPIC).handle([changed(tenant, data={"key": ["canary"], "name": {"canary": 1}})])
    (letter,) = await desk.rows(LETTERS)
    assert "data.key" in letter["detail"]
    told = await desk.rows("select convert_from(value, 'utf8') as said from outbox")
    assert "canary" not in letter["detail"] + told[0]["said"]


async def test_a_mended_handler_replays_a_letter_once(desk: Desk, tenant: str) -> None:
    async def strict(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        if any(event.data.name == "B" for event in events):
            raise PoisonError("B is nobody")
        await note(tx, events)

    await desk.consumer(TOPIC, strict).handle([good(tenant, "A"), good(tenant, "B"), good(tenant, "C")])
    assert await desk.noted() == ["A", "C"]
    (letter,) = await desk.rows("select id, detail from dead_letter")
    assert letter["detail"] == "B is nobody"

    async def replayed(consumer: Consumer) -> dead_letters.DeadLetter:
        async with desk.db.transaction([TenantId(tenant)]) as tx:
            return await dead_letters.replay(tx, letter["id"], consumer.replay)

    with pytest.raises(PoisonError, match="B is nobody"):
        await replayed(desk.consumer(TOPIC, strict))
    assert await desk.rows("select replayed_at from dead_letter") == [(None,)]
    # Two people at once: the second waits and is refused.
    results = await asyncio.gather(*(replayed(desk.consumer(TOPIC)) for _ in range(2)), return_exceptions=True)
    assert {type(result) for result in results} == {NotReplayableError, dead_letters.DeadLetterBytes}
    assert [result.replayed_at for result in results if isinstance(result, dead_letters.DeadLetter)] != [None]
    with pytest.raises(NotReplayableError, match="was replayed on"):
        await replayed(desk.consumer(TOPIC))
    assert await desk.noted() == ["A", "C", "B"]


async def test_another_tenants_letter_cannot_be_replayed(desk: Desk, tenant: str) -> None:
    await desk.consumer(TOPIC).handle([replace(good(tenant), value=b"")])
    (letter,) = await desk.rows("select id from dead_letter")
    async with desk.db.transaction([TenantId("somebody-else")]) as tx:
        assert await dead_letters.page(tx, 0, 10) == []
        with pytest.raises(NotReplayableError, match="there is no dead letter"):
            await dead_letters.replay(tx, letter["id"], desk.consumer(TOPIC).replay)


async def test_poisoned_configuration_is_noticed_until_it_is_replayed(desk: Desk, tenant: str) -> None:
    config = replace(COMPACTED, name="config.customers.v1")
    value, said = record(config, tenant)
    consumer = desk.consumer(config)
    async with desk.db.transaction([TenantId(tenant)]) as tx:
        assert not await dead_letters.poisoned(tx, TenantId(tenant))
    await consumer.handle([Record(config.name, 0, 0, b"k", value.replace(b"Contoso", b"Con\\u0000toso"), tuple(said))])
    async with desk.db.transaction([TenantId(tenant)]) as tx:
        assert await dead_letters.poisoned(tx, TenantId(tenant))
        assert not await dead_letters.poisoned(tx, TenantId("somebody-else"))


@pytest.mark.parametrize("error", [OSError("no route"), TimeoutError(), KeyError("defect"), ZeroDivisionError()])
async def test_trouble_and_defects_are_neither_poison_nor_an_effect(desk: Desk, tenant: str, error: Exception) -> None:
    async def fails(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        await note(tx, events)
        raise error

    batch = [good(tenant, "A"), good(tenant, "B")]
    with pytest.raises(type(error)):
        await desk.consumer(TOPIC, fails).handle(batch)
    for table in ("noted", "dead_letter", "inbox", "consumed_offset", "outbox"):
        assert await desk.rows(f"select from {table}") == []
    await desk.consumer(TOPIC).handle(batch)
    assert await desk.noted() == ["A", "B"]


@pytest.mark.parametrize("kind", ["undecodable JSON", "NUL for the database"])
async def test_poison_in_a_row_pauses_the_consumer_until_it_is_resumed(desk: Desk, tenant: str, kind: str) -> None:
    make, _ = POISON[kind]
    consumer = desk.consumer(TOPIC)
    await consumer.handle([make(tenant) for _ in range(MOST_POISON_IN_A_ROW - 1)])
    await consumer.handle([good(tenant, "A")])
    await consumer.handle([make(tenant) for _ in range(MOST_POISON_IN_A_ROW - 1)])
    assert await desk.rows("select from consumer_pause") == []
    await consumer.handle([make(tenant)])
    with pytest.raises(ConsumerPausedError, match=f"{MOST_POISON_IN_A_ROW} records in a row"):
        await consumer.handle([good(tenant, "B")])
    with pytest.raises(ConsumerPausedError):  # the pause outlives the process
        await desk.consumer(TOPIC).handle([good(tenant, "B")])
    assert await desk.noted() == ["A"]
    async with desk.db.transaction(()) as tx:
        assert await resume(tx, TOPIC.name)
        assert not await resume(tx, TOPIC.name)
    await consumer.handle([good(tenant, "B")])
    assert await desk.noted() == ["A", "B"]


async def test_scattered_poison_does_not_pause(desk: Desk, tenant: str) -> None:
    batch = [one for _ in range(MOST_POISON_IN_A_ROW) for one in (replace(good(tenant), value=b""), good(tenant))]
    await desk.consumer(TOPIC).handle(batch)
    assert len(await desk.rows(LETTERS)) == MOST_POISON_IN_A_ROW
    assert await desk.rows("select from consumer_pause") == []


async def test_an_older_version_is_ignored_on_a_compacted_topic(desk: Desk, tenant: str) -> None:
    consumer = desk.consumer(COMPACTED)
    await consumer.handle([good(tenant, "2", version=2)])
    await consumer.handle([good(tenant, "1", version=1)])
    await consumer.handle([good(tenant, "2 again", version=2)])
    await consumer.handle([good(tenant, "3", version=3)])
    assert await desk.noted() == ["2", "3"]


async def test_where_every_fact_counts_an_older_version_counts_too(desk: Desk, tenant: str) -> None:
    await desk.consumer(TOPIC).handle([good(tenant, "2", version=2), good(tenant, "1", version=1)])
    assert await desk.noted() == ["2", "1"]


async def test_only_the_newest_of_a_key_is_handled(desk: Desk, tenant: str) -> None:
    other = f"{tenant}-2"
    batch = [
        good(tenant, "a 1", subject="a", version=1),
        good(tenant, "b 1", subject="b", version=1),
        good(tenant, "a 3", subject="a", version=3),
        good(other, "a 1 of another", subject="a", version=1),
        good(tenant, "a 2", subject="a", version=2),
    ]
    await desk.consumer(COMPACTED).handle(batch)
    assert sorted(await desk.noted()) == ["a 1 of another", "a 3", "b 1"]


@any_example
@given(
    batches=st.lists(
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 6)), min_size=1, max_size=6), min_size=1, max_size=5
    )
)
async def test_any_order_of_versions_ends_with_the_newest(
    desk: Desk, tenant: str, batches: list[list[tuple[str, int]]]
) -> None:
    async with desk.db.all_tenants() as tx:
        for table in ("noted", "entity_seen", "fact_copy"):
            await tx.execute(f"delete from {table}")  # noqa: S608 (names of ours)
    consumer = desk.consumer(COMPACTED, copy=True)
    for batch in batches:
        await consumer.handle([good(tenant, str(version), subject=key, version=version) for key, version in batch])
    for key in {key for batch in batches for key, _ in batch}:
        versions = [version for batch in batches for at, version in batch if at == key]
        seen = await desk.rows("select said::int as version from noted where subject = $1 order by id", key)
        assert [row["version"] for row in seen] == sorted({row["version"] for row in seen})
        async with desk.db.transaction([TenantId(tenant)]) as tx:
            kept = await copies.one(tx, COMPACTED, TenantId(tenant), key)
        assert kept is not None
        assert int(kept.name) == max(versions) == seen[-1]["version"]


async def test_a_poisonous_newer_version_does_not_hide_the_older_one(desk: Desk, tenant: str) -> None:
    await desk.consumer(COMPACTED).handle([good(tenant, "1", version=1), good(tenant, "2\0", version=2)])
    assert await desk.noted() == ["1"]
    assert len(await desk.rows(LETTERS)) == 1


async def test_copies_are_read_by_tenant_and_entity(desk: Desk, tenant: str) -> None:
    other = f"{tenant}-2"
    woken = asyncio.Event()
    desk.db.on_signal(COMPACTED.name, woken.set)
    consumer = Consumer(desk.db, "billing-intake", COMPACTED, None, copy=True)
    await consumer.handle([good(t, f"{t} {key}", subject=key, version=1) for t in (tenant, other) for key in "ba"])
    assert woken.is_set()
    me = TenantId(tenant)
    async with desk.db.transaction([me]) as tx:
        mine = await copies.of_tenant(tx, COMPACTED, me)
        assert [one.name for one in mine] == [f"{tenant} a", f"{tenant} b"]
        assert await copies.one(tx, COMPACTED, me, "c") is None
        assert await copies.some(tx, COMPACTED, me, ["a", "c"]) == {"a": customer("a", f"{tenant} a")}
        assert await copies.of_tenant(tx, COMPACTED, TenantId(other)) == []
    async with desk.db.all_tenants() as tx:
        assert await copies.tenants(tx, COMPACTED) == [tenant, other]


def test_what_is_not_compacted_has_no_state_to_copy(desk: Desk) -> None:
    with pytest.raises(ValueError, match="not compacted"):
        Consumer(desk.db, "billing-intake", TOPIC, None, copy=True)


def test_a_record_without_a_proper_id_is_known_by_its_place(topic: Customers) -> None:
    at = Record(topic.name, 3, 118, None, b"", (("id", b"x"),))
    assert at.event_id == f"{topic.name}/3/118"
    assert Record(topic.name, 3, 118, None, b"", tuple(headers("acme"))).tenant_id == "acme"
