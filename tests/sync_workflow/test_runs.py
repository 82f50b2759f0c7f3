"""Runs from facts to answers, on a real database."""

import asyncio

import pytest

from contracts import topics
from contracts.events import RunStep
from contracts.values import RunId
from sync_workflow import store
from sync_workflow.domain.run import Run
from sync_workflow.domain.view import RunState
from sync_workflow.store import RunChangedMeanwhile
from tests.factories import facts
from tests.sync_workflow.desk import Desk


async def ready(desk: Desk) -> None:
    """A run of two lines, one of which is ready."""
    await desk.imports(2)
    await desk.reports(RunStep.LINES, "done", 2, 2, ready=1, held=1)


async def test_a_run_goes_from_its_import_to_its_proof(desk: Desk) -> None:
    await desk.hears(topics.SETUP, desk.tenant, facts.setup())
    await ready(desk)
    run = await desk.run()
    assert run["state"] == "needs_approval"
    assert run["counts"] == {"ready": 1, "held": 1}
    assert [document["number"] for document in run["documents"]] == ["G000000001"]
    assert [(step["step"], step["state"]) for step in run["steps"]] == [
        ("import", "done"),
        ("setup", "done"),
        ("catalog", "waiting"),
        ("lines", "done"),
        ("approve", "blocked"),
        ("write", "waiting"),
        ("reconcile", "waiting"),
    ]

    answer = await desk.asks("POST", "/runs/run-1/approve")
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    assert await desk.commands() == [("approve", "ines")]

    await desk.reports(RunStep.LINES, "done", 2, 2, pushed=1, held=1)
    await desk.reports(RunStep.WRITE, "running", 0, 1)
    await desk.reports(RunStep.WRITE, "done", 1, 1)
    assert await desk.commands() == [("approve", "ines"), ("reconcile", "sync-workflow")]
    await desk.reports(RunStep.RECONCILE, "done", 1, 1)
    assert (await desk.run())["state"] == "closed_with_held"
    assert [fact.state for fact in await desk.told(topics.SYNC_RUNS)][-1] == "closed_with_held"
    assert (await desk.step("approve"))["message"] == "approved by ines"


@pytest.mark.requirement("R103")
async def test_approving_when_nothing_waits_is_refused_and_says_why(desk: Desk) -> None:
    await ready(desk)
    await desk.asks("POST", "/runs/run-1/approve")
    answer = await desk.asks("POST", "/runs/run-1/approve")
    assert answer.status_code == 409
    assert answer.json()["code"] == "nothing_waits"
    assert answer.json()["detail"].endswith("approved by ines")
    assert await desk.commands() == [("approve", "ines")]


async def test_two_approvals_at_once_are_one(desk: Desk) -> None:
    await ready(desk)
    answers = await asyncio.gather(*(desk.asks("POST", "/runs/run-1/approve") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    assert await desk.commands() == [("approve", "ines")]


async def test_the_same_file_again_closes_by_itself(desk: Desk) -> None:
    await ready(desk)
    await desk.imports(2, "run-2")
    await desk.reports(RunStep.LINES, "done", 0, 0, "run-2")
    run = await desk.run("run-2")
    assert run["state"] == "closed"
    assert run["steps"][0]["message"] == "1 documents, 2 lines, all known already"
    assert await desk.commands() == []


async def test_a_new_version_takes_over_lines_that_the_earlier_run_never_saw(desk: Desk) -> None:
    await desk.imports(2)
    await desk.reports(RunStep.LINES, "done", 1, 1, ready=1)
    assert (await desk.run())["state"] == "running"
    await desk.imports(2, "run-2", document_version=2)
    assert (await desk.run())["state"] == "needs_approval"


async def test_a_step_that_comes_before_its_import_begins_the_run(desk: Desk) -> None:
    await desk.reports(RunStep.LINES, "done", 2, 2, ready=2)
    assert (await desk.run())["state"] == "running"
    await desk.imports(2)
    assert (await desk.run())["state"] == "needs_approval"


async def test_a_setup_that_turns_bad_is_shown_on_open_runs_only(desk: Desk) -> None:
    await ready(desk)
    await desk.imports(1, "run-0", document_id="another", document_version=1)
    await desk.reports(RunStep.LINES, "done", 1, 1, "run-0", held=1)
    await desk.reports(RunStep.RECONCILE, "done", 0, 0, "run-0")
    assert (await desk.run("run-0"))["state"] == "closed_with_held"

    finding = {"check": "unit", "title": "Unit of measure Each is active", "state": "failed"}
    bad = facts.setup(status="not_ready", findings=(finding,))
    await desk.hears(topics.SETUP, desk.tenant, bad)
    step = await desk.step("setup")
    assert (step["state"], step["message"]) == ("blocked", "Unit of measure Each is active")
    assert (await desk.step("setup", "run-0"))["state"] == "waiting"


async def test_a_fact_twice_changes_and_tells_nothing(desk: Desk) -> None:
    await ready(desk)
    before = await desk.told(topics.SYNC_RUNS)
    await desk.imports(2)
    await desk.reports(RunStep.LINES, "done", 2, 2, ready=1, held=1)
    assert await desk.told(topics.SYNC_RUNS) == before


async def test_a_person_has_a_run_read_back(desk: Desk) -> None:
    await ready(desk)
    assert (await desk.asks("POST", "/runs/run-1/reconcile")).status_code == 202
    assert await desk.commands() == [("reconcile", "ines")]


async def test_runs_are_listed_newest_first_in_pages(desk: Desk) -> None:
    for number in range(3):
        await desk.imports(1, f"run-{number}", document_id=f"d-{number}")
    first = (await desk.asks("GET", "/runs?size=2")).json()
    assert [row["run_id"] for row in first["items"]] == ["run-2", "run-1"]
    assert first["items"][0]["files"] == ["recon.csv"]
    rest = (await desk.asks("GET", f"/runs?size=2&after={first['next']}")).json()
    assert [row["run_id"] for row in rest["items"]] == ["run-0"]
    assert rest["next"] is None


async def test_unknown_runs_and_missing_permissions_are_refused(desk: Desk) -> None:
    assert (await desk.asks("GET", "/runs/nothing")).status_code == 404
    assert (await desk.asks("POST", "/runs/nothing/approve")).status_code == 404
    assert (await desk.asks("POST", "/runs/nothing/reconcile")).status_code == 404
    await ready(desk)
    assert (await desk.asks("POST", "/runs/run-1/approve", "runs.read")).status_code == 403
    assert (await desk.asks("GET", "/runs", "catalog.read")).status_code == 403


async def test_a_change_made_from_an_older_version_is_not_saved(desk: Desk) -> None:
    await ready(desk)
    async with desk.service.db.transaction([desk.tenant]) as tx:
        stored = await store.lock(tx, desk.tenant, RunId("run-1"))
        await store.save(tx, stored, Run(), RunState.RUNNING)
        with pytest.raises(RunChangedMeanwhile):
            await store.save(tx, stored, Run(), RunState.CLOSED)
