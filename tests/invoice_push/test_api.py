"""Questions about lines and their way, as the console's callers ask them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from contracts.values import Motion, RunId
from delivery import Scope, pause
from invoice_push.app import build
from invoice_push.settings import Settings
from tests.factories import facts
from tests.factories.callers import caller, environment
from tests.factories.site import MONTHLY
from tests.invoice_push.desk import Desk

GIVEN = {"active": "test", "keys": {"test": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}


@pytest_asyncio.fixture(loop_scope="session")
async def client(desk: Desk, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may read and approve."""
    keys = tmp_path / "sealing.json"
    keys.write_text(json.dumps(GIVEN))
    service = replace(build(Settings(**environment(desk.urls), sealing_keys=keys)), db=desk.db)
    async with caller(service, desk.tenant, "lines.read", "runs.approve") as found:
        yield found


async def asked(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.requirement("R104")
async def test_a_written_line_tells_its_whole_story(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.pushed()
    found = await asked(client, f"/lines/{facts.billed().identity}")
    assert (found["line"]["state"], found["line"]["written_cost"], found["remedy"]) == ("synced", "184.800000", "")
    assert (found["operation"]["state"], found["operation"]["remote_id"]) == ("confirmed", found["line"]["addition_id"])
    [attempt] = found["attempts"]
    assert (attempt["outcome"], attempt["status"]) == ("ok", 201)
    assert attempt["request_id"]


@pytest.mark.requirement("R87")
async def test_a_held_line_says_why_and_what_frees_it(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.billed(facts.billed(motion=Motion.AZURE))
    found = await asked(client, f"/lines/{facts.billed().identity}")
    assert (found["line"]["reason"], found["line"]["detail"]) == ("customer not mapped", "azure")
    assert found["remedy"] == "map the customer to an agreement: psabridge map"
    assert (found["operation"], found["attempts"]) == (None, [])


async def test_lines_are_filtered_and_paged_without_loss(client: httpx.AsyncClient, desk: Desk) -> None:
    other = {"customer_key": "microsoft-nce:partner-1:customer-2", "customer_name": "Birch"}
    await desk.billed(*(facts.billed(number, **(other if number % 2 else {})) for number in range(7)))
    assert len((await asked(client, "/lines", state="ready"))["items"]) == 4
    assert len((await asked(client, "/lines", customer="birch"))["items"]) == 3
    assert len((await asked(client, "/lines", run="none"))["items"]) == 0
    seen, after = [], ""
    while after is not None:
        page = await asked(client, "/lines", size=3, after=after)
        seen += [line["identity"] for line in page["items"]]
        after = page["next"]
    assert seen == [line.identity for line in await desk.lines()]


@pytest.mark.requirement("R103")
async def test_the_plan_is_what_is_then_written(client: httpx.AsyncClient, desk: Desk) -> None:
    odd = facts.billed(2, "10.00", quantity=Decimal(3), list_unit=Decimal("4.25"))
    await desk.billed(facts.billed(1), odd)
    [planned] = (await asked(client, "/plan", run=facts.RUN))["agreements"]
    assert (planned["agreement_id"], planned["agreement_name"], planned["lines"]) == (MONTHLY, "Cloud Monthly", 2)
    assert (planned["cost"], planned["price"]) == ("194.80", "217.31")
    await desk.pushed()
    lines = await desk.lines()
    assert sum(line.written_cost for line in lines) == Decimal(planned["cost"])
    assert sum(line.written_price for line in lines) == Decimal(planned["price"])
    assert (await asked(client, "/plan", run=facts.RUN))["agreements"] == []


@pytest.mark.requirement("B3")
async def test_the_proof_adds_up_before_and_after(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.billed(facts.billed(1), facts.billed(2, "5.00", motion=Motion.AZURE))
    [before] = (await asked(client, "/proof", run=facts.RUN))["documents"]
    assert [(row["part"], row["reason"], row["cost"]) for row in before["rows"]] == [
        ("ready", "waiting for approval", "184.800000"),
        ("held", "customer not mapped", "5.000000"),
    ]
    await desk.pushed()
    [after] = (await asked(client, "/proof"))["documents"]
    assert [(row["part"], row["lines"]) for row in after["rows"]] == [("pushed", 1), ("held", 1)]
    assert Decimal(before["unexplained"]) == Decimal(after["unexplained"]) == 0


async def test_what_was_read_back_can_be_asked_for(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.pushed()
    await desk.read_back()
    [found] = (await asked(client, "/reconciliations", run=facts.RUN))["items"]
    assert (found["agreement_id"], found["additions"], found["differences"]) == (MONTHLY, 1, [])


@pytest.mark.requirement("R14")
async def test_pauses_are_listed_and_resumed(client: httpx.AsyncClient, desk: Desk) -> None:
    async with desk.db.transaction([desk.tenant]) as tx:
        await pause(tx, desk.tenant, Scope.LANE, "agreement-1", "Security", "the role lacks a right")
        await pause(tx, desk.tenant, Scope.LANE, "agreement-4", "Security", "the role lacks a right")
    assert len((await asked(client, "/pauses"))["items"]) == 2
    answer = await client.post("/pauses/resume", params={"scope": "lane", "name": "agreement-1"})
    assert answer.json() == {"resumed": 1}
    assert [one["name"] for one in (await asked(client, "/pauses"))["items"]] == ["agreement-4"]
    assert (await client.post("/pauses/resume")).json() == {"resumed": 1}


@pytest.mark.requirement("R104")
async def test_failed_lines_are_looked_at_again_on_request(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.site.edit("catalog", 501, inactiveFlag=True)
    await desk.billed(facts.billed())
    await desk.pushed()
    assert (await client.post(f"/runs/{facts.RUN}/retry")).json() == {"lines": 1}
    await desk.resolve()
    assert (await desk.stands())[0] == "ready"
    assert (await client.post(f"/runs/{facts.RUN}/retry")).json() == {"lines": 0}


@pytest.mark.requirement("B12", "R103")
async def test_a_correction_is_in_the_plan_and_in_its_lines_story(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.pushed()
    await desk.billed(facts.billed(cost="166.32", quantity=Decimal(9), document_version=2, run_id="run-2"))
    [held] = (await asked(client, "/corrections", run="run-2"))["items"]
    assert (held["component"], held["reason"], held["cost"]) == ("difference-1", "below zero", "-18.480000")
    assert (await asked(client, "/plan", run="run-2"))["agreements"] == []
    assert (await client.post("/runs/run-2/credits")).json() == {"corrections": 1}
    [planned] = (await asked(client, "/plan", run="run-2"))["agreements"]
    assert (planned["lines"], planned["corrections"], planned["cost"], planned["price"]) == (0, 1, "-18.48", "-20.33")
    await desk.pushed(RunId("run-2"))
    story = await asked(client, f"/lines/{facts.billed().identity}")
    [corrected] = story["corrections"]
    assert (corrected["correction"]["state"], corrected["operation"]["state"]) == ("synced", "confirmed")
    assert [attempt["outcome"] for attempt in corrected["attempts"]] == ["ok"]
    progress = await asked(client, "/runs/run-2/progress")
    assert (progress["done"], progress["left"]) == (1, 0)


async def test_everything_is_read_back_on_request(client: httpx.AsyncClient, desk: Desk) -> None:
    assert (await client.get("/reconciliations/last")).status_code == 404
    await desk.billed(facts.billed())
    await desk.pushed()
    answer = await client.post("/reconciliations")
    assert answer.status_code == 202
    await desk.delivered()
    last = await asked(client, "/reconciliations/last")
    assert datetime.fromisoformat(last["began_at"]) > datetime.fromisoformat(answer.json()["asked_at"])
    assert (last["agreements"], last["differences"]) == (1, 0)
    assert [one["agreement_id"] for one in (await asked(client, "/reconciliations"))["items"]] == [MONTHLY]


async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/lines/none")).status_code == 404


async def test_a_run_is_paused_by_hand_and_its_progress_says_so(client: httpx.AsyncClient) -> None:
    paused = await client.post("/pauses", params={"scope": "run", "name": "run-1", "message": "look first"})
    assert [(one["scope"], one["name"], one["message"]) for one in paused.json()["items"]] == [
        ("run", "run-1", "look first")
    ]
    assert (await client.post("/pauses", params={"scope": "run"})).status_code == 422
    assert (await asked(client, "/runs/run-1/progress"))["left"] == 0
    for state in ("ambiguous", "rejected", "conflict"):
        assert (await client.get("/operations", params={"state": state})).json()["items"] == []
    assert (await client.get("/operations", params={"state": "confirmed"})).status_code == 422
    assert (await client.post("/pauses/resume", params={"scope": "run", "name": "run-1"})).json() == {"resumed": 1}
