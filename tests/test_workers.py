import pytest

from devstack.layout import CHECKOUT
from tests.plugins.workers import LONG, TOGETHER


@pytest.mark.parametrize("start", dict.fromkeys((*TOGETHER, *LONG)))
def test_what_is_shared_out_by_name_is_there(start: str) -> None:
    assert (CHECKOUT / start).exists()


def test_every_service_as_a_process_exists_once(request: pytest.FixtureRequest) -> None:
    """Of the tests that were selected: whoever asks for the whole stack is in a folder that one worker plays."""
    asking = [item.nodeid for item in request.session.items if "stack" in getattr(item, "fixturenames", ())]
    assert [nodeid for nodeid in asking if not nodeid.startswith(TOGETHER)] == []
