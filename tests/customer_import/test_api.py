"""The routes, through the app as it is served."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from customer_import.app import build
from customer_import.settings import Settings
from devstack import provision
from tests.customer_import.desk import ALDER, Desk
from tests.factories import facts
from tests.factories.callers import caller, environment

ALDER_ID = "bb516e65-265e-4e5b-88c3-bab2cec79213"


@pytest_asyncio.fixture(loop_scope="session")
async def api(desk: Desk, urls: provision.Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with all permissions, as the console would forward it."""
    service = build(Settings.model_validate(environment(urls, facts.KEYRING, tmp_path)))
    await service.db.open()
    async with caller(service, desk.tenant, "customers.read", "mappings.read", "mappings.write") as client:
        yield client
    await service.db.close()


async def test_lists_are_paged_and_searched(desk: Desk, api: httpx.AsyncClient) -> None:
    await desk.furnished()
    page = (await api.get("/companies", params={"size": 1})).json()
    assert (page["items"][0]["identifier"], page["next"]) == ("AlderFinch", "101")
    page = (await api.get("/companies", params={"size": 1, "after": page["next"]})).json()
    assert page["items"][0] == {
        "company_id": 102,
        "identifier": "Brightwater",
        "name": "Brightwater [Marine], 100 %",
        "status": "Active",
    }
    found = (await api.get("/agreements", params={"company": 102})).json()["items"]
    assert [one["agreement_id"] for one in found] == [7]
    customers = (await api.get("/customers", params={"q": "customer"})).json()["items"]
    assert [(one["key"], one["mapped"]) for one in customers] == [(ALDER, [])]


@pytest.mark.requirement("C3", "R36", "R39")
async def test_picker_says_what_does_not_fit_and_why(desk: Desk, api: httpx.AsyncClient) -> None:
    await desk.furnished()
    found = {one["agreement_id"]: one["unfit"] for one in (await api.get("/agreements")).json()["items"]}
    assert set(found[1]) == {"seat_annual", "one_time"}
    assert set(found[2]) == {"seat_monthly", "azure"}
    assert found[5]["azure"] == "the agreement is Cancelled"


@pytest.mark.requirement("B5", "R80", "R90")
async def test_mappings_are_put_listed_and_deleted(desk: Desk, api: httpx.AsyncClient) -> None:
    await desk.furnished()
    wanted = {
        "customer_key": ALDER,
        "motion": "azure",
        "company_id": 101,
        "agreement_id": 1,
        "go_live": "2026-10-01",
        "billing_contract": "2026/7 | 50 %",
    }
    answer = await api.put("/mappings", json=[wanted])
    assert answer.json() == {"new": 1, "changed": 0, "unchanged": 0, "advice": []}
    [listed] = (await api.get("/mappings")).json()["items"]
    assert (listed["agreement"], listed["agreement_status"], listed["changed_by"]) == (
        "Monthly",
        "Active",
        "finance@example.org",
    )
    path = f"/mappings/{quote(listed['mapping_id'], safe='')}"
    assert (await api.delete(path)).json()["removed"] is True
    assert (await api.delete(path)).status_code == 404
    assert (await api.get("/mappings")).json()["items"] == []


@pytest.mark.requirement("B5")
async def test_refused_file_is_a_problem_with_every_place(desk: Desk, api: httpx.AsyncClient) -> None:
    await desk.furnished()
    content = (
        "customer_id,motion,company,agreement,go_live\n"
        "nobody,azure,AlderFinch,Monthly,2026-10-01\n"
        f"{ALDER_ID},azure,AlderFinch,One-Time,2026-10-01\n"
    )
    answer = await api.post("/mappings/import", content=content)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (422, "mappings_refused")
    assert [(one["row"], one["column"], one["value"], one["rule"]) for one in told["refusals"]] == [
        (2, "customer_id", "nobody", "unknown_customer"),
        (3, "agreement", "One-Time", "unfit_agreement"),
    ]
    answer = await api.put(
        "/mappings",
        json=[
            {"customer_key": ALDER, "motion": "azure", "company_id": 99, "agreement_id": 99, "go_live": "2026-10-01"}
        ],
    )
    assert [(one["column"], one["value"]) for one in answer.json()["refusals"]] == [
        ("company_id", "99"),
        ("agreement_id", "99"),
    ]


async def test_nothing_is_mapped_before_the_site_was_read(desk: Desk, api: httpx.AsyncClient) -> None:
    desk.there_is()
    await desk.connect()
    assert (await api.post("/mappings/import", content="x")).json()["code"] == "not_read"


async def test_refresh_says_how_it_stands(desk: Desk, api: httpx.AsyncClient) -> None:
    assert (await api.post("/refresh")).json()["code"] == "not_connected"
    assert (await api.get("/refresh")).json()["state"] == "never"
    desk.there_is()
    await desk.connect()
    answer = await api.post("/refresh")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert answer.json()["blocked"] == "the setup has not been checked yet"
    await desk.ready()
    await desk.read()
    told = (await api.get("/refresh")).json()
    assert (told["state"], told["blocked"], told["companies"], told["agreements"]) == ("done", "", 2, 9)
