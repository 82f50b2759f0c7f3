import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from contracts import topics
from devstack import http
from devstack.engines import Engines
from devstack.errors import DevstackError
from devstack.layout import CHECKOUT
from devstack.stack import Stack
from devstack.topics import Difference, provide_topics
from devstack.waiting import until

TARGETS = "setup demo test coverage up down logs status lint types fmt lock topics migrate requirements bench"

SERVICE = """
import argparse, json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--migrate", action="store_true")
options = parser.parse_args()
if os.path.exists(__file__ + ".broken"):
    sys.exit("the configuration is wrong")
if options.migrate:
    assert os.environ["PSABRIDGE_OWNER_URL"]
    sys.exit(0)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        told = {name: value for name, value in os.environ.items() if name.startswith("PSABRIDGE_")}
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *words): pass

server = HTTPServer(("127.0.0.1", options.port), Handler)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """A stack of one service, so small that it starts at once."""
    (tmp_path / "code" / "ledger").mkdir(parents=True)
    (tmp_path / "code" / "ledger" / "__init__.py").touch()
    (tmp_path / "code" / "ledger" / "__main__.py").write_text(SERVICE)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    monkeypatch.delitem(sys.modules, "ledger", raising=False)
    prefix = f"t{abs(hash(tmp_path)) % 10**8}_"
    stack = Stack(
        tmp_path, engines=engines, prefix=prefix, names=["ledger"], env={"PYTHONPATH": str(tmp_path / "code")}
    )
    yield stack
    await stack.reset()


async def test_up_twice_leaves_what_runs_alone(ledger: Stack) -> None:
    await ledger.up()
    first = ledger.service("ledger").process()
    await ledger.up()
    assert first is not None
    assert ledger.service("ledger").process() == first


async def test_a_second_command_waits_for_the_first(ledger: Stack) -> None:
    said: list[str] = []
    second = Stack(ledger.layout.folder.parent, engines=ledger.engines, names=["ledger"], say=said.append)

    def enter() -> bool:
        with second.exclusive():
            return True

    async def told() -> bool:
        return bool(said)

    with ledger.exclusive():
        entering = asyncio.create_task(asyncio.to_thread(enter))
        assert await until(told, within=10)
        assert not entering.done()
    assert await entering
    assert said == [f"waiting for another command on this stack (pid {os.getpid()})"]


async def test_a_killed_service_comes_back_at_its_url(ledger: Stack) -> None:
    await ledger.up()
    service = ledger.service("ledger")
    url = service.url
    await service.kill()
    assert service.process() is None
    assert await service.start() == url


async def test_new_code_is_not_served_by_an_old_process(ledger: Stack, tmp_path: Path) -> None:
    await ledger.up()
    before = ledger.service("ledger").process()
    (tmp_path / "code" / "ledger" / "rules.py").write_text("MARKUP = 1\n")
    await ledger.up()
    assert ledger.service("ledger").process() != before


async def test_a_service_that_nobody_noted_down_is_replaced(ledger: Stack) -> None:
    await ledger.up()
    before = ledger.service("ledger").process()
    ledger.state.path.unlink()
    await ledger.up()
    assert before is not None
    assert not before.alive


async def test_a_service_is_told_its_own_logins_and_no_owner(ledger: Stack) -> None:
    await ledger.up()
    told = json.loads((await http.get(ledger.service("ledger").url))[1])
    assert told.keys() >= {"PSABRIDGE_KAFKA", "PSABRIDGE_SEALING_KEYS", "PSABRIDGE_INSTALLATION_ID"}
    assert told["PSABRIDGE_GROUP_PREFIX"] == ledger.prefix
    assert "PSABRIDGE_OWNER_URL" not in told
    assert "PSABRIDGE_POSTGRES" not in told
    for variable, login in (("PSABRIDGE_DATABASE_URL", "app"), ("PSABRIDGE_ALL_TENANTS_URL", "all")):
        connection = await asyncpg.connect(told[variable])
        assert await connection.fetchval("select current_user") == f"{ledger.prefix}ledger_{login}"
        await connection.close()


async def test_a_service_that_ends_says_why(ledger: Stack, tmp_path: Path) -> None:
    (tmp_path / "code" / "ledger" / "__main__.py.broken").touch()
    with pytest.raises(DevstackError, match="the configuration is wrong"):
        await ledger.up()


async def test_topics_are_created_once_and_differences_said(kafka: str) -> None:
    await provide_topics(kafka, topics.ALL)
    assert await provide_topics(kafka, topics.ALL) == (0, [])

    class Wider:
        name, partitions = topics.ADDITIONS.name, topics.ADDITIONS.partitions + 1
        configs = staticmethod(topics.ADDITIONS.configs)

    _, differences = await provide_topics(kafka, [Wider()])
    assert differences == [
        Difference(Wider.name, "partitions", str(Wider.partitions), str(topics.ADDITIONS.partitions))
    ]


def test_make_alone_prints_every_target() -> None:
    command = ["make", "-C", str(CHECKOUT)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    targets = {words[1] for line in printed.splitlines() if (words := line.split())[:1] == ["make"]}
    assert targets >= set(TARGETS.split())
