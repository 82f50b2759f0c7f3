"""Which requirements have passing tests: `python tests/requirements_report.py [--json]`.

Reads what `tests/plugins/requirements.py` recorded at the end of the last test runs.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = Path("docs/requirements.md")
RECORD = Path(".devstack/requirements.json")

_ENTRY = re.compile(r"^- \*\*(?P<id>[RCB][1-9][0-9]*)\*\* (?P<text>\S.*)$")
_COLOURS = {"passing": "green", "failing": "red", "skipped": "yellow"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of the document and how many tests of each outcome show it."""

    id: str
    text: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def state(self) -> str:
        """`failing` if any test fails, `none` if no test shows it."""
        if self.failed:
            return "failing"
        if self.passed:
            return "passing"
        return "skipped" if self.skipped else "none"


def entries(document: Path) -> Iterator[tuple[str, str]]:
    """Id and text of every requirement, in the document's order."""
    for line in document.read_text(encoding="utf-8").splitlines():
        if found := _ENTRY.match(line):
            yield found["id"], found["text"]


def recorded(record: Path) -> dict[str, dict[str, Any]] | None:
    """Requirements and outcome by test node id; None when no run was recorded or the file is not readable."""
    try:
        tests = json.loads(record.read_text(encoding="utf-8"))["tests"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return tests if isinstance(tests, dict) else None


def requirements(document: Path, tests: Mapping[str, Mapping[str, Any]]) -> list[Requirement]:
    """Every requirement of the document with its tests counted by outcome."""
    counts = Counter((name, test["outcome"]) for test in tests.values() for name in test["requirements"])
    return [
        Requirement(name, text, counts[name, "passed"], counts[name, "failed"], counts[name, "skipped"])
        for name, text in entries(document)
    ]


def ranges(names: Sequence[str]) -> str:
    """Ids in order, neighbours joined: `R1-R3, R7`."""
    numbered = enumerate((name[0], int(name[1:])) for name in names)
    runs = [[pair for _, pair in run] for _, run in groupby(numbered, key=lambda n: (n[1][0], n[1][1] - n[0]))]
    return ", ".join(f"{run[0][0]}{run[0][1]}" + (f"-{run[-1][0]}{run[-1][1]}" if len(run) > 1 else "") for run in runs)


def _table(shown: Sequence[Requirement]) -> Table:
    table = Table(title="Requirements and their tests")
    table.add_column("id", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for outcome in ("passed", "failed", "skipped"):
        table.add_column(outcome, justify="right")
    table.add_column("what must be true")
    for each in shown:
        numbers = (str(n) if n else "" for n in (each.passed, each.failed, each.skipped))
        table.add_row(each.id, f"[{_COLOURS[each.state]}]{each.state}[/]", *numbers, each.text)
    return table


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Print the report; 0 whatever it says, because it is a report and not a gate."""
    parser = argparse.ArgumentParser(description="Which requirements have passing tests, which fail, which have none.")
    parser.add_argument("--json", action="store_true", help="for programs")
    as_json: bool = parser.parse_args(arguments).json

    tests = recorded(root / RECORD)
    found = requirements(root / DOCUMENT, tests or {})
    if as_json:
        rows = [
            {"id": r.id, "state": r.state, "passed": r.passed, "failed": r.failed, "skipped": r.skipped} for r in found
        ]
        sys.stdout.write(json.dumps({"recorded": tests is not None, "requirements": rows}, indent=2) + "\n")
        return 0

    console = Console()
    if tests is None:
        console.print(f"No test run was recorded: {RECORD} is missing or not readable. Run `make test` first.")
        return 0
    if shown := [r for r in found if r.state != "none"]:
        console.print(_table(shown))
    states = Counter(r.state for r in found)
    console.print(f"No test: {ranges([r.id for r in found if r.state == 'none']) or '-'}", highlight=False)
    console.print(
        f"{states['passing']} of {len(found)} requirements pass, {states['failing']} fail, "
        f"{states['skipped']} only have skipped tests, {states['none']} have none.",
        highlight=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
