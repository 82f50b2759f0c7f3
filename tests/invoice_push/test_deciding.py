"""A person decides a conflict: the addition that is there for the line, or that none is."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from contracts.values import LineIdentity, RunId, TenantId
from delivery import marker, operation_key
from invoice_push.app import build
from invoice_push.pusher import Additions
from invoice_push.settings import Settings
from servicekit import Service
from tenancy import PRIVATE_KEY
from tests.factories import facts
from tests.factories.callers import caller, environment
from tests.factories.grounds import SOON
from tests.factories.site import MONTHLY, PREMIUM, SECOND
from tests.invoice_push.desk import Clients, Desk

GIVEN = {"active": "test", "keys": {"test": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}
IDENTITY = facts.billed().identity
KEY = operation_key("addition", IDENTITY, "charge", 1)


@pytest_asyncio.fixture(loop_scope="session")
async def service(desk: Desk, tmp_path: Path) -> AsyncIterator[Service]:
    """The service with the desk's database and ConnectWise."""
    keys = tmp_path / "sealing.json"
    keys.write_text(json.dumps(GIVEN))
    sites = Clients(desk.db, facts.KEYRING, calls_per_minute=100_000, deadline=1.0, retry=SOON, allow_loopback=True)
    made = build(Settings(**environment(desk.urls), sealing_keys=keys))
    yield replace(made, db=desk.db, resources={"additions": Additions(desk.db, sites)})
    for one in sites.made:
        await one.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def client(desk: Desk, service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may read and approve."""
    async with caller(service, desk.tenant, "lines.read", "runs.approve") as found:
        yield found


async def decide(client: httpx.AsyncClient, decision: str, addition_id: int | None = None, key: str = KEY) -> Any:
    asked: dict[str, Any] = {"key": key, "decision": decision}
    answer = await client.post(
        "/operations/decide", params=asked | ({"addition_id": addition_id} if addition_id else {})
    )
    return answer.status_code, answer.json()


async def added(desk: Desk, agreement_id: int, key: str = KEY, **changes: Any) -> int:
    """An addition that somebody made by hand, with the marker of an operation."""
    members = {
        "product": {"id": PREMIUM},
        "billCustomer": "Billable",
        "quantity": 3,
        "effectiveDate": "2026-12-01T00:00:00Z",
        "serialNumber": marker(desk.site.site_id, operation_key(*key.split("/"))),
    }
    return await desk.site.add(agreement_id, **members | changes)


async def in_conflict(desk: Desk) -> int:
    """The only line, whose marker is on its agreement with something else."""
    there = await added(desk, MONTHLY)
    await desk.billed(facts.billed())
    await desk.pushed()
    assert (await desk.stands())[:2] == ("failed", "conflict")
    return there


@pytest.mark.requirement("R104")
async def test_an_adopted_addition_is_the_lines_and_the_story_says_who_said_so(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    there = await in_conflict(desk)
    status, said = await decide(client, "adopt", there)
    assert (status, said["state"], said["remote_id"], said["reason"]) == (200, "confirmed", there, "adopted")
    assert said["message"].startswith("quantity 3")
    line = await desk.line()
    assert (line.state, line.addition_id, line.written_cost) == ("synced", there, Decimal("184.80"))
    assert [(one.state, one.addition_id) for one in await desk.settled()] == [("conflict", there), ("synced", there)]
    await desk.resolve()
    assert [row.part for row in (await desk.proof()).rows] == ["pushed"]
    assert (await desk.steps("write"))[-1].message == "1 written"
    story = (await client.get(f"/lines/{IDENTITY}")).json()
    [decision] = story["decisions"]
    assert (decision["decision"], decision["remote_id"], decision["by"]) == ("adopted", there, "finance@example.org")
    assert decision["at"]
    [read] = await desk.read_back()
    assert [one["kind"] for one in read.differences] == ["drifted"]


@pytest.mark.requirement("B12")
async def test_what_was_amended_meanwhile_adds_only_the_difference_to_what_was_adopted(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    there = await in_conflict(desk)
    await desk.billed(facts.billed(cost="203.28", quantity=Decimal(11), document_version=2, run_id="run-2"))
    assert await desk.corrections() == []
    await decide(client, "adopt", there)
    await desk.resolve()
    [correction] = await desk.corrections()
    assert (correction.component, correction.state, correction.cost) == ("difference-1", "ready", Decimal("18.48"))


async def test_a_line_that_is_tried_again_is_written_once_and_only_where_it_is_not_there(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    there = await in_conflict(desk)
    status, said = await decide(client, "try_again")
    assert (status, said["state"], said["remote_id"]) == (200, "pending", None)
    line = await desk.line()
    assert (line.state, line.written_cost) == ("queued", Decimal("184.80"))
    await desk.delivered()
    assert (await desk.stands())[:2] == ("failed", "conflict")
    assert [one["id"] for one in desk.site.additions()] == [there]
    await desk.site.delete(MONTHLY, there)
    assert (await decide(client, "try_again"))[0] == 200
    await desk.delivered()
    [written] = desk.site.additions()
    assert (await desk.line()).addition_id == written["id"] != there
    story = (await client.get(f"/lines/{IDENTITY}")).json()
    assert [one["decision"] for one in story["decisions"]] == ["tried_again", "tried_again"]


async def test_who_is_mistaken_about_what_was_amended_meanwhile_gets_the_conflict_back(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    there = await in_conflict(desk)
    await desk.billed(facts.billed(cost="203.28", quantity=Decimal(11), document_version=2, run_id="run-2"))
    await decide(client, "try_again")
    await desk.resolve()
    await desk.pushed(RunId("run-2"))
    assert (await desk.stands())[:2] == ("failed", "conflict")
    assert [one["id"] for one in desk.site.additions()] == [there]


async def test_a_correction_in_conflict_is_decided_as_well(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.pushed()
    key = operation_key("addition", IDENTITY, "difference-1")
    there = await added(desk, MONTHLY, key)
    await desk.billed(facts.billed(cost="203.28", quantity=Decimal(11), document_version=2, run_id="run-2"))
    await desk.pushed(RunId("run-2"))
    assert [(one.state, one.reason) for one in await desk.corrections()] == [("failed", "conflict")]
    assert (await decide(client, "adopt", there, key))[0] == 200
    assert [(one.state, one.reason, one.addition_id) for one in await desk.corrections()] == [("synced", "", there)]
    story = (await client.get(f"/lines/{IDENTITY}")).json()
    assert [one["remote_id"] for one in story["corrections"][0]["decisions"]] == [there]


async def test_only_what_is_on_the_lines_own_agreement_with_its_marker_is_adopted(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await in_conflict(desk)
    unmarked, elsewhere = await added(desk, MONTHLY, serialNumber=""), await added(desk, SECOND)
    others = await added(desk, MONTHLY, f"addition/{LineIdentity('other')}/charge/1")
    for one in (unmarked, elsewhere, others, 9_999):
        status, said = await decide(client, "adopt", one)
        assert (status, said["code"]) == (409, "not_adoptable")
        assert (marker(desk.site.site_id, KEY) in said["detail"]) == (one in (unmarked, others))
    assert (await desk.stands())[:2] == ("failed", "conflict")


async def test_only_a_conflict_is_decided_and_only_by_who_may(
    client: httpx.AsyncClient, desk: Desk, service: Service
) -> None:
    assert (await decide(client, "try_again"))[0] == 409
    there = await in_conflict(desk)
    assert (await decide(client, "adopt"))[0] == 422
    assert (await decide(client, "try_again", there))[0] == 422
    assert (await decide(client, "give_up"))[0] == 422
    await desk.site.fault("500_before", method="GET", path=f"additions/{there}")
    status, said = await decide(client, "adopt", there)
    assert (status, said["code"]) == (502, "connectwise")
    async with caller(service, desk.tenant, "lines.read") as reader:
        assert (await decide(reader, "try_again"))[0] == 403
    async with caller(service, TenantId("another"), "runs.approve") as stranger:
        assert (await decide(stranger, "try_again"))[0] == 409
    assert (await desk.stands())[:2] == ("failed", "conflict")


async def test_a_connection_that_cannot_be_used_is_said_and_decides_nothing(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    there = await in_conflict(desk)
    await desk.connected(private_key=facts.KEYRING.seal(TenantId("another"), PRIVATE_KEY, "private"))
    status, said = await decide(client, "adopt", there)
    assert (status, said["code"]) == (409, "not_connected")
    assert "was not sealed for this tenant" in said["detail"]
    assert (await desk.stands())[:2] == ("failed", "conflict")
