"""What operators see of calls: a bounded number of series, and nothing that must stay between caller and peer."""

import logging
import traceback
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from httpkit import ApiError, Limiter
from tests.httpkit.caller import failure, talking_to
from tests.httpkit.peer import Behaviour, bytes_then_close, in_turn, reply, reset, silence

KEY, SENT, TOLD = "key-canary", "sent-canary", "told-canary"


def series(api: str, name: str) -> dict[tuple[str, ...], float]:
    """Endpoint, outcome and value of every series of this API."""
    return {
        tuple(sample.labels[label] for label in ("method", "endpoint", "outcome") if label in sample.labels): (
            sample.value
        )
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == name and sample.labels.get("api") == api
    }


async def test_ids_in_a_path_make_no_series_of_their_own() -> None:
    api = f"api-{uuid4()}"
    async with talking_to(reply(200, {}), api=api) as (_, http):
        for number in range(20):
            await http.request("GET", f"/agreements/{number}/additions/{number * 7}", params={"page": number})
            await http.request("GET", f"/callbacks/{uuid4()}")
            await http.request("GET", f"/login/{number}-name", endpoint="/login/{company}")
    templates = ["/agreements/{id}/additions/{id}", "/callbacks/{id}", "/login/{company}"]
    assert series(api, "httpkit_calls_total") == {("GET", template, "ok"): 20 for template in templates}
    assert series(api, "httpkit_call_seconds_count") == {("GET", template): 20 for template in templates}


async def test_each_attempt_is_counted_with_its_outcome() -> None:
    api = f"api-{uuid4()}"
    async with talking_to(in_turn(reply(503, {}), reset, reply(200, {}), reply(404, {})), api=api) as (_, http):
        await http.request("GET", "/agreements/1")
        await failure(http)
    counted = {("GET", "/agreements/{id}", "ambiguous"): 2, ("GET", "/agreements/{id}", "ok"): 1}
    assert series(api, "httpkit_calls_total") == {**counted, ("POST", "/additions", "not_found"): 1}


async def test_call_that_was_not_admitted_is_counted_and_has_no_duration() -> None:
    api = f"api-{uuid4()}"
    limiter = Limiter(100, concurrency=1)
    async with talking_to(reply(200, {}), api=api, limiter=limiter) as (_, http), limiter.admitted(0):
        await failure(http, admit_within=0.01)
    assert series(api, "httpkit_calls_total") == {("POST", "/additions", "not_sent"): 1}
    assert series(api, "httpkit_call_seconds_count") == {}


TELLING = {"code": "Invalid", "message": "no", "errors": [], "other": TOLD}


@pytest.mark.parametrize(
    "behaviour",
    [
        reply(400, TELLING),
        reply(401, TELLING),
        reply(500, raw=f"<html>{TOLD}</html>".encode()),
        reply(200, raw=f"<html>{TOLD}</html>".encode()),
        reply(302, raw=TOLD.encode(), headers={"location": f"https://elsewhere.example/?{TOLD}"}),
        bytes_then_close(f'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{{"{TOLD}'.encode()),
        bytes_then_close(f"{TOLD} is no HTTP\r\n\r\n".encode()),
        reset,
        silence,
    ],
    ids=["400", "401", "500 HTML", "200 HTML", "redirect", "truncated", "garbage", "reset", "silence"],
)
async def test_neither_keys_nor_bodies_reach_logs_or_exceptions(
    behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"authorization": f"Basic {KEY}", "clientid": KEY}
    with capture_logs() as logs:
        async with talking_to(behaviour, headers=headers, deadline=0.2) as (there, http):
            with pytest.raises(ApiError) as caught:
                await http.request(
                    "POST", "/additions", json={"name": SENT}, params={"conditions": SENT}, headers={"x-key": KEY}
                )
    assert KEY in str(there.asked[0].headers), "the canaries travel"
    assert SENT in there.asked[0].body.decode()
    error = caught.value
    seen = [str(logs), caplog.text, str(error), error.operator_text, repr(error)]
    seen += traceback.format_exception_only(error)
    seen += [repr(error.__cause__), repr(getattr(error.__cause__, "__dict__", None))]
    for text in seen:
        assert not any(canary in text for canary in (KEY, SENT, TOLD)), text
    assert [(each["event"], each["call"], each["outcome"]) for each in logs] == [
        ("http.call_failed", "POST /additions", error.outcome)
    ]
