"""The example of the README does what it says, and everything the README names is there."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import connectwise
from httpkit import Outcome
from tests.connectwise.rehearsal import ALDER, MONTHLY, SEAT, Rehearsal
from tests.connectwise.site import LOOPBACK

README = (Path(connectwise.__file__).parent / "README.md").read_text()


async def test_example_lists_agreements_and_adds_an_addition(
    rehearsal: Rehearsal, capsys: pytest.CaptureFixture[str]
) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for told, here in (
        ('"eu", keys', f'"{rehearsal.url}", keys, addresses=LOOPBACK'),
        ('"mycompany", "public key", "private key"', f'"{rehearsal.company}", "public", "private"'),
        ("== 12", f"== {ALDER}"),
        ("Ref(id=5)", f"Ref(id={SEAT})"),
    ):
        assert example.count(told) == 1
        example = example.replace(told, here)
    scope: dict[str, Any] = {"LOOPBACK": LOOPBACK}
    await eval(compile(example, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), scope)  # noqa: S307 - ours
    listed, added = capsys.readouterr().out.splitlines()[:2]
    assert listed == f"{MONTHLY} Cloud Monthly 2026-04-01"
    assert added.split()[0] == str(rehearsal.created()[-1]["id"])
    assert rehearsal.created()[-1]["serialNumber"] == "my-marker-1"


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
