"""The tiny service as a process."""

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt

from devstack import provision
from devstack.keys import Keys

CHECKOUT = Path(__file__).parents[2]
VENDOR_KEY = "canary-of-the-settings"


def token(keys: Keys, tenant: str, *permissions: str, claims: Mapping[str, Any] | None = None) -> str:
    """What the console would sign."""
    said = {
        "iss": "psabridge-console",
        "aud": "tiny",
        "sub": "somebody",
        "tenant": tenant,
        "permissions": list(permissions),
        "exp": int(time.time()) + 60,
        **(claims or {}),
    }
    return jwt.encode({k: v for k, v in said.items() if v is not None}, keys.console_private.read_text(), "EdDSA")


def environment(kafka: str, urls: provision.Database, keys: Keys) -> dict[str, str]:
    """All that a deployment gives."""
    return {
        "PSABRIDGE_KAFKA": kafka,
        "PSABRIDGE_DATABASE_URL": urls.app,
        "PSABRIDGE_ALL_TENANTS_URL": urls.all_tenants,
        "PSABRIDGE_OWNER_URL": urls.owner,
        "PSABRIDGE_CONSOLE_PUBLIC_KEY": str(keys.console_public),
        "PSABRIDGE_INSTALLATION_ID": keys.installation_id,
        "PSABRIDGE_GROUP_PREFIX": f"t{secrets.token_hex(4)}.",
        "PSABRIDGE_VENDOR_KEY": VENDOR_KEY,
    }


@dataclass
class Tiny:
    """A running one."""

    process: asyncio.subprocess.Process
    url: str
    keys: Keys
    tenant: str
    log: Path
    said: list[str] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        bearer: str | None = None,
        permissions: tuple[str, ...] = ("wish",),
        **more: Any,
    ) -> httpx.Response:
        """One request as somebody who may make wishes."""
        bearer = token(self.keys, self.tenant, *permissions) if bearer is None else bearer
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            return await client.request(method, path, headers={"authorization": f"Bearer {bearer}"}, **more)

    async def readiness(self) -> tuple[int, str]:
        """Status and reason of /readyz; 0 where nobody listens."""
        try:
            answer = await self.ask("GET", "/readyz")
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    async def until_ready(self, status: int = 200, within: float = 30) -> str:
        """Wait until /readyz answers so; its reason."""
        until = time.monotonic() + within
        while (found := await self.readiness())[0] != status:
            assert time.monotonic() < until, f"/readyz is {found}, log: {self.end_of_log()}"
            assert self.process.returncode is None, self.end_of_log()
            await asyncio.sleep(0.05)
        return found[1]

    def end_of_log(self) -> str:
        """For a failing assertion."""
        return self.log.read_text()[-3000:]

    def terminate(self) -> None:
        """SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    async def ended(self, within: float = 30) -> int:
        """Wait for its end; the exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within):
            self.said += (await self.process.stdout.read()).decode().splitlines()
            return await self.process.wait()


async def start(env: Mapping[str, str], log: Path, *arguments: str) -> asyncio.subprocess.Process:
    """A process of the tiny service, from an environment that has nothing else of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PSABRIDGE_")}
    with log.open("ab") as stderr:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.servicekit.tiny", *arguments),
            cwd=CHECKOUT,
            env={**clean, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )


@asynccontextmanager
async def serving(env: Mapping[str, str], keys: Keys, tenant: str, log: Path) -> AsyncIterator[Tiny]:
    """The service from `ready URL` on; killed at the end of the block if it still runs."""
    process = await start(env, log, "--port", "0")
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        tiny = Tiny(process, line.removeprefix("ready ").strip(), keys, tenant, log)
        assert line.startswith("ready http"), line + tiny.end_of_log()
        yield tiny
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
