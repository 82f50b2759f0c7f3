"""The main job, end to end, on every service as a process of its own."""

import asyncio
import io

import pytest

from devstack import demo, story
from devstack.rehearsal import Rehearsal
from tests.acceptance.conftest import imported

ADDITIONS = 29


@pytest.mark.requirement("R99", "R100", "R101", "R103", "R104", "B1", "B2", "B3", "B5")
async def test_a_file_becomes_additions_with_proof_and_again_adds_nothing(
    rehearsal: Rehearsal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(demo.tell, rehearsal, yes=True)
    first = capsys.readouterr().out
    assert f"{ADDITIONS} new additions in ConnectWise" in first
    assert first.count("unexplained") == 2

    assert await asyncio.to_thread(demo.tell, rehearsal, yes=True)
    assert "0 new additions in ConnectWise" in capsys.readouterr().out
    assert len(await asyncio.to_thread(rehearsal.additions_made)) == ADDITIONS


@pytest.mark.requirement("R103")
async def test_who_declines_is_asked_again_the_next_time(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO("n\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert not await asyncio.to_thread(demo.tell, rehearsal, yes=False)
    assert "Nothing was written" in capsys.readouterr().out
    assert await asyncio.to_thread(rehearsal.additions_made) == []

    assert await asyncio.to_thread(demo.tell, rehearsal, yes=True)
    assert f"{ADDITIONS} new additions in ConnectWise" in capsys.readouterr().out


@pytest.mark.requirement("R103")
async def test_nothing_is_written_before_a_run_is_approved(rehearsal: Rehearsal) -> None:
    run = await imported(rehearsal)

    assert await asyncio.to_thread(rehearsal.additions_made) == []
    await asyncio.to_thread(rehearsal.approve, run)
    found = await asyncio.to_thread(rehearsal.closed, run)

    assert found["state"] == "closed_with_held"
    assert len(await asyncio.to_thread(rehearsal.additions_made)) == ADDITIONS
    assert await asyncio.to_thread(story.tell, rehearsal.client, run)
