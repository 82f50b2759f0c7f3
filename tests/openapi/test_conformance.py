import pytest

from tests.openapi.deviations import DEVIATIONS, MEDIA, Deviation
from tests.openapi.document import Judge, place
from tests.openapi.recording import Exchange
from tests.openapi.verdicts import VERDICTS

if not place().exists():
    pytest.skip(f"the published OpenAPI document is not at {place()}", allow_module_level=True)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda each: each.where)
def test_deviation_is_still_needed(judge: Judge, deviation: Deviation) -> None:
    strict = Judge(tuple(each for each in DEVIATIONS if each is not deviation))
    assert judge.fault(deviation.shown_by) is None
    assert strict.fault(deviation.shown_by)


FULL = b'{"id":1,"identifier":"a","name":"a"}'


@pytest.mark.parametrize(
    "exchange",
    [
        Exchange("GET", "/company/companies/1", "", {}, b"", 200, MEDIA, b'{"id":1,"identifier":"a"}'),
        Exchange("GET", "/company/companies/1", "", {}, b"", 200, MEDIA, b'{"id":"1","identifier":"a","name":"a"}'),
        Exchange("GET", "/company/companies/1", "", {}, b"", 200, MEDIA, b'{"id":1,"identifier":"a","name":"a","x":1}'),
        Exchange("GET", "/company/companies/1", "", {}, b"", 200, "application/json", FULL),
        Exchange("GET", "/company/nothing", "", {}, b"", 200, MEDIA, b"[]"),
        Exchange("GET", "/company/companies", "condition=id", {"clientid": "a"}, b""),
        Exchange("GET", "/company/companies/", "", {"clientid": "a"}, b""),
        Exchange("GET", "/company/companies", "pageSize=x", {"clientid": "a"}, b""),
        Exchange("PATCH", "/company/companies/1", "", {"clientid": "a"}, b'{"op":"replace"}'),
        Exchange("POST", "/company/companies", "", {"clientid": "a"}, b'{"identifier":"a"}'),
        Exchange("POST", "/company/companies", "", {"clientid": "a"}, b'{"identifier":"a","name":"a","x":1}'),
    ],
)
def test_wrong_exchange_is_found(judge: Judge, exchange: Exchange) -> None:
    assert judge.fault(exchange)


def test_partial_answer_may_leave_required_members_out(judge: Judge) -> None:
    exchange = Exchange("GET", "/company/companies/1", "fields=id", {}, b"", 200, MEDIA, b'{"id":1}')
    assert judge.fault(exchange) is None


OURS = {"clientid": "a"}
MISTAKEN = {
    "every_request_of_the_client_is_as_published": Exchange("GET", "/company/companies", "condition=id", OURS, b""),
    "every_answer_of_the_simulator_is_as_published": Exchange(
        "GET", "/company/nothing", "", {}, b"", 200, MEDIA, b"[]"
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_a_runs_end_says_what_was_mistaken_in_it(judge: Judge, name: str) -> None:
    sound = Exchange("GET", "/company/companies/1", "", OURS, b"", 200, MEDIA, FULL)
    assert VERDICTS[name](judge, []) is None
    assert VERDICTS[name](judge, [sound]) == []
    assert len(VERDICTS[name](judge, [sound, MISTAKEN[name]]) or ()) == 1
