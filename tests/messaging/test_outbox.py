import asyncio
import time
from datetime import timedelta

import pytest

from contracts import topics
from contracts.values import TenantId
from messaging import Fact, outbox
from messaging.outbox import FactTooLargeError
from messaging.upkeep import restate, sweep
from tests.messaging.desk import Customers, Desk, customer, eventually

OUTBOX = "select convert_from(value, 'utf8')::jsonb #>> '{data,name}' as name from outbox order by id"
VERSIONS = "select (convert_from(value, 'utf8')::jsonb ->> 'entity_version')::bigint as v from outbox order by id"


async def test_a_fact_of_a_failed_transaction_is_never_told(desk: Desk, topic: Customers, tenant: str) -> None:
    async def fail() -> None:
        async with desk.db.transaction([TenantId(tenant)]) as tx:
            await outbox.add(tx, topic, [Fact(TenantId(tenant), "a", customer("a"))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await desk.rows(OUTBOX) == []


async def test_a_fact_no_broker_would_take_fails_its_change(desk: Desk, topic: Customers, tenant: str) -> None:
    with pytest.raises(FactTooLargeError, match="bytes, at most"):
        await desk.say(topic, tenant, customer("a", "small"), customer("b", "x" * outbox.MOST_BYTES))
    assert await desk.rows(OUTBOX) == []
    await desk.say(topic, tenant, customer("a", "x" * (outbox.MOST_BYTES - 1000)))
    assert len(await desk.rows(OUTBOX)) == 1


async def test_on_a_compacted_topic_the_last_fact_of_a_key_counts(
    desk: Desk, compacted: Customers, topic: Customers, tenant: str
) -> None:
    said = (customer("a", "first"), customer("b", "other"), customer("a", "last"))
    await desk.say(compacted, tenant, *said)
    assert [row["name"] for row in await desk.rows(OUTBOX)] == ["last", "other"]
    await desk.say(topic, tenant, *said)
    assert [row["name"] for row in await desk.rows(OUTBOX)][2:] == ["first", "other", "last"]


async def test_versions_rise_even_when_the_clock_was_ahead(desk: Desk, compacted: Customers, tenant: str) -> None:
    ahead = time.time_ns() // 1000 + int(timedelta(hours=1) / timedelta(microseconds=1))
    await desk.say(compacted, tenant, customer())
    async with desk.db.all_tenants() as tx:
        await tx.execute("update stated_fact set version = $1", ahead)
    await desk.say(compacted, tenant, customer())
    await desk.say(compacted, tenant, customer())
    first, second, third = (row["v"] for row in await desk.rows(VERSIONS))
    assert abs(time.time_ns() // 1000 - first) < 60_000_000
    assert (second, third) == (ahead + 1, ahead + 2)


async def test_two_tenants_state_the_same_entity_apart(desk: Desk, compacted: Customers, tenant: str) -> None:
    other = TenantId(f"{tenant}-2")
    async with desk.db.transaction([TenantId(tenant), other]) as tx:
        await outbox.add(
            tx, compacted, [Fact(TenantId(tenant), "a", customer("a", "1")), Fact(other, "a", customer("a", "2"))]
        )
    assert [(row["tenant_id"], row["key"]) for row in await desk.rows("select tenant_id, key from outbox")] == [
        (tenant, f"{tenant}:a"),
        (other, f"{other}:a"),
    ]


async def test_restating_says_the_last_of_each_key_with_a_higher_version(desk: Desk, tenant: str) -> None:
    await desk.say(topics.CUSTOMERS, tenant, customer("a", "old"), customer("b", "B"))
    await desk.say(topics.CUSTOMERS, tenant, customer("a", "new"))
    before = max(row["v"] for row in await desk.rows(VERSIONS))
    assert await restate(desk.db) == 2
    assert [row["name"] for row in await desk.rows(OUTBOX)][3:] == ["new", "B"]
    assert all(row["v"] > before for row in (await desk.rows(VERSIONS))[3:])
    assert await desk.rows("select distinct key from outbox order by key") == [(f"{tenant}:a",), (f"{tenant}:b",)]


async def test_restating_does_not_undo_what_is_said_meanwhile(desk: Desk, tenant: str) -> None:
    await desk.say(topics.CUSTOMERS, tenant, customer("a", "old"))
    async with desk.db.transaction([TenantId(tenant)]) as tx:
        await outbox.add(tx, topics.CUSTOMERS, [Fact(TenantId(tenant), "a", customer("a", "new"))])
        restating = asyncio.create_task(restate(desk.db))

        async def waits_for_our_lock() -> bool:
            return bool(
                await desk.rows(
                    "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
                )
            )

        await eventually(waits_for_our_lock)
    assert await restating == 1
    assert [row["name"] for row in await desk.rows(OUTBOX)] == ["old", "new", "new"]


async def test_sweeping_leaves_what_is_unpublished_or_recent(desk: Desk, topic: Customers, tenant: str) -> None:
    await desk.say(topic, tenant, customer("old"), customer("recent"), customer("unpublished"))
    async with desk.db.all_tenants() as tx:
        await tx.execute("update outbox set published_at = now() - interval '73 hours' where key like '%:old'")
        await tx.execute("update outbox set published_at = now() - interval '71 hours' where key like '%:recent'")
        await tx.execute("update outbox set created_at = now() - interval '1 year'")
        await tx.execute_many(
            "insert into inbox (tenant_id, event_id, handled_at) values ($1, $2, now() - $3::interval)",
            [(tenant, "old", timedelta(days=31)), (tenant, "recent", timedelta(days=29))],
        )
    assert await sweep(desk.db) == 2
    assert await desk.rows("select key from outbox order by id") == [(f"{tenant}:recent",), (f"{tenant}:unpublished",)]
    assert await desk.rows("select event_id from inbox") == [("recent",)]


async def test_a_sweep_goes_on_until_all_is_swept(desk: Desk, tenant: str) -> None:
    async with desk.db.all_tenants() as tx:
        await tx.execute(
            "insert into inbox (tenant_id, event_id, handled_at)"
            " select $1, n::text, now() - interval '31 days' from generate_series(1, 20001) as n",
            tenant,
        )
    assert await sweep(desk.db) == 20_001


async def test_the_rows_of_a_query_are_told_as_facts(desk: Desk, topic: Customers, compacted: Customers) -> None:
    me = TenantId("acme")
    query = (
        "select name as entity, json_build_object('key', name, 'name', $6::text) as data from unnest($7::text[]) name"
    )
    async with desk.db.transaction([me]) as tx:
        assert await outbox.add_selected(tx, topic, me, "run-1", query, "Contoso", ["b", "a"]) == 2
        with pytest.raises(ValueError, match="compacted"):
            await outbox.add_selected(tx, compacted, me, "run-1", query, "Contoso", ["b"])
    rows = await desk.rows("select tenant_id, key, event_id, value from outbox order by id")
    said = [topic.decode(row["value"]) for row in rows]
    assert [(event.subject, event.data, event.correlation_id) for event in said] == [
        (key, customer(key), "run-1") for key in ("b", "a")
    ]
    assert [(row["tenant_id"], row["key"], row["event_id"]) for row in rows] == [
        (me, f"{me}:{event.subject}", str(event.id)) for event in said
    ]
