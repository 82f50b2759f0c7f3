import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from contracts.topics import ADDITIONS
from devstack.engines import Engines
from devstack.engines.local import LocalEngines
from devstack.engines.postgres import postgres_accepts
from devstack.layout import Layout
from devstack.logs import tail
from devstack.processes import Process, spawn
from devstack.state import State
from devstack.topics import provide_topics
from devstack.waiting import until


def engines_of(root: Path) -> LocalEngines:
    layout = Layout.of(root)
    layout.make()
    return LocalEngines(layout.folder, State(layout.state), say=lambda _: None, durable=False)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ours(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalEngines]:
    local = engines_of(tmp_path_factory.mktemp("ours"))
    yield local
    await local.remove()


async def written(engines: Engines) -> None:
    connection = await asyncpg.connect(engines.postgres)
    await connection.execute("create table kept (id int); insert into kept values (1)")
    await connection.close()
    await provide_topics(engines.kafka, [ADDITIONS])
    async with AIOKafkaProducer(bootstrap_servers=engines.kafka, acks="all") as producer:
        await producer.send_and_wait(ADDITIONS.name, b"kept", partition=0)


async def kept(engines: Engines) -> tuple[int, bytes | None]:
    connection = await asyncpg.connect(engines.postgres)
    count = await connection.fetchval("select count(*) from kept")
    await connection.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=engines.kafka, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition(ADDITIONS.name, 0)])
        record = await asyncio.wait_for(consumer.getone(), 20)
    return count, record.value


def pids(local: LocalEngines) -> tuple[int, int]:
    kafka, postgres = local.kafka.process(), local.postgres.process()
    assert kafka is not None
    assert postgres is not None
    return kafka.pid, postgres.pid


async def test_starting_twice_leaves_what_runs_alone(ours: LocalEngines) -> None:
    first, before = await ours.start(), pids(ours)
    assert await ours.start() == first
    assert pids(ours) == before


async def test_killed_engines_start_again_at_their_addresses_without_loss(ours: LocalEngines) -> None:
    engines = await ours.start()
    await written(engines)
    await asyncio.gather(ours.kafka.kill(), ours.postgres.kill())
    assert await ours.start() == engines
    assert await kept(engines) == (1, b"kept")


async def test_two_checkouts_run_side_by_side(ours: LocalEngines, tmp_path: Path) -> None:
    one, theirs = await ours.start(), engines_of(tmp_path)
    try:
        two = await theirs.start()
        assert {one.kafka, one.postgres}.isdisjoint({two.kafka, two.postgres})
        await theirs.stop()
        assert await ours.kafka.answers()
        assert await ours.postgres.accepts()
    finally:
        await theirs.remove()


async def test_ports_taken_by_somebody_else_are_picked_again(ours: LocalEngines) -> None:
    before = await ours.start()
    await ours.stop()
    with socket.create_server(("127.0.0.1", int(before.kafka.rpartition(":")[2]))):
        port = ours.postgres.address.rpartition(":")[2]
        with socket.create_server(("127.0.0.1", int(port))):
            after = await ours.start()
    assert {before.kafka, before.postgres}.isdisjoint({after.kafka, after.postgres})


async def test_engines_that_nobody_noted_down_are_found(ours: LocalEngines) -> None:
    await ours.start()
    before = pids(ours)
    ours.kafka.state.path.unlink()
    await ours.start()
    assert set(before).isdisjoint(pids(ours))
    assert not any(map(psutil.pid_exists, before))


async def test_a_lost_password_file_locks_nobody_out(ours: LocalEngines) -> None:
    await ours.start()
    await ours.postgres.stop()
    ours.postgres.passwords.path.unlink()
    assert await postgres_accepts(await ours.postgres.start())


async def test_a_postmaster_file_with_a_strangers_id_is_no_obstacle(ours: LocalEngines) -> None:
    await ours.start()
    pid_file = ours.postgres.data / "postmaster.pid"
    text = pid_file.read_text().split("\n")
    await ours.postgres.kill()
    pid_file.write_text("\n".join([str(os.getpid()), *text[1:]]))
    assert await postgres_accepts(await ours.postgres.start())


async def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    local = engines_of(tmp_path)
    (local.postgres.folder / "data.new").mkdir(parents=True)
    (local.postgres.folder / "data.new" / "PG_VERSION").write_text("18\n")
    try:
        assert await postgres_accepts(await local.postgres.start())
    finally:
        await local.remove()


async def test_a_stranger_with_our_process_id_is_not_killed(tmp_path: Path) -> None:
    sleeping = [sys.executable, "-c", "input()"]
    with subprocess.Popen(sleeping, stdin=subprocess.PIPE) as stranger:  # noqa: ASYNC220, S603
        mine = Process(stranger.pid, "the start time of the process that had this id before", tuple(sleeping))
        state = State(tmp_path / "state.json")
        state.note("kafka", mine)
        assert state.process("kafka") is None
        assert await mine.stop()
        assert stranger.poll() is None
        stranger.kill()


async def test_a_process_is_asked_then_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    process = spawn([sys.executable, "-c", deaf], log=tmp_path / "log", cwd=tmp_path, env=os.environ)

    async def deaf_by_now() -> bool:
        return "deaf" in tail(tmp_path / "log")

    assert await until(deaf_by_now, within=10)
    assert not await process.stop(grace=0.1)
    assert not process.alive


def test_a_copied_folder_does_not_speak_of_another_stacks_processes(tmp_path: Path) -> None:
    state = State(tmp_path / "one" / "state.json")
    port = state.port("kafka")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "state.json").write_text(state.path.read_text())
    assert State(tmp_path / "two" / "state.json").port("kafka") != port


def test_secrets_are_closed_to_others(tmp_path: Path) -> None:
    local = engines_of(tmp_path)
    assert local.postgres.dsn
    assert local.postgres.passwords.path.stat().st_mode & 0o077 == 0
    assert local.postgres.passwords.path.parent.stat().st_mode & 0o077 == 0
