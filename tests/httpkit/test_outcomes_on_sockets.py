"""What a call is certain of, on real sockets: the one table that exactly-once rests on (architecture, section 4)."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from httpkit import AddressPolicy, ApiError, Breaker, HttpClient, Limiter, Outcome, RetryPolicy
from tests.httpkit.peer import Behaviour, Peer, bytes_then_close, in_turn, peer, reply, reset, silence

LOOPBACK = AddressPolicy(allow_plain_loopback=True)
QUICK = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.002)
UNLIMITED = 100_000


def client(url: str, **options: object) -> HttpClient:
    settings: dict[str, object] = {
        "limiter": Limiter(UNLIMITED),
        "deadline": 5.0,
        "addresses": LOOPBACK,
        "retry": QUICK,
        "breaker": Breaker(failures=1000),
    }
    return HttpClient(url, **{**settings, **options})  # type: ignore[arg-type]  # options of the constructor


async def failure(http: HttpClient, method: str = "POST", **options: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await http.request(method, "/additions", json={"quantity": 1}, **options)  # type: ignore[arg-type]
    return caught.value


@asynccontextmanager
async def talking_to(behaviour: Behaviour, **options: object) -> AsyncIterator[tuple[Peer, HttpClient]]:
    async with peer(behaviour) as there, client(there.url, **options) as http:
        yield there, http


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_refused_connection_is_not_sent() -> None:
    async with client(f"http://127.0.0.1:{closed_port()}") as http:
        error = await failure(http)
    assert (error.outcome, error.code) == (Outcome.NOT_SENT, "connection_failed")


async def test_unknown_name_is_not_sent() -> None:
    async with client("https://no-such-host.invalid") as http:
        assert (await failure(http)).outcome is Outcome.NOT_SENT


async def test_name_that_leads_into_a_private_network_is_not_sent() -> None:
    async with peer(reply()) as there, client(there.url.replace("127.0.0.1", "localhost"), addresses=None) as http:
        error = await failure(http)
    assert error.outcome is Outcome.NOT_SENT
    assert there.connections == 0


async def test_certificate_that_is_not_trusted_is_not_sent(tmp_path: Path) -> None:
    async with peer(reply(201, {}), tls=_self_signed(tmp_path)) as there, client(there.url) as http:
        error = await failure(http)
    assert error.outcome is Outcome.NOT_SENT
    assert there.asked == []


async def test_peer_that_does_not_speak_tls_is_not_sent() -> None:
    async with (
        peer(reply(), greeting=b"HTTP/1.1 400 no\r\n\r\n") as there,
        client(there.url.replace("http:", "https:")) as http,
    ):
        error = await failure(http)
    assert error.outcome is Outcome.NOT_SENT
    assert there.asked == []


async def test_handshake_that_does_not_end_is_ambiguous() -> None:
    """Nothing was sent, in fact; but no exception of the libraries proves it, so nobody may rely on it."""
    async with peer(reply()) as there, client(there.url.replace("http:", "https:"), deadline=0.2) as http:
        assert (await failure(http)).outcome is Outcome.AMBIGUOUS


async def test_reset_on_connect_is_ambiguous() -> None:
    async with peer(reply(), reset_on_connect=True) as there, client(there.url) as http:
        assert (await failure(http)).outcome is Outcome.AMBIGUOUS


async def test_reset_after_the_request_was_read_is_ambiguous() -> None:
    async with talking_to(reset) as (there, http):
        error = await failure(http)
    assert (error.outcome, error.code) == (Outcome.AMBIGUOUS, "answer_lost")
    assert len(there.asked) == 1


async def test_reset_of_a_kept_connection_is_ambiguous_and_not_repeated() -> None:
    async with talking_to(in_turn(reply(201, {}), reset)) as (there, http):
        await http.request("POST", "/additions", json={})
        error = await failure(http)
    assert error.outcome is Outcome.AMBIGUOUS
    assert len(there.asked) == 2


async def test_one_attempt_of_a_put_is_one_request() -> None:
    """aiohttp on its own would send it again on a new connection."""
    async with talking_to(in_turn(reply(200, {}), reset)) as (there, http):
        await http.request("PUT", "/additions", json={})
        error = await failure(http, "PUT", attempts=1)
    assert error.outcome is Outcome.AMBIGUOUS
    assert len(there.asked) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"HTTP/1.1 201 Created\r\n",
        b'HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"id":',
        b'HTTP/1.1 201 Created\r\n\r\n{"id":',
        b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 201 Created\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n{}{}",
        b"\x00\xff\x00 this is no HTTP \r\n\r\n",
    ],
    ids=["nothing", "half a head", "short body", "half JSON", "half chunk", "false gzip", "garbage"],
)
async def test_broken_answer_is_ambiguous(content: bytes) -> None:
    async with talking_to(bytes_then_close(content)) as (there, http):
        assert (await failure(http)).outcome is Outcome.AMBIGUOUS
    assert len(there.asked) == 1


@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>welcome</html>", b"[" * 100_000, b"\xff\xfe", b'{"n": NaN}', b"9" * 5000],
    ids=["empty", "HTML", "too deep", "no text", "NaN", "endless number"],
)
async def test_success_that_cannot_be_read_is_ambiguous(raw: bytes) -> None:
    async with talking_to(reply(201, raw=raw)) as (_, http):
        error = await failure(http)
    assert (error.outcome, error.code, error.status) == (Outcome.AMBIGUOUS, "unreadable_answer", 201)


async def test_answer_without_end_is_cut_off_and_ambiguous() -> None:
    async with talking_to(reply(201, "x" * 10_000), max_body=5_000) as (_, http):
        assert (await failure(http)).outcome is Outcome.AMBIGUOUS


async def test_silence_is_ambiguous_after_the_deadline() -> None:
    async with talking_to(silence, deadline=0.2) as (_, http):
        error = await failure(http)
    assert (error.outcome, error.code) == (Outcome.AMBIGUOUS, "deadline_passed")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.REJECTED),
        (401, Outcome.CONFIG),
        (403, Outcome.CONFIG),
        (404, Outcome.NOT_FOUND),
        (405, Outcome.REJECTED),
        (408, Outcome.AMBIGUOUS),
        (409, Outcome.REJECTED),
        (415, Outcome.REJECTED),
        (418, Outcome.AMBIGUOUS),
        (422, Outcome.REJECTED),
        (429, Outcome.THROTTLED),
        (302, Outcome.AMBIGUOUS),
        (500, Outcome.AMBIGUOUS),
        (502, Outcome.AMBIGUOUS),
        (503, Outcome.AMBIGUOUS),
        (504, Outcome.AMBIGUOUS),
    ],
)
async def test_status_has_its_outcome(status: int, outcome: Outcome) -> None:
    async with talking_to(reply(status, raw=b"<html>", headers={"location": "/elsewhere"})) as (there, http):
        error = await failure(http)
    assert (error.outcome, error.status, error.code) == (outcome, status, f"http_{status}")
    assert len(there.asked) == 1


async def test_redirect_is_an_answer_and_is_not_followed() -> None:
    async with (
        peer(reply(200, {})) as elsewhere,
        peer(reply(302, raw=b"", headers={"location": elsewhere.url})) as there,
        client(there.url, headers={"authorization": "Basic c2VjcmV0"}) as http,
    ):
        await failure(http, "GET")
    assert len(there.asked) == 1
    assert elsewhere.connections == 0


async def test_error_carries_what_the_peer_said() -> None:
    body = {
        "code": "InvalidObject",
        "message": "addition object is invalid",
        "errors": [{"code": "MaxLengthField", "message": "too long", "resource": "addition", "field": "serialNumber"}],
    }
    async with talking_to(reply(400, body, headers={"x-request-id": "r-1"})) as (_, http):
        error = await failure(http)
    assert (error.code, error.message, error.request_id) == ("InvalidObject", "addition object is invalid", "r-1")
    assert [(each.code, each.field) for each in error.field_errors] == [("MaxLengthField", "serialNumber")]
    assert "POST /additions" in error.operator_text
    assert "r-1" in error.operator_text


async def test_throttled_answer_names_its_code_as_error_and_its_wait() -> None:
    body = {"error": "ConnectWiseAPI", "message": "Too many requests."}
    async with talking_to(reply(429, body, headers={"retry-after": "30"})) as (_, http):
        error = await failure(http)
    assert (error.code, error.retry_after) == ("ConnectWiseAPI", 30.0)


@pytest.mark.parametrize("behaviour", [reply(500, {}), reply(429, {}, headers={"retry-after": "0"}), reset])
async def test_post_is_never_sent_twice(behaviour: Behaviour) -> None:
    async with talking_to(behaviour) as (there, http):
        await failure(http)
        with pytest.raises(ValueError, match="a POST exactly one"):
            await http.request("POST", "/additions", attempts=2)
    assert len(there.asked) == 1


async def test_safe_call_is_repeated_until_it_succeeds() -> None:
    async with talking_to(in_turn(reply(503, {}), reset, reply(200, {"id": 1}))) as (there, http):
        answer = await http.request("GET", "/agreements")
    assert answer.json == {"id": 1}
    assert len(there.asked) == 3


async def test_safe_call_with_one_attempt_is_sent_once() -> None:
    async with talking_to(reply(503, {})) as (there, http):
        await failure(http, "GET", attempts=1)
    assert len(there.asked) == 1


async def test_refusals_are_not_repeated() -> None:
    async with talking_to(reply(400, {})) as (there, http):
        await failure(http, "GET")
    assert len(there.asked) == 1


async def test_cancelled_call_frees_its_place() -> None:
    limiter = Limiter(UNLIMITED, concurrency=1)
    async with talking_to(in_turn(silence, reply(200, {})), limiter=limiter) as (there, http):
        call = asyncio.create_task(http.request("GET", "/agreements"))
        await there.was_asked.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert (await http.request("GET", "/agreements")).status == 200


async def test_decimals_travel_exactly() -> None:
    async with talking_to(reply(201, raw=b'{"unitPrice": 17.600000, "quantity": 3}')) as (there, http):
        answer = await http.request("POST", "/additions", json={"unitPrice": Decimal("17.600000")})
    assert there.asked[0].body == b'{"unitPrice":17.600000}'
    assert str(answer.json["unitPrice"]) == "17.600000"


async def test_query_arrives_as_it_was_given() -> None:
    every = "".join(map(chr, range(32, 127))) + "é€%41+"
    async with talking_to(reply(200, {})) as (there, http):
        await http.request("GET", "/agreements", params={"conditions": every, "pageSize": 5})
    assert there.asked[0].query == {"conditions": every, "pageSize": "5"}
    assert "+" not in there.asked[0].target


async def test_cookies_are_not_kept() -> None:
    async with talking_to(reply(200, {}, headers={"set-cookie": "a=b; Path=/"})) as (there, http):
        await http.request("GET", "/agreements")
        await http.request("GET", "/agreements")
    assert "cookie" not in there.asked[1].headers


def _self_signed(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody trusts."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)  # noqa: S603
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
