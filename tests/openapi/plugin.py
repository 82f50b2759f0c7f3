"""Listens to every simulator that runs in this process; what was heard is judged after all other tests."""

import sys
from collections.abc import Iterator

import pytest

from tests.openapi.recording import listened_to, marked


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "tests/openapi/" in item.path.as_posix())  # stable: all others stay in their order


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
