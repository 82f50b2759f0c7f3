"""What a call is certain of, on real sockets: the one table that exactly-once rests on (architecture, section 4)."""

import asyncio
import gzip
import socket
import ssl
import subprocess
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from httpkit import Limiter, Outcome, leaving
from httpkit.connections import BodyTooLarge
from tests.httpkit.caller import UNLIMITED, client, failure, talking_to
from tests.httpkit.peer import Asked, Behaviour, bytes_then_close, dripped, peer, reply, reset, silence, written
from tests.httpkit.turned_clock import TurnedClock


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_refused_connection_is_not_sent() -> None:
    async with client(f"http://127.0.0.1:{closed_port()}") as http:
        error = await failure(http)
    assert (error.outcome, error.code) == (Outcome.NOT_SENT, "connection_failed")


@pytest.mark.parametrize("looks", [[False], [True, False]], ids=["when it is connected", "when its bytes are written"])
async def test_a_write_that_may_no_longer_leave_is_not_sent(looks: list[bool]) -> None:
    async with peer(reply(201, {})) as there, client(there.url) as http:
        with leaving(lambda: looks.pop(0)):
            error = await failure(http)
            await http.request("GET", "/additions")
        assert error.outcome is Outcome.NOT_SENT
        assert [asked.method for asked in there.asked] == ["GET"]
        await http.request("POST", "/additions", json={})
        assert [asked.method for asked in there.asked] == ["GET", "POST"]


async def test_unknown_name_is_not_sent() -> None:
    async with client("https://no-such-host.invalid") as http:
        assert (await failure(http)).outcome is Outcome.NOT_SENT


async def test_name_that_leads_into_a_private_network_is_not_sent() -> None:
    async with peer(reply()) as there, client(there.url.replace("127.0.0.1", "localhost"), addresses=None) as http:
        error = await failure(http)
    assert error.outcome is Outcome.NOT_SENT
    assert there.connections == 0


@pytest.mark.requirement("R5")
async def test_address_of_a_private_network_is_not_sent() -> None:
    """A literal is never resolved, so the guard of names does not see it."""
    async with peer(reply()) as there:
        for url in (there.url, there.url.replace("127.0.0.1", "[::ffff:127.0.0.1]")):
            async with client(url, addresses=None) as http:
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


async def test_handshake_that_does_not_end_is_not_sent() -> None:
    async with peer(reply()) as there, client(there.url.replace("http:", "https:"), deadline=0.2) as http:
        assert (await failure(http)).outcome is Outcome.NOT_SENT


async def test_peer_whose_host_does_not_answer_is_not_sent() -> None:
    """A firewall that drops what comes looks like this."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for taken in (first, second):
            taken.setblocking(False)
            taken.connect_ex(full.getsockname())
        async with client(f"http://127.0.0.1:{full.getsockname()[1]}", deadline=0.2) as http:
            error = await failure(http)
    assert (error.outcome, error.code) == (Outcome.NOT_SENT, "connection_failed")


async def test_call_that_gets_no_connection_of_the_pool_is_not_sent() -> None:
    async with talking_to(silence, max_connections=1, deadline=0.3) as (there, http):
        errors = await asyncio.gather(failure(http), failure(http))
    assert [error.outcome for error in errors] == [Outcome.AMBIGUOUS, Outcome.NOT_SENT]
    assert len(there.asked) == 1


async def test_reset_in_the_handshake_is_not_sent() -> None:
    async with (
        peer(reply(), reset_on_connect=True) as there,
        client(there.url.replace("http:", "https:")) as http,
    ):
        assert (await failure(http)).outcome is Outcome.NOT_SENT


async def test_reset_on_connect_is_ambiguous() -> None:
    async with peer(reply(), reset_on_connect=True) as there, client(there.url) as http:
        assert (await failure(http)).outcome is Outcome.AMBIGUOUS


async def test_reset_after_the_request_was_read_is_ambiguous() -> None:
    async with talking_to(reset) as (there, http):
        error = await failure(http)
    assert (error.outcome, error.code) == (Outcome.AMBIGUOUS, "answer_lost")
    assert len(there.asked) == 1


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


async def test_small_answer_that_grows_when_unpacked_is_cut_off() -> None:
    packed = gzip.compress(b" " * 5_000_000 + b"{}")
    async with talking_to(reply(201, raw=packed, headers={"content-encoding": "gzip"}), max_body=1_000_000) as (
        _,
        http,
    ):
        error = await failure(http)
    assert error.outcome is Outcome.AMBIGUOUS
    assert isinstance(error.__cause__, BodyTooLarge)


HEAD = b"HTTP/1.1 201 Created\r\n"


async def dripping_body(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"content-length: 10000\r\n\r\n")
    await dripped(b" ")(asked, writer)


@pytest.mark.parametrize(
    "behaviour",
    [silence, written(HEAD), dripped(HEAD + b"a: " + b"b" * 10_000), dripping_body],
    ids=["no answer", "half a head", "slow head", "slow body"],
)
async def test_peer_that_stalls_is_ambiguous_after_the_deadline(behaviour: Behaviour) -> None:
    async with talking_to(behaviour, deadline=0.2) as (_, http):
        error = await failure(http)
    assert (error.outcome, error.code) == (Outcome.AMBIGUOUS, "deadline_passed")


async def test_peer_that_vanished_is_ambiguous_after_the_deadline() -> None:
    """The connection is made by the kernel, the request leaves, and nobody is there to read or to refuse it."""
    with socket.create_server(("127.0.0.1", 0)) as vanished:
        async with client(f"http://127.0.0.1:{vanished.getsockname()[1]}", deadline=0.2) as http:
            error = await failure(http)
    assert (error.outcome, error.code) == (Outcome.AMBIGUOUS, "deadline_passed")


async def test_waiting_for_the_limiter_is_part_of_the_deadline() -> None:
    clock = TurnedClock()
    limiter = Limiter(UNLIMITED, concurrency=1, clock=clock)
    async with talking_to(silence, limiter=limiter, clock=clock, deadline=30.0) as (there, http):
        async with limiter.admitted(0):
            call = asyncio.create_task(failure(http))
            await clock.turn(29.8)
            assert there.asked == []
        async with asyncio.timeout(10):
            error = await call
    assert (error.outcome, error.code) == (Outcome.AMBIGUOUS, "deadline_passed")


@pytest.mark.parametrize("early", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"])
async def test_early_word_is_not_the_answer(early: bytes) -> None:
    async with talking_to(written(early + HEAD + b"content-length: 8\r\n\r\n" + b'{"id":1}')) as (_, http):
        answer = await http.request("POST", "/additions", json={})
    assert (answer.status, answer.json) == (201, {"id": 1})


async def test_change_of_protocol_is_ambiguous() -> None:
    async with talking_to(written(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")) as (_, http):
        assert (await failure(http)).outcome is Outcome.AMBIGUOUS


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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_an_answer_and_credentials_do_not_follow_it(status: int) -> None:
    async with (
        peer(reply(200, {})) as elsewhere,
        peer(reply(status, raw=b"", headers={"location": elsewhere.url})) as there,
        client(there.url, headers={"authorization": "Basic c2VjcmV0"}) as http,
    ):
        error = await failure(http, "GET")
    assert (error.outcome, error.status) == (Outcome.AMBIGUOUS, status)
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


async def test_what_the_peer_says_can_be_printed_and_stored() -> None:
    """A database takes no NUL, a terminal obeys an escape, and half a character cannot be encoded."""
    told = rb'{"code":"a\u0000b","message":"a\ud800b\u001b[31m","errors":[{"message":"a\u0000b","field":"x"}]}'
    head = b"HTTP/1.1 400 X\r\nx-request-id: r\xff1\r\ncontent-length: %d\r\n\r\n" % len(told)
    async with talking_to(written(head + told)) as (_, http):
        error = await failure(http)
    assert (error.code, error.message, error.field_errors[0].message) == ("a b", "a b [31m", "a b")
    assert error.request_id == "r 1"
    assert str(error).encode().isascii()


async def test_throttled_answer_names_its_code_as_error_and_its_wait() -> None:
    body = {"error": "ConnectWiseAPI", "message": "Too many requests."}
    async with talking_to(reply(429, body, headers={"retry-after": "30"})) as (_, http):
        error = await failure(http)
    assert (error.code, error.retry_after) == ("ConnectWiseAPI", 30.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"date": "Tue, 10 Mar 2026 12:00:00 GMT", "retry-after": "Tue, 10 Mar 2026 12:02:00 GMT"}, 120.0),
        ({"date": "Tue, 10 Mar 2026 12:00:00 GMT", "retry-after": "Tue, 10 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"date": "Tue, 10 Mar 2026 12:00:00 GMT", "retry-after": "Tue, 10 Mar 2099 12:00:00 GMT"}, 3600.0),
        ({"retry-after": "9" * 400}, 3600.0),
        ({"retry-after": "Tue, 10 Mar 2026 12:02:00 GMT"}, None),
        ({"date": "today", "retry-after": "Tue, 10 Mar 2026 12:02:00 GMT"}, None),
        ({"date": "Tue, 10 Mar 2026 12:00:00 GMT", "retry-after": "soon"}, None),
        ({"date": "Tue, 10 Mar 2026 12:00:00 GMT", "retry-after": "\u00b2"}, None),
    ],
)
async def test_wait_is_read_in_seconds_or_as_a_date_and_has_a_bound(
    headers: dict[str, str], seconds: float | None
) -> None:
    """A date counts from the peer's own clock, whatever ours says."""
    async with talking_to(reply(503, {}, headers=headers)) as (_, http):
        assert (await failure(http)).retry_after == seconds


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
    assert there.asked[0].target == f"/agreements?conditions={quote(every, safe='')}&pageSize=5"


@pytest.mark.parametrize("path", ["additions", "//elsewhere", "/a?b", "/a#b", "/a b", "/a\r\nx: y", "/ä"])
async def test_path_that_could_be_read_as_something_else_is_refused(path: str) -> None:
    async with talking_to(reply()) as (there, http):
        with pytest.raises(ValueError, match="a path is absolute"):
            await http.request("GET", path)
    assert there.connections == 0


async def test_header_in_several_lines_is_one_list() -> None:
    content = b'HTTP/1.1 200 OK\r\nLink: <a>; rel="first"\r\nlink: <b>; rel="next"\r\ncontent-length: 2\r\n\r\n{}'
    async with talking_to(written(content)) as (_, http):
        answer = await http.request("GET", "/agreements")
    assert answer.headers["link"] == '<a>; rel="first", <b>; rel="next"'


async def test_nothing_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with talking_to(reply(200, {})) as (there, http):
        await http.request("GET", "/agreements")
    assert set(there.asked[0].headers) == {"host", "accept", "accept-encoding"}


async def test_cookies_are_not_kept() -> None:
    behaviour = reply(200, {}, headers={"set-cookie": "a=b; Path=/"})
    async with peer(behaviour) as there, client(there.url.replace("127.0.0.1", "localhost")) as http:
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
