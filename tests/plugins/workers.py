"""How tests are shared out to the workers of xdist: whole files, so that fixtures of modules are made once.

Registered by tests/conftest.py; without `-n` nothing of it happens.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/acceptance/",)
"""Folders whose files share what may exist only once: every service as a process (the `stack` fixture)."""

LONG = (
    "tests/acceptance/",
    "tests/faults/",
    "tests/servicekit/test_process.py",
    "tests/connectwise_simulator/test_state.py",
    "tests/messaging/",
    "tests/setup_validation/test_checking.py",
    "tests/invoice_push/test_pushing.py",
    "tests/storage/test_all_schemas.py",
    "tests/delivery/",
)
"""What takes longest, begun first, so that no worker is left alone with it at the end."""


class WholeFiles(LoadFileScheduling):  # type: ignore[misc] # xdist's schedulers are typed loosely
    """A file, or a folder of TOGETHER, is one worker's."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeFiles:
    """In the order of the workers' collections, which is ours."""
    config.option.loadscopereorder = False  # by number of tests, which says little of how long a file takes
    return WholeFiles(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stable: all others stay in their order."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    return next((n for n, start in enumerate(LONG) if nodeid.startswith(start)), len(LONG))
