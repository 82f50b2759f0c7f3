import pytest
from tests.invoice_push.conftest import *  # noqa
from tests.invoice_push import test_pushing as t
from invoice_push.pusher import Additions
from delivery import Reading
@pytest.fixture(autouse=True)
def blind(monkeypatch):
    find = Additions.find
    async def mutant(self, lane, operations):
        r = await find(self, lane, operations)
        return Reading({}, r.conflicts, r.closed)
    monkeypatch.setattr(Additions, "find", mutant)
test_a = t.test_an_answer_that_is_lost_writes_once
test_b = t.test_what_is_applied_after_its_answer_is_found_and_not_written_again
test_c = t.test_a_delivery_that_is_killed_in_the_middle_is_finished_by_the_next_one_exactly_once
