import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from console.gateway import refuse_odd_path
from servicekit import Problem
from tests.console.conftest import LARGEST, Console

ECHO = "/v1/billing-intake/echo"


async def test_a_request_arrives_as_it_was_sent(at: Console, acme: str) -> None:
    token = await at.token_of(acme, "operator")
    sent = await at.ask(
        "PATCH",
        f"{ECHO}/a%2Fb%23c%20d?run=1%2B1&run=%C3%BC&empty=",
        token=token,
        content=b"\0body",
        headers={"content-type": "text/csv", "x-custom": "1", "cookie": "a=b", "x-forwarded-for": "1.2.3.4"},
    )
    assert sent.status_code == 203
    said = sent.json()
    assert said["method"] == "PATCH"
    assert said["raw_path"].endswith("/echo/a%2Fb%23c%20d")
    assert httpx.QueryParams(said["query"]) == httpx.QueryParams("run=1%2B1&run=%C3%BC&empty=")
    assert said["sha256"] == hashlib.sha256(b"\0body").hexdigest()
    headers = dict(said["headers"])
    assert (headers["content-type"], headers["x-custom"], headers["content-length"]) == ("text/csv", "1", "5")
    assert not {"cookie", "x-forwarded-for", "x-tenant"} & set(headers)
    assert token not in sent.text
    assert (said["tenant"], said["operator"]) == (acme, False)
    assert "billing.import" in said["permissions"]


async def test_an_answer_comes_back_as_it_was_given(at: Console, acme: str) -> None:
    answer = await at.ask("GET", ECHO, tenant=acme)
    assert answer.headers["x-own"] == "kept"
    assert not {"set-cookie", "x-hop"} & set(answer.headers)
    assert len(answer.headers.get_list("date")) == 1
    at.services.answers["GET", "/v1/invoice-push/x"] = Problem(409, "own_code", "own words", rule="R1")
    problem = await at.ask("GET", "/v1/invoice-push/x", tenant=acme)
    assert problem.headers["content-type"] == "application/problem+json"
    assert (problem.status_code, problem.json()["code"], problem.json()["rule"]) == (409, "own_code", "R1")


async def test_a_token_for_one_service_is_good_for_no_other(at: Console, acme: str) -> None:
    echoed = await at.ask("GET", ECHO, tenant=acme)
    inner = dict(echoed.json()["headers"])["authorization"]
    behind = at.service.settings.model_dump()["service_urls"]["billing-intake"]
    direct = await at.http.get(f"{behind}/v1/invoice-push/echo", headers={"authorization": inner})
    assert direct.status_code == 401


async def test_an_upload_streams(at: Console, acme: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a" * 1000
        # Only goes on when the first piece has arrived behind the gateway.
        await asyncio.wait_for(at.services.first_piece.wait(), 10)
        yield b"b" * 1_000_000

    answer = await at.ask("POST", "/v1/billing-intake/slow-upload", tenant=acme, content=pieces())
    assert answer.json() == {"bytes": 1_001_000}


async def test_an_answer_streams(at: Console, acme: str) -> None:
    headers = {"authorization": f"Bearer {at.token}", "x-tenant": acme}
    async with at.http.stream("GET", "/v1/billing-intake/drip", headers=headers) as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"one"
        at.services.go_on.set()
        assert await anext(pieces) == b"two"


async def test_an_upload_over_the_limit_is_refused_by_its_length(at: Console, acme: str) -> None:
    answer = await at.ask("POST", ECHO, tenant=acme, content=b"x" * (LARGEST + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert at.services.asked == []


async def test_an_upload_over_the_limit_is_refused_while_it_comes(at: Console, acme: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(LARGEST // 100_000 + 5):
            yield b"x" * 100_000

    answer = await at.ask("POST", "/v1/billing-intake/slow-upload", tenant=acme, content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    await asyncio.wait_for(at.services.stopped_early.wait(), 10)


async def test_a_caller_that_falls_silent_is_let_go(at: Console, acme: str) -> None:
    gone = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x"
        await gone.wait()

    sending = asyncio.create_task(at.ask("POST", "/v1/billing-intake/slow-upload", tenant=acme, content=stalling()))
    await asyncio.wait_for(at.services.stopped_early.wait(), 10)
    gone.set()
    answer = await sending
    assert (answer.status_code, answer.json()["code"]) == (408, "upload_stalled")


async def test_a_service_that_answers_before_the_upload_ends_is_heard(at: Console, acme: str) -> None:
    answer = await at.ask("POST", "/v1/billing-intake/deaf", tenant=acme, content=b"x" * 2_000_000)
    assert (answer.status_code, answer.json()["detail"]) == (413, "not even looked at")


async def test_a_service_that_is_down_is_named(at: Console, acme: str) -> None:
    answer = await at.ask("POST", "/v1/nobody-listens/x", tenant=acme, json={})
    assert (answer.status_code, answer.json()["code"], answer.json()["service"]) == (
        503,
        "service_down",
        "nobody-listens",
    )
    assert "nothing was done" in answer.json()["detail"]


async def test_a_service_that_breaks_off_may_have_done_it(at: Console, acme: str) -> None:
    answer = await at.ask("POST", "/v1/catalog-sync/x", tenant=acme, json={})
    assert (answer.status_code, answer.json()["service"]) == (503, "catalog-sync")
    assert "unknown" in answer.json()["detail"]


async def test_a_service_that_says_nothing_is_not_waited_for_for_ever(at: Console, acme: str) -> None:
    answer = await at.ask("GET", "/v1/billing-intake/silent", tenant=acme)
    assert (answer.status_code, answer.json()["code"]) == (504, "service_silent")


async def test_an_answer_that_breaks_off_is_no_whole_answer(at: Console, acme: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await at.ask("GET", "/v1/billing-intake/cut", tenant=acme)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/billing-intake/../console/me",
        "/v1/billing-intake/%2e%2e/console/me",
        "/v1/billing-intake/..%2fmetrics",
        "/v1/billing-intake/%2E./x",
        "/v1/billing-intake/a%5cb",
        "/v1/billing-intake/a%00b",
        "/v1/billing-intake/a%0d%0ax",
    ],
)
async def test_a_path_that_leads_elsewhere_is_refused(at: Console, acme: str, path: str) -> None:
    # A raw request: clients tidy paths up before they send them.
    host, port = at.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {at.token}\r\nx-tenant: {acme}\r\n\r\n"
    writer.write(head.encode())
    status = await reader.readline()
    writer.close()
    assert status.split()[1] == b"400"
    assert at.services.asked == []


def test_usual_identities_are_no_odd_paths() -> None:
    refuse_odd_path("/v1/invoice-push/lines/microsoft-nce:D0800:ümlaut.a..b/c#0 d")


@pytest.mark.parametrize("path", ["/v1/unknown/x", "/v1", "/v1/", "/", "/v1/billing-intake", "/v2/billing-intake/x"])
async def test_only_known_services_are_there(at: Console, acme: str, path: str) -> None:
    answer = await at.ask("GET", path, tenant=acme)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_service")


async def test_probes_need_no_token_and_the_probes_of_others_are_not_reached(at: Console, acme: str) -> None:
    assert (await at.http.get("/readyz")).text == "ok"
    assert (await at.http.get("/livez")).status_code == 200
    assert (await at.ask("GET", "/v1/billing-intake/readyz", tenant=acme)).status_code == 404


async def test_one_document_describes_all_services(at: Console) -> None:
    document = (await at.http.get("/openapi.json")).json()
    assert "/v1/billing-intake/imports" in document["paths"]
    assert "/v1/console/connections/{connection_id}" in document["paths"]
    assert "/livez" not in document["paths"]
    reference = document["paths"]["/v1/billing-intake/imports"]["get"]["schema"]["$ref"]
    assert reference == "#/components/schemas/billing-intake.Page"
    page = document["components"]["schemas"]["billing-intake.Page"]
    assert page["items"]["$ref"] == "#/components/schemas/billing-intake.Item"
    assert document["x-missing"] == ["catalog-sync", "nobody-listens"]


async def test_operators_see_how_the_services_are(at: Console, tenant: str) -> None:
    found = {one["service"]: one for one in (await at.ask("GET", "/v1/console/status")).json()["items"]}
    assert found["console"]["ready"]
    assert found["billing-intake"]["ready"]
    assert (found["nobody-listens"]["ready"], found["nobody-listens"]["detail"]) == (False, "does not answer")
    viewer = await at.token_of(tenant, "viewer")
    assert (await at.ask("GET", "/v1/console/status", token=viewer)).status_code == 403


async def test_many_at_once(at: Console, acme: str) -> None:
    answers = await asyncio.gather(
        *(at.ask("POST", ECHO, tenant=acme, content=bytes([number]) * 1000) for number in range(50))
    )
    expected = [hashlib.sha256(bytes([number]) * 1000).hexdigest() for number in range(50)]
    assert [answer.json()["sha256"] for answer in answers] == expected
