import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from connectwise_simulator.scenario import ScenarioError, read_scenario
from connectwise_simulator.seeding import BUILT_IN, add_sites
from connectwise_simulator.world import World

SERVICES = str(BUILT_IN.parent.parent)


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("prorate: true", "prorat: true", "file.yaml: sites[0].agreements[0].prorat: unknown key"),
        ("company: Birch", "company: Elm", "file.yaml: sites[0].agreements[4].company: there is no company 'Elm'"),
        ("parent: Advance", "parent: Advanced", "there is no agreement (parents stand before their children)"),
        ("role: admin", "role: king", "sites[0].keys[0].role: there is no role 'king'"),
        ("2025-01-01", "2025-02-30", "file.yaml:"),
        ("America/New_York", "Atlantis", "sites[0].time_zone"),
        ("id: 11,", "id: 10,", "sites[0].companies[1].id: 10 is there already"),
        ("types: [Prospect]", "types: [Suspect]", "sites[0].companies[1].types: there is no companyType 'Suspect'"),
    ],
)
def test_wrong_scenario_is_refused_with_file_and_key(scenario_text: str, wrong: str, right: str, message: str) -> None:
    world = World()
    with pytest.raises(ScenarioError) as refusal:
        add_sites(world, read_scenario(scenario_text.replace(wrong, right, 1), "file.yaml"), "file.yaml")
    assert message in str(refusal.value)
    assert world.sites == {}


@pytest.mark.requirement("R24", "R25", "R26", "R27", "R30")
def test_built_in_site_has_the_prerequisites() -> None:
    world = World()
    add_sites(world, read_scenario(BUILT_IN.read_text(), BUILT_IN.name), BUILT_IN.name)
    site = world.sites["training"]
    for table in ("categories", "subcategories", "productTypes"):
        assert "Miscellaneous" in [row["name"] for row in site.tables[table]]
    assert "Each" in [row["name"] for row in site.tables["unitOfMeasures"]]
    assert any("misc" in item["identifier"].lower() and item["inactiveFlag"] for item in site.tables["catalog"])
    kinds = {(a["prorateFlag"], a["billOneTimeFlag"], a["periodType"]) for a in site.tables["agreements"]}
    assert {(True, False, "Current"), (False, True, "Current"), (False, False, "Future")} <= kinds


def test_example_in_the_readme_is_a_scenario() -> None:
    text = (BUILT_IN.parent / "README.md").read_text()
    example = text.split("```yaml\n")[1].split("```")[0]
    [site] = add_sites(World(), read_scenario(example, "README.md"), "README.md")
    assert site.roles["narrow"].level("Agreements", "add") == "None"
    assert site.roles["narrow"].level("Products", "inquire") == "My"


async def test_process_says_ready_serves_and_ends_with_0_on_sigterm() -> None:
    process = await _started("--port", "0")
    assert process.stdout is not None
    ready = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    assert ready.startswith("ready http://127.0.0.1:")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{ready.split()[1]}/login/companyinfo/training")
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_process_refuses_a_wrong_scenario_with_2(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("sites: [{company_id: x, keys: [], colour: red}]")
    process = await _started("--port", "0", "--scenario", str(file))
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert "wrong.yaml: sites[0].colour: unknown key" in errors.decode()


async def _started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "connectwise_simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": SERVICES},
    )
