"""What operators see: each call counted by endpoint and outcome, and no key or payload in any log."""

import io
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from prometheus_client import REGISTRY

from connectwise import NewAddition, Ref, where
from httpkit import ApiError, Breaker, NotAdmitted, Outcome
from tests.connectwise.site import CREDENTIALS, INFO, calls, client, connected, site
from tests.httpkit.peer import Behaviour, bytes_then_close, peer, reply, reset

SECRET = "payload-canary"


def counted(method: str, endpoint: str, outcome: Outcome) -> float:
    labels = {"api": "connectwise", "method": method, "endpoint": endpoint, "outcome": outcome}
    return REGISTRY.get_sample_value("httpkit_calls_total", labels) or 0.0


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (reply(200, {"id": 12345}), Outcome.OK),
        (reply(404, {}), Outcome.NOT_FOUND),
        (reply(401, {}), Outcome.CONFIG),
        (reply(400, {}), Outcome.REJECTED),
    ],
)
async def test_call_is_counted_by_template_and_outcome(answer: Behaviour, outcome: Outcome) -> None:
    endpoint = "/finance/agreements/{id}/additions/{id}"
    before = counted("GET", endpoint, outcome)
    async with connected(answer) as (psa, _):
        try:
            await psa.additions(777).get(12345)
        except ApiError as error:
            assert error.outcome is outcome  # noqa: PT017 - both ways are looked at
    assert counted("GET", endpoint, outcome) == before + 1


async def test_ids_and_company_names_make_no_series() -> None:
    async with connected(reply(200, {"id": 424242})) as (psa, _):
        await psa.agreements.get(424242)
    series = [sample.labels for metric in REGISTRY.collect() for sample in metric.samples]
    assert not any("424242" in value or CREDENTIALS.company_id in value for one in series for value in one.values())


@pytest.fixture
def everything_said() -> Iterator[Callable[[], str]]:
    """All that is logged, whoever logs it and however."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with structlog.testing.capture_logs() as events:
        yield lambda: f"{said.getvalue()} {events}"
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.requirement("R8")
@pytest.mark.parametrize(
    ("answer", "is_logged"),
    [
        (reply(201, {"id": 1, "serialNumber": SECRET}), False),
        (reply(400, {"code": "InvalidObject", "message": "no", "errors": [{"code": "X", "message": "no"}]}), True),
        (reply(500, {"code": "ConnectWiseApi", "message": "A timeout has occured."}), True),
        (reply(201, raw=f"<html>{SECRET}".encode()), True),
        (reply(201, {"id": 1, "serialNumber": "other", "invoiceDescription": SECRET}), False),
        (bytes_then_close(b"HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n" + SECRET.encode()), True),
        (reset, True),
    ],
)
async def test_neither_keys_nor_payloads_are_logged(
    answer: Behaviour, is_logged: bool, everything_said: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with connected(answer) as (psa, _):
        new = NewAddition(product=Ref(id=5), quantity=1, serial_number=SECRET, invoice_description=SECRET)
        errors: list[ApiError] = []
        for call in (psa.additions(3).create(new), psa.companies.count(where.Company.name == SECRET)):
            try:
                await call
            except ApiError as error:
                errors.append(error)
    texts = [everything_said(), *capsys.readouterr()]
    assert ("http.call_failed" in texts[0]) is is_logged
    texts += [text for error in errors for text in (str(error), repr(error), error.operator_text)]
    assert not any("canary" in text for text in texts)


async def test_breaker_of_the_caller_is_used() -> None:
    breaker = Breaker(failures=2)
    async with peer(site(reply(500, {}), reply(200, INFO))) as there, client(there.url, breaker=breaker) as psa:
        for _ in range(2):
            with pytest.raises(ApiError):
                await psa.additions(3).create(NewAddition(product=Ref(id=5), quantity=1))
        assert breaker.is_open
        with pytest.raises(NotAdmitted):
            await psa.companies.get(1)
    assert len(calls(there)) == 2
