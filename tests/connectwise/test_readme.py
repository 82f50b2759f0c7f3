"""The example of the README does what it says, and everything the README names is there."""

import asyncio
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import connectwise
from httpkit import Outcome
from tests.connectwise.rehearsal import ALDER, MONTHLY, SEAT, Rehearsal

BIRCH = 11  # has no agreement
README = (Path(connectwise.__file__).parent / "README.md").read_text()


def run_example(rehearsal: Rehearsal, company: int, at: Path) -> None:
    """The example as a file of its own, about a company of the rehearsed site."""
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for told, here in (
        ('"eu", KEYS', f'"{rehearsal.url}", KEYS, addresses=AddressPolicy(allow_plain_loopback=True)'),
        ("from httpkit import", "from httpkit import AddressPolicy,"),
        ('"mycompany", "public key", "private key"', f'"{rehearsal.company}", "public", "private"'),
        ("== 12", f"== {company}"),
        ("Ref(id=5)", f"Ref(id={SEAT})"),
    ):
        assert example.count(told) == 1
        example = example.replace(told, here)
    at.write_text(example)
    runpy.run_path(str(at), run_name="__main__")


async def test_example_lists_agreements_and_adds_an_addition(
    rehearsal: Rehearsal, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await asyncio.to_thread(run_example, rehearsal, ALDER, tmp_path / "example.py")
    listed, added = capsys.readouterr().out.splitlines()[:2]
    assert listed == f"{MONTHLY} Cloud Monthly 2026-04-01"
    assert added.split()[0] == str(rehearsal.created()[-1]["id"])
    assert rehearsal.created()[-1]["serialNumber"] == "mark-1"


async def test_example_adds_nothing_for_a_company_without_agreements(
    rehearsal: Rehearsal, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await asyncio.to_thread(run_example, rehearsal, BIRCH, tmp_path / "example.py")
    assert (capsys.readouterr().out, rehearsal.created()) == ("", [])


def test_names_in_the_readme_exist(rehearsal: Rehearsal) -> None:
    table = README.split("## What is where")[1].split("| in the folder")[0]
    for cell in (line.split("|")[1] for line in table.splitlines() if line.startswith("| `")):
        parent: Any = rehearsal.psa
        for name in re.findall(r"`(\.?[a-z_]+)(?:\([^`]*\))?`", cell):
            assert hasattr(parent if name.startswith(".") else rehearsal.psa, name.lstrip(".")), name
            parent = parent if name.startswith(".") else getattr(rehearsal.psa, name)
    files = README.split("| in the folder")[1].split("## Filters")[0]
    for name in re.findall(r"`([a-z_]+(?:\.py|/))`", files):
        assert (Path(connectwise.__file__).parent / name).exists(), name
    errors = README.split("## Errors")[1]
    assert set(re.findall(r"^\| `([A-Z_]+)`", errors, re.MULTILINE)) == {*Outcome.__members__} - {"OK"}
    for name in re.findall(r"`([A-Z][A-Za-z]*[a-z])`", errors):
        assert hasattr(connectwise, name) or name in {"ValidationError", "NotAdmitted"}, name
