"""The routes, through the app as it is served."""

import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from pydantic import SecretStr

from devstack import provision
from devstack.keys import provide_keys
from servicekit.edge import build_app
from setup_validation.app import build
from setup_validation.settings import Settings
from tests.factories import facts
from tests.setup_validation.desk import Desk


@pytest_asyncio.fixture(loop_scope="session")
async def api(desk: Desk, urls: provision.Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with all permissions, as the console would forward it."""
    keys = provide_keys(tmp_path)
    keyring = {name: base64.b64encode(key).decode() for name, key in facts.KEYRING.keys.items()}
    (tmp_path / "ring.json").write_text(json.dumps({"active": facts.KEYRING.active, "keys": keyring}))
    settings = Settings(
        kafka="nowhere:9",
        database_url=SecretStr(urls.app),
        all_tenants_url=SecretStr(urls.all_tenants),
        console_public_key=keys.console_public,
        sealing_keys=tmp_path / "ring.json",
        installation_id="test",
    )
    service = build(settings)
    await service.db.open()

    async def nothing() -> None:
        return None

    app = build_app(
        service,
        keys.console_public.read_text(),
        not_ready=nothing,
        stuck=lambda: None,
        stopping=lambda: False,
        measure=nothing,
    )
    claims: dict[str, Any] = {
        "iss": "psabridge-console",
        "aud": service.name,
        "sub": "somebody",
        "tenant": desk.tenant,
        "permissions": ["setup.read", "setup.check"],
        "exp": int(time.time()) + 60,
    }
    token = jwt.encode(claims, keys.console_private.read_text(), "EdDSA")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://here/v1/setup-validation",
        headers={"authorization": f"Bearer {token}"},
    ) as client:
        yield client
    await service.db.close()


@pytest.mark.requirement("R1", "R6")
async def test_setup_is_told_with_each_finding_and_its_requirements(desk: Desk, api: httpx.AsyncClient) -> None:
    assert (await api.get("/setup")).json()["code"] == "not_checked"
    desk.there_is(misc_inactive="true")
    await desk.connected()
    told = (await api.get("/setup")).json()
    assert (told["status"], told["time_zone"]) == ("ready", "America/New_York")
    assert "connection" not in told
    [finding] = [one for one in told["findings"] if one["state"] == "failed"]
    assert (finding["check"], finding["requirements"]) == ("misc-items", ["R24"])
    assert finding["detail"] == "inactive: OLD-MISC-2019"


async def test_history_is_paged_newest_first(desk: Desk, api: httpx.AsyncClient) -> None:
    desk.there_is()
    await desk.connected()
    first = (await api.get("/setup/history", params={"size": 1})).json()
    second = (await api.get("/setup/history", params={"size": 1, "after": first["next"]})).json()
    assert [page["items"][0]["status"] for page in (first, second)] == ["ready", "unknown"]


@pytest.mark.requirement("R6", "R7")
async def test_check_on_demand_is_done_when_it_began_after_it_was_asked_for(desk: Desk, api: httpx.AsyncClient) -> None:
    assert (await api.post("/checks")).json()["code"] == "not_connected"
    desk.there_is()
    await desk.connected()
    before = (await api.get("/setup")).json()
    answer = await api.post("/checks")
    assert answer.status_code == 202
    asked_at = answer.json()["asked_at"]
    assert before["checked_at"] < asked_at
    await desk.checked()
    assert (await api.get("/setup")).json()["checked_at"] >= asked_at
