"""The life of a process: how it starts, waits, crashes, drains and ends."""

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest

from contracts import topics
from contracts.values import TenantId
from devstack import provision
from devstack.keys import Keys
from messaging import Fact, outbox
from storage import Database
from tests.servicekit.conftest import NewDatabase
from tests.servicekit.running import Tiny, environment, serving, start


async def once(env: dict[str, str], log: Path, *arguments: str) -> tuple[int, str]:
    """Run it to its end: exit code, and what it said."""
    process = await start(env, log, *arguments)
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode() + await asyncio.to_thread(log.read_text)


def events(tiny: Tiny) -> list[str]:
    return [str(json.loads(line)["event"]) for line in tiny.log.read_text().splitlines()]


async def test_sigterm_drains_in_order_and_ends_with_0(
    env: dict[str, str], keys: Keys, tenant: str, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    async with serving({**env, "PSABRIDGE_HOLD": str(hold)}, keys, tenant, tmp_path / "log") as tiny:
        await tiny.until_ready()
        assert (await tiny.ask("POST", "/v1/tiny/wishes", json={"name": "a pony"})).status_code == 200
        tiny.terminate()
        assert await tiny.until_ready(503) == "stopping"
        # What is in flight is finished while HTTP still answers, though it begins nothing new.
        refused = await tiny.ask("POST", "/v1/tiny/wishes", json={"name": "too late"})
        assert (refused.status_code, refused.json()["code"]) == (503, "stopping")
        assert tiny.process.returncode is None
        hold.unlink()
        assert await tiny.ended() == 0, tiny.end_of_log()
        told = [event for event in events(tiny) if event.startswith(("service.", "worker."))]
        assert told == ["service.ready", "service.draining", "worker.ended"]


async def test_what_does_not_finish_in_time_is_cut(
    env: dict[str, str], keys: Keys, tenant: str, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    more = {"PSABRIDGE_HOLD": str(hold), "PSABRIDGE_DRAIN_SECONDS": "0.2"}
    async with serving({**env, **more}, keys, tenant, tmp_path / "log") as tiny:
        await tiny.until_ready()
        tiny.terminate()
        assert await tiny.ended() == 0, tiny.end_of_log()
        assert "service.drain_cut" in events(tiny)


@pytest.mark.parametrize("part", ["worker", "http", "relay"])
async def test_a_part_that_crashes_ends_the_process_with_1(tiny: Tiny, urls: provision.Database, part: str) -> None:
    if part == "relay":
        owner = await asyncpg.connect(urls.owner)
        await owner.execute("drop table outbox")
        await owner.close()
    else:
        await asyncio.wait([asyncio.ensure_future(tiny.ask("POST", f"/v1/tiny/crash/{part}"))])
    assert await tiny.ended() == 1, tiny.end_of_log()
    assert "service.crashed" in events(tiny)


async def test_facts_come_in_and_go_out(tiny: Tiny, urls: provision.Database, tenant: str) -> None:
    db = Database(urls.app, urls.all_tenants)
    await db.open()
    me = TenantId(tenant)
    company = topics.COMPANIES.data(company_id=1, identifier="c", name="Contoso")
    async with db.transaction([me]) as tx:
        await outbox.add(tx, topics.COMPANIES, [Fact(me, "1", company)])

    async def heard() -> list[str]:
        return list((await tiny.ask("GET", "/v1/tiny/wishes")).json())

    # The process's own relay takes what another process of the service has committed.
    async with asyncio.timeout(20):
        while await heard() != ["heard Contoso"]:  # noqa: ASYNC110 (another process: no event tells us)
            await asyncio.sleep(0.05)
    await db.close()


async def test_without_its_database_it_waits_says_so_and_can_be_stopped(
    env: dict[str, str], keys: Keys, tenant: str, tmp_path: Path, unused_tcp_port: int
) -> None:
    nowhere = f"postgresql://app:word@127.0.0.1:{unused_tcp_port}/nothing"
    more = {"PSABRIDGE_DATABASE_URL": nowhere, "PSABRIDGE_ALL_TENANTS_URL": nowhere}
    async with serving({**env, **more}, keys, tenant, tmp_path / "log") as tiny:
        assert await tiny.until_ready(503) == "waiting for the database"
        assert (await tiny.ask("GET", "/livez")).status_code == 200
        answer = await tiny.ask("GET", "/v1/tiny/wishes")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        tiny.terminate()
        assert await tiny.ended() == 0, tiny.end_of_log()


async def test_without_kafka_it_waits_says_so_and_can_be_stopped(
    env: dict[str, str], keys: Keys, tenant: str, tmp_path: Path, unused_tcp_port: int
) -> None:
    more = {"PSABRIDGE_KAFKA": f"127.0.0.1:{unused_tcp_port}"}
    async with serving({**env, **more}, keys, tenant, tmp_path / "log") as tiny:

        async def waits_for_kafka() -> bool:
            return await tiny.readiness() == (503, "waiting for Kafka")

        async with asyncio.timeout(20):
            while not await waits_for_kafka():  # noqa: ASYNC110 (another process: no event tells us)
                await asyncio.sleep(0.05)
        kept = await tiny.ask("POST", "/v1/tiny/wishes", json={"name": "a pony"})
        assert kept.status_code == 200, "what needs no Kafka goes on"
        tiny.terminate()
        assert await tiny.ended() == 0, tiny.end_of_log()


async def test_an_older_schema_is_refused_in_one_sentence(
    database: NewDatabase, kafka: str, keys: Keys, tmp_path: Path
) -> None:
    env = environment(kafka, await database("tiny"), keys)
    code, said = await once(env, tmp_path / "log", "--port", "0")
    assert code == 1
    assert "the database has no schema yet: run this service with --migrate first" in said
    assert "Traceback" not in said
    code, said = await once(env, tmp_path / "log", "--migrate")
    assert (code, "migrate.done" in said) == (0, True)


async def test_settings_that_are_missing_or_wrong_are_said_in_one_sentence_each(
    env: dict[str, str], tmp_path: Path
) -> None:
    del env["PSABRIDGE_KAFKA"]
    env |= {"PSABRIDGE_CONNECTIONS": "canary", "PSABRIDGE_LOG_FORMAT": "poem"}
    code, said = await once(env, tmp_path / "log", "--check")
    assert code == 2
    assert sorted(said.splitlines()) == [
        "PSABRIDGE_CONNECTIONS: Input should be a valid integer, unable to parse string as an integer",
        "PSABRIDGE_KAFKA: Field required",
        "PSABRIDGE_LOG_FORMAT: Input should be 'json' or 'console'",
    ]


async def test_a_complete_configuration_passes_the_check(env: dict[str, str], tmp_path: Path) -> None:
    code, said = await once(env, tmp_path / "log", "--check")
    assert (code, said) == (0, "tiny: the configuration is complete\n")


async def test_migrating_needs_the_owner(env: dict[str, str], tmp_path: Path) -> None:
    del env["PSABRIDGE_OWNER_URL"]
    code, said = await once(env, tmp_path / "log", "--migrate")
    assert (code, "PSABRIDGE_OWNER_URL is not set" in said) == (2, True)


async def test_a_service_with_an_unguarded_route_does_not_start(env: dict[str, str], tmp_path: Path) -> None:
    code, said = await once({**env, "PSABRIDGE_TEST_UNGUARDED": "1"}, tmp_path / "log", "--port", "0")
    assert (code, "/open names no permission" in said) == (1, True)
