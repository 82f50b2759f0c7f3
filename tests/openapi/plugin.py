"""Listens to every simulator that runs in this process; what was heard is judged when all tests have ended.

By then every worker of xdist has handed over what it heard. The verdicts are reported as tests of their own, in runs
that `test_conformance.py` is part of.
"""

import sys
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import pytest

from tests.openapi.document import Judge, place
from tests.openapi.recording import RUN, Exchange, listened_to, marked
from tests.openapi.verdicts import VERDICTS

_HERE = "tests/openapi/"
_HEARD = "exchanges"
_ASKED = pytest.StashKey[bool]()


@pytest.fixture(scope="session", autouse=True)
def _recording() -> Iterator[None]:
    serve = sys.modules.get("connectwise_simulator.serve")  # who serves has imported it when tests are collected
    with pytest.MonkeyPatch.context() as patch:
        if serve is not None:
            application = serve.application
            patch.setattr(serve, "application", lambda world: listened_to(application(world)))
            edge = sys.modules["connectwise_simulator.peers.edge"].Edge
            patch.setattr(edge, "_fail", marked(edge._fail))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker hands over; one that crashed hands over nothing."""
    for exchange in getattr(node, "workeroutput", {}).get(_HEARD, ()):
        RUN.note(Exchange(*exchange))
        node.config.stash[_ASKED] = True


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Hand over what was heard, or judge it."""
    config = session.config
    asked = config.stash.get(_ASKED, any(item.nodeid.startswith(_HERE) for item in session.items))
    if not asked or exitstatus > pytest.ExitCode.TESTS_FAILED:
        return
    if hasattr(config, "workeroutput"):
        config.workeroutput[_HEARD] = [astuple(each) for each in RUN.exchanges.values()]
    elif place().exists():
        _report(session)


def _report(session: pytest.Session) -> None:
    judge = Judge()
    for name, verdict in VERDICTS.items():
        faults = verdict(judge, list(RUN.exchanges.values()))
        if faults is None:
            continue
        nodeid = f"{_HERE}verdicts.py::{name}"
        session.config.hook.pytest_runtest_logreport(
            report=pytest.TestReport(
                nodeid,
                location=(nodeid, None, name),
                keywords={},
                outcome="failed" if faults else "passed",
                longrepr="\n".join(faults) or None,
                when="call",
            )
        )
        if faults:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
