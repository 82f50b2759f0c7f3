"""Files over HTTP, as the console's callers bring them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from billing_intake.app import build
from billing_intake.importer import Importer
from billing_intake.settings import Settings
from tests.billing_intake.desk import Desk
from tests.factories.callers import caller, environment
from tests.factories.recon import recon, seat

LIMIT = 200_000
ONE = recon([seat()])


@pytest_asyncio.fixture(loop_scope="session")
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may import and read, at a service that takes 200,000 bytes."""
    service = replace(build(Settings(**environment(desk.urls))), db=desk.db, largest_body=LIMIT)
    async with caller(service, desk.tenant, "billing.import", "billing.read") as found:
        yield found


async def send(client: httpx.AsyncClient, content: bytes, **params: Any) -> httpx.Response:
    return await client.post("/imports", params={"file": "recon.csv", **params}, content=content)


async def test_a_file_is_taken_and_can_be_followed_to_its_lines(client: httpx.AsyncClient, desk: Desk) -> None:
    answer = await send(client, ONE, expect_total=["USD=201.20"])
    assert answer.status_code == 202
    import_id = answer.json()["import_id"]
    assert (await client.get(f"/imports/{import_id}")).json()["state"] == "received"
    await Importer(desk.db).read(desk.tenant, import_id)
    assert (await client.get(f"/imports/{import_id}")).json()["state"] == "sealed"
    [document] = (await client.get("/documents")).json()["items"]
    assert (document["tied"], document["cost_total"]) == (True, "184.80")
    [line] = (await client.get(f"/documents/{document['document_id']}/lines")).json()["items"]
    assert (line["cost"], line["row"], line["period_end"]) == ("184.80", 2, "2026-11-15")
    assert [one["import_id"] for one in (await client.get("/imports")).json()["items"]] == [import_id]
    assert await desk.raw(import_id) == ONE


async def test_a_file_over_the_limit_is_refused_whatever_its_headers_say(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 10_000 + 1):
            yield b"x" * 10_000

    answer = await client.post("/imports", params={"file": "recon.csv"}, content=pieces())
    assert answer.status_code == 413
    assert f"{LIMIT:,}" in answer.text
    assert (await client.get("/imports")).json()["items"] == []


@pytest.mark.parametrize("total", ["USD=much", "USD=1,000.00", "=5", "US D=5", "1e5", "USD=1.1234567", "a=b=5"])
async def test_a_total_that_is_none_is_refused_before_anything_is_kept(client: httpx.AsyncClient, total: str) -> None:
    answer = await send(client, ONE, expect_total=[total])
    assert answer.status_code == 422
    assert total in answer.json()["detail"]
    assert (await client.get("/imports")).json()["items"] == []


async def test_a_files_name_is_only_a_name(client: httpx.AsyncClient) -> None:
    answer = await send(client, ONE, file="..\\..\\/etc/pass\x1bwd.csv")
    found = (await client.get(f"/imports/{answer.json()['import_id']}")).json()
    assert found["file"] == "pass?wd.csv"


async def test_lines_of_a_document_are_paged_without_loss(client: httpx.AsyncClient, desk: Desk) -> None:
    rows = [seat(OrderId=f"order-{number}") for number in range(7)]
    await desk.imported(recon(rows))
    await desk.imported(recon([seat(OrderId="first"), *rows[::-1]]))
    [document] = await desk.documents()
    seen: list[int] = []
    params: dict[str, Any] = {"size": 3}
    while True:
        page = (await client.get(f"/documents/{document.document_id}/lines", params=params)).json()
        seen += [line["row"] for line in page["items"]]
        if not page.get("next"):
            break
        params["after"] = page["next"]
    assert seen == list(range(2, 10))


async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/imports/none")).status_code == 404
