"""The state file: what a restart finds, also one after a kill."""

import asyncio
import json
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectwise_simulator.jsonwire import exact_text, exact_value
from tests.connectwise_simulator.conftest import Site

DAY = {"effectiveDate": "2026-04-01T00:00:00Z"}
ADDITIONS = "finance/agreements/1/additions"
READ = (ADDITIONS, "finance/agreements", "procurement/catalog", "company/companies", "company/contacts")

ANEW = """
import sys
from pathlib import Path
from connectwise_simulator.state.restore import restore
from connectwise_simulator.world import World
restore(World(), Path(sys.argv[1]), dict, print, large=0)
"""


class Simulator:
    """A process with a state file, and a client at its site `kept`."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.client = Site(url, "kept")

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def truth(self) -> dict[str, Any]:
        """All a client or a test can read of the site, but for the ticking seconds."""
        tables = {path: (await self.client.get(path, params={"pageSize": "1000"})).text for path in READ}
        tables = {path: text.replace(self.client.root, "") for path, text in tables.items()}  # links name the port
        clock = await self.client.control("GET", "clock?site=kept")
        history = await self.client.request("GET", f"{self.client.root}/_simulator/history")
        return {"tables": tables, "today": clock["kept"]["today"], "history": history.text}


def state_in(folder: Path) -> Path:
    return folder / "state.jsonl"


async def start(folder: Path) -> asyncio.subprocess.Process:
    scenario = folder / "scenario.yaml"
    words = ("--port", "0", "--scenario", str(scenario), "--state", str(state_in(folder)))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connectwise_simulator", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Simulator]:
    process = await start(folder)
    try:
        assert process.stdout is not None
        first = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert first.startswith("ready "), (await process.communicate())[1].decode()
        simulator = Simulator(process, first.removeprefix("ready ").strip())
        async with simulator.client:
            yield simulator
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def refusal(folder: Path) -> str:
    process = await start(folder)
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    return said.decode()


async def doubled(simulator: Simulator, scenario: str) -> None:
    """Sites come and go, so that most of the file is about nothing that is still there."""
    for _ in range(3):
        await simulator.client.control("POST", "sites", content=scenario.replace("COMPANY", "passing"))
        await simulator.client.control("DELETE", "sites/passing")


def written_anew(state: Path) -> None:
    """What a start does to a large file; in a process of its own, as a file belongs to a process until its end."""
    subprocess.run([sys.executable, "-c", ANEW, str(state)], check=True)  # noqa: S603


@pytest.fixture
def folder(tmp_path: Path, scenario_text: str) -> Path:
    (tmp_path / "scenario.yaml").write_text(scenario_text.replace("COMPANY", "kept"))
    return tmp_path


async def changed(simulator: Simulator) -> None:
    """Creates, a patch, a delete, an office edit, a renaming that references follow, a new day."""
    client = simulator.client
    kept, lost = [(await client.add(1, quantity=q, **DAY)).json()["id"] for q in ("2.50", "3")]
    patch = [{"op": "replace", "path": "unitPrice", "value": "7.10"}]
    assert (await client.patch(f"{ADDITIONS}/{kept}", json=patch)).status_code == 200
    assert (await client.delete(f"{ADDITIONS}/{lost}")).status_code == 204
    renamed = [{"op": "replace", "path": "name", "value": "Alder & Sons"}]
    assert (await client.patch("company/companies/10", json=renamed)).status_code == 200
    edit = {"table": "agreements", "id": 1, "values": {"nextInvoiceDate": "2026-05-01T00:00:00Z"}}
    await client.control("POST", "sites/kept/edit", json=edit)
    await client.control("POST", "clock", json={"site": "kept", "days": 40})


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_restart_keeps_records_history_and_clock(folder: Path, end: signal.Signals) -> None:
    async with running(folder) as simulator:
        await changed(simulator)
        before = await simulator.truth()
        simulator.process.send_signal(end)
        await simulator.process.wait()
    async with running(folder) as simulator:
        assert await simulator.truth() == before
        assert before["today"] == "2026-04-19"


async def test_members_roles_and_what_stands_below_records_survive_a_kill(folder: Path) -> None:
    async with running(folder) as simulator:
        client = simulator.client
        order = {"public": "late", "private": "priv", "role": "sync-without:Agreements.add"}
        await client.control("POST", "sites/kept/keys", json=order)
        field = {
            "podId": 1,
            "screenId": "company",
            "caption": "Tom",
            "sequenceNumber": 1,
            "fieldTypeIdentifier": "Text",
        }
        await client.post("system/userDefinedFields", json=field)
        await client.patch("company/companies/10", json=[{"op": "add", "path": "types", "value": [{"id": 3}]}])
        communication = {"type": {"id": 2, "name": "Direct"}, "value": "555-0100", "defaultFlag": True}
        await client.post("company/contacts/100/communications", json=communication)
        paths = ("system/apiMembers", "system/securityroles", "company/companies", "company/contacts")
        below = ("company/companies/10/typeAssociations", "company/contacts/100/communications")
        before = [(await client.get(path)).text.replace(client.root, "") for path in (*paths, *below)]
        await simulator.kill()
    async with running(folder) as simulator:
        client = simulator.client
        assert [(await client.get(path)).text.replace(client.root, "") for path in (*paths, *below)] == before
        assert "555-0100" in before[3]
        assert "Tom" in before[2]
        async with client.as_member("late") as late:
            assert (await late.get("finance/agreements")).status_code == 200
            assert (await late.add(1, **DAY)).status_code == 403


async def test_numbers_of_effects_and_ids_of_records_go_on_after_a_restart(folder: Path) -> None:
    async with running(folder) as simulator:
        added = (await simulator.client.add(1, **DAY)).json()["id"]
        await simulator.client.delete(f"{ADDITIONS}/{added}")
        await simulator.kill()
    async with running(folder) as simulator:
        assert (await simulator.client.add(1, **DAY)).json()["id"] == added + 1
        assert [effect["seq"] for effect in await simulator.client.effects()] == [1, 2, 3]


async def test_clock_never_goes_back_over_a_restart(folder: Path) -> None:
    async with running(folder) as simulator:
        first = (await simulator.client.add(1, **DAY)).json()["_info"]["dateEntered"]
        await simulator.kill()
    async with running(folder) as simulator:
        second = (await simulator.client.add(1, **DAY)).json()["_info"]["dateEntered"]
        assert first <= second
        assert second.startswith("2026-03-10")


async def test_added_and_dropped_sites_are_remembered(folder: Path, scenario_text: str) -> None:
    async with running(folder) as simulator:
        for company in ("added", "dropped"):
            scenario = scenario_text.replace("COMPANY", company)
            await simulator.client.control("POST", "sites", content=scenario)
        await simulator.client.control("DELETE", "sites/dropped")
        await simulator.kill()
    async with running(folder) as simulator:
        found = await simulator.client.control("GET", "sites")
        assert [site["company_id"] for site in found] == ["kept", "added"]
        async with Site(simulator.client.root, "added", "cloud") as narrow:
            assert await narrow.ids("finance/agreements") == [3, 4]


async def test_changed_and_new_keys_are_remembered(folder: Path) -> None:
    async with running(folder) as simulator:
        keys = "sites/kept/keys"
        await simulator.client.control("POST", keys, json={"public": "sync", "revoked": True})
        await simulator.client.control("POST", keys, json={"public": "new", "private": "priv", "role": "count-only"})
        await simulator.kill()
    async with (
        running(folder) as simulator,
        simulator.client.as_member("sync") as revoked,
        simulator.client.as_member("new") as new,
    ):
        assert (await revoked.get("system/info")).status_code == 401
        assert (await new.get("finance/agreements/count")).status_code == 200
        assert (await new.get("company/contacts/count")).status_code == 403


async def test_release_and_knobs_changed_while_it_is_used_are_remembered(folder: Path) -> None:
    async with running(folder) as simulator:
        order = {"codebase": "v2026_2/", "options": {"bad_auth_status": 404, "client_ids": ["ABC"]}}
        await simulator.client.control("POST", "sites/kept/settings", json=order)
        await simulator.kill()
    async with running(folder) as simulator, httpx.AsyncClient(base_url=simulator.client.root) as bare:
        assert (await bare.get("login/companyinfo/kept")).json()["Codebase"] == "v2026_2/"
        assert (await simulator.client.get("system/info")).status_code == 401
        simulator.client.headers["clientId"] = "abc"
        assert (await simulator.client.get("system/info")).status_code == 200
        assert (await simulator.client.get("system/info", auth=("kept+pub", "wrong"))).status_code == 404


async def test_audit_trail_survives_a_restart(folder: Path) -> None:
    path = "system/audittrail?type=AgreementAddition&id={}"
    async with running(folder) as simulator:
        added = (await simulator.client.add(1, **DAY)).json()["id"]
        before = (await simulator.client.get(path.format(added))).json()
        await simulator.kill()
    async with running(folder) as simulator:
        assert (await simulator.client.get(path.format(added))).json() == before
        assert [entry["auditSubType"] for entry in before] == ["Added"]


@pytest.mark.parametrize("answers", [1, 40, 150])
async def test_kill_among_writes_loses_nothing_answered_and_doubles_nothing(folder: Path, answers: int) -> None:
    answered: dict[str, int] = {}
    sent: set[str] = set()
    enough = asyncio.Event()

    async def write(client: Site, writer: int) -> None:
        number = 0
        while True:
            serial, number = f"{writer}-{number}", number + 1
            sent.add(serial)
            try:
                answer = await client.add(1, serialNumber=serial, **DAY)
            except httpx.TransportError:
                return
            answered[serial] = answer.json()["id"]
            if len(answered) >= answers:
                enough.set()

    async with running(folder) as simulator:
        writers = [asyncio.create_task(write(simulator.client, n)) for n in range(8)]
        await asyncio.wait_for(enough.wait(), 60)
        await simulator.kill()
        await asyncio.wait_for(asyncio.gather(*writers), 60)
    async with running(folder) as simulator:
        rows = (await simulator.client.get(ADDITIONS, params={"pageSize": "1000"})).json()
        effects = await simulator.client.effects()
    kept = {row["serialNumber"]: row["id"] for row in rows}
    assert len(kept) == len(rows)
    assert answered.items() <= kept.items()
    assert kept.keys() <= sent
    assert [(e["seq"], e["after"]["serialNumber"]) for e in effects] == list(enumerate(kept, 1))


async def test_effect_of_an_unanswered_call_is_kept_and_stays_pending(folder: Path) -> None:
    async with running(folder) as simulator:
        await simulator.client.fault("silent_after", method="POST", path="additions$")
        waiting = asyncio.create_task(simulator.client.add(1, **DAY))
        async with Site(simulator.client.root, "kept") as other:
            async with asyncio.timeout(10):
                while not await other.effects():
                    pass
        await simulator.kill()
        with pytest.raises(httpx.TransportError):
            await waiting
    async with running(folder) as simulator:
        assert [effect["told"] for effect in await simulator.client.effects()] == ["pending"]


async def test_torn_last_line_is_dropped_with_a_note(folder: Path) -> None:
    async with running(folder) as simulator:
        await simulator.client.add(1, **DAY)
        before = await simulator.truth()
        await simulator.kill()
    whole = state_in(folder).read_bytes()
    state_in(folder).write_bytes(whole + b'[["effect",{"time":"2026')
    async with running(folder) as simulator:
        assert await simulator.truth() == before
        simulator.process.terminate()
        _, said = await simulator.process.communicate()
        assert "torn" in said.decode()
    assert state_in(folder).read_bytes() == whole


async def test_journal_of_another_version_is_refused(folder: Path) -> None:
    state_in(folder).write_text('{"journal":"connectwise_simulator","version":1}\n')
    said = await refusal(folder)
    assert "version 1 and this simulator reads 2; delete it to begin again" in said
    assert state_in(folder).read_text().endswith("1}\n")


@pytest.mark.parametrize("text", ["sites: []\n", "no line end", '{"journal":"another"}\n'])
async def test_file_that_is_no_journal_is_refused_and_left_alone(folder: Path, text: str) -> None:
    state_in(folder).write_text(text)
    assert "not a state file" in await refusal(folder)
    assert state_in(folder).read_text() == text


@pytest.mark.parametrize("line", ["[[", '[["put","nobody","additions",{"id":1}]]', '[["unheard"]]', "7"])
async def test_damaged_journal_is_refused(folder: Path, line: str) -> None:
    state_in(folder).write_text(f'{{"journal":"connectwise_simulator","version":2}}\n{line}\n')
    assert "delete the file to begin again" in await refusal(folder)


async def test_second_process_on_the_same_file_is_refused(folder: Path) -> None:
    async with running(folder):
        assert "another simulator is using this state file" in await refusal(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
async def test_journal_that_cannot_be_written_ends_the_process_before_the_answer(folder: Path) -> None:
    async with running(folder) as simulator:
        room = state_in(folder).stat().st_size + 10
        resource.prlimit(simulator.process.pid, resource.RLIMIT_FSIZE, (room, room))
        with pytest.raises(httpx.TransportError):
            await simulator.client.add(1, **DAY)
        assert await simulator.process.wait() == 1
    async with running(folder) as simulator:
        assert await simulator.client.effects() == []


async def test_file_that_doubled_is_written_anew_and_gives_the_same_world(folder: Path, scenario_text: str) -> None:
    async with running(folder) as simulator:
        await changed(simulator)
        await doubled(simulator, scenario_text)
        before = await simulator.truth()
        known = len(await simulator.client.effects())
    written_anew(state_in(folder))
    kinds = [json.loads(line)[0][0] for line in state_in(folder).read_text().splitlines()[1:]]
    assert kinds == ["site", *["past"] * known, "whole"]
    async with running(folder) as simulator:
        assert await simulator.truth() == before
        patch = [{"op": "replace", "path": "name", "value": "Alder & Daughters"}]
        await simulator.client.patch("company/companies/10", json=patch)
        await doubled(simulator, scenario_text)
        after = await simulator.truth()
        assert [effect["seq"] for effect in await simulator.client.effects()] == list(range(1, known + 2))
        await simulator.kill()
    large = state_in(folder).stat().st_size
    written_anew(state_in(folder))
    assert state_in(folder).stat().st_size < large / 2
    async with running(folder) as simulator:
        assert await simulator.truth() == after


@pytest.mark.parametrize("text", ["1", "1.00", "-0", "1E+3", "0E-7", "12345678901234567890.123456789"])
def test_decimal_comes_back_digit_by_digit(text: str) -> None:
    found = exact_value(exact_text([Decimal(text), 1, "1"]).encode())
    assert [str(part) for part in found] == [str(Decimal(text)), "1", "1"]
    assert [type(part) for part in found] == [Decimal, int, str]
