"""The routes, through the app as it is served."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from devstack import provision
from setup_validation.app import build
from setup_validation.settings import Settings
from tests.factories import facts
from tests.factories.callers import caller, environment
from tests.setup_validation.desk import Desk


@pytest_asyncio.fixture(loop_scope="session")
async def api(desk: Desk, urls: provision.Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with all permissions, as the console would forward it."""
    service = build(Settings.model_validate(environment(urls, facts.KEYRING, tmp_path)))
    await service.db.open()
    async with caller(service, desk.tenant, "setup.read", "setup.check") as client:
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
