"""The console as a process: its first token, its readiness, its end, and that no secret leaves it."""

import asyncio
import json
import os
import secrets
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import httpx
import pytest_asyncio

from console.bootstrap import bootstrap_token
from contracts import topics
from devstack import provision
from devstack.keys import Keys
from devstack.topics import provide_topics
from devstack.waiting import until
from storage.migrations import migrate
from tests.console.conftest import COMPONENTS, Console
from tests.console.peers import free_port

CANARY = "canaryPrivateKeyOfAProcess"


@pytest_asyncio.fixture(loop_scope="session")
async def env(
    kafka: str, database: Callable[..., Awaitable[provision.Database]], keys: Keys
) -> AsyncIterator[dict[str, str]]:
    urls = await database("console")
    await migrate(urls.owner, COMPONENTS)
    await provide_topics(kafka, [topics.CONNECTIONS, topics.PROGRAMS])
    yield {
        "PSABRIDGE_KAFKA": kafka,
        "PSABRIDGE_DATABASE_URL": urls.app,
        "PSABRIDGE_ALL_TENANTS_URL": urls.all_tenants,
        "PSABRIDGE_CONSOLE_PUBLIC_KEY": str(keys.console_public),
        "PSABRIDGE_CONSOLE_PRIVATE_KEY": str(keys.console_private),
        "PSABRIDGE_SEALING_KEYS": str(keys.sealing),
        "PSABRIDGE_INSTALLATION_ID": keys.installation_id,
        "PSABRIDGE_GROUP_PREFIX": f"t{secrets.token_hex(4)}.",
        "PSABRIDGE_SERVICE_URLS": json.dumps({"billing-intake": f"http://127.0.0.1:{free_port()}"}),
    }


async def start(env: Mapping[str, str], log: Path, *words: str) -> asyncio.subprocess.Process:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PSABRIDGE_")}
    with log.open("ab") as stderr:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "console", *words),
            env={**clean, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )


async def said(process: asyncio.subprocess.Process) -> tuple[int, str]:
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode()


async def test_no_secret_leaves_the_process(env: dict[str, str], tmp_path: Path, tenant: str) -> None:
    log, file = tmp_path / "log", tmp_path / "token"
    assert (await said(await start(env, log, "--bootstrap-token", str(file))))[0] == 0
    token = file.read_text().strip()
    process = await start(env, log, "--port", "0")
    try:
        assert process.stdout is not None
        ready = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert ready.startswith("ready http"), log.read_text()
        answers = await ask(ready.removeprefix("ready ").strip(), token, tenant)
        process.send_signal(signal.SIGTERM)
        assert (await said(process))[0] == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    logged = log.read_text()
    assert "gateway.unreachable" in logged
    for secret in (CANARY, token.rpartition("_")[2]):
        assert secret not in logged
        assert all(secret not in answer.text for answer in answers)


async def ask(url: str, token: str, tenant: str) -> list[httpx.Response]:
    """Connect, fail in several ways, and end with what the process answers when its database is in the way."""
    headers = {"authorization": f"Bearer {token}"}
    form = {"site": "na", "company_id": tenant, "public_key": "p", "client_id": "c", "private_key": CANARY}
    path = "/v1/console/connections/connectwise"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=20) as client:

        async def is_ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        assert await until(is_ready, 30)
        await client.put(f"/v1/console/tenants/{tenant}", json={"name": "A tenant"})
        client.headers["x-tenant"] = tenant
        answers = [
            await client.put(path, json=form),
            await client.put(path, json={**form, "more": CANARY}),
            await client.put(path, json={**form, "name": f"\0{CANARY}"}),
            await client.post("/v1/billing-intake/x", json=form),
            await client.get("/v1/console/me", headers={"authorization": f"Bearer {token}x"}),
            await client.post("/v1/console/tokens", json={"name": "\0", "role": "viewer"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 422, 422, 503, 401, 422]
    return answers


async def test_the_first_token_is_made_once_and_again_when_it_is_no_longer_good(at: Console, tmp_path: Path) -> None:
    file = tmp_path / "token"

    async def made() -> str:
        await bootstrap_token(at.service, str(file))
        return file.read_text().strip()

    async def works(token: str) -> bool:
        return (await at.ask("GET", "/v1/console/me", token=token)).status_code == 200

    before = at.token
    first = await made()
    at.token = first  # the console's tests go on with it: the earlier one was revoked by this
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert await made() == first
    assert (await works(first), await works(before)) == (True, False)
    for spoilt in ("", "nonsense", f"psab_{'0' * 12}_{'0' * 64}", first[:-1] + ("0" if first[-1] != "0" else "1")):
        file.write_text(spoilt)
        second = await made()
        at.token = second
        assert (await works(second), await works(first)) == (True, False)
        first = second
    file.unlink()
    tokens = await asyncio.gather(made(), made(), made())
    at.token = tokens[0]
    assert len(set(tokens)) == 1
    assert await works(tokens[0])


async def test_a_token_that_cannot_be_written_is_not_made(env: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    refused = await start(env, log, "--bootstrap-token", str(tmp_path / "no-such-folder" / "token"))
    code, _ = await said(refused)
    assert code == 1
    assert "cannot be written" in log.read_text()
    assert "Traceback" not in log.read_text()


async def test_a_missing_setting_is_named(env: dict[str, str], tmp_path: Path) -> None:
    del env["PSABRIDGE_CONSOLE_PRIVATE_KEY"]
    log = tmp_path / "log"
    assert (await said(await start(env, log, "--check")))[0] == 2
    assert "PSABRIDGE_CONSOLE_PRIVATE_KEY" in log.read_text()
