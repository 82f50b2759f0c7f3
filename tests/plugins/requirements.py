"""Ties tests to `docs/requirements.md`: refuses unknown ids, records outcomes for `make requirements`.

Registered by tests/conftest.py. Workers of xdist leave the writing to the run's own process: ids travel to it as user
properties of the reports, the names of the tests that exist in what a worker hands over at its end.
"""

import fcntl
import json
from collections.abc import Container, Iterator
from typing import Any

import pytest

from tests.requirements_report import DOCUMENT, RECORD, entries, recorded

_PROPERTY = "requirement"
_COLLECTED = "collected"


class Recorder:
    """Collects what one session's tests showed and merges it into the record."""

    def __init__(self, config: pytest.Config) -> None:
        self._root = config.rootpath
        self._handed_over: dict[str, object] | None = getattr(config, "workeroutput", None)
        self._ids: dict[str, list[str]] = {}
        self._phases: dict[str, list[str]] = {}
        self._collected: set[str] = set()
        self._files_are_complete = not config.getoption("lf", False) and not any("::" in arg for arg in config.args)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse unknown ids; note what exists before -k and -m take their part away."""
        known = {name for name, _ in entries(self._root / DOCUMENT)}
        problems = [problem for item in items for problem in _problems(item, known)]
        if problems:
            raise pytest.UsageError("\n".join(problems))
        for item in items:
            item.user_properties.extend((_PROPERTY, name) for name in _ids(item))
        self._collected = {item.nodeid for item in items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker hands over; one that crashed hands over nothing."""
        self._collected.update(getattr(node, "workeroutput", {}).get(_COLLECTED, ()))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the outcome of a phase (setup, call, teardown)."""
        self._ids[report.nodeid] = [str(value) for name, value in report.user_properties if name == _PROPERTY]
        self._phases.setdefault(report.nodeid, []).append(f"{report.when} {report.outcome}")

    def pytest_sessionfinish(self) -> None:
        """Replace what earlier runs said of the tests that ran now; keep the rest."""
        if self._handed_over is not None:
            self._handed_over[_COLLECTED] = sorted(self._collected)
            return
        outcomes = {nodeid: outcome for nodeid, phases in self._phases.items() if (outcome := _outcome(phases))}
        if not outcomes:
            return
        path = self._root / RECORD
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tests = {nodeid: test for nodeid, test in (recorded(path) or {}).items() if self._still_exists(nodeid)}
            for nodeid, outcome in outcomes.items():
                tests.pop(nodeid, None)
                if self._ids[nodeid]:
                    tests[nodeid] = {"requirements": self._ids[nodeid], "outcome": outcome}
            written = path.with_suffix(".new")
            written.write_text(json.dumps({"tests": tests}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            written.replace(path)

    def _still_exists(self, nodeid: str) -> bool:
        file = nodeid.partition("::")[0]
        if self._files_are_complete and any(other.startswith(f"{file}::") for other in self._collected):
            return nodeid in self._collected
        return (self._root / file).is_file()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and the session's recorder."""
    config.addinivalue_line("markers", "requirement(*ids): the requirements (R, C or B) that this test shows")
    config.pluginmanager.register(Recorder(config), "requirements-recorder")


def _ids(item: pytest.Item) -> Iterator[object]:
    seen: set[object] = set()
    for marker in item.iter_markers(_PROPERTY):
        for name in marker.args:
            if name not in seen:
                seen.add(name)
                yield name


def _problems(item: pytest.Item, known: Container[object]) -> Iterator[str]:
    for name in _ids(item):
        if name not in known:
            yield f"{item.nodeid}: requirement {name!r} is not in {DOCUMENT}"
    if any(not marker.args for marker in item.iter_markers(_PROPERTY)):
        yield f"{item.nodeid}: the requirement marker names no id"


def _outcome(phases: list[str]) -> str | None:
    """Of the whole test; None when it was interrupted before it could tell."""
    if any(phase.endswith("failed") for phase in phases):
        return "failed"
    if any(phase.endswith("skipped") for phase in phases):
        return "skipped"
    return "passed" if "call passed" in phases and "teardown passed" in phases else None
