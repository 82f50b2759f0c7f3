"""Deliveries of callbacks: believed only with a signature made by a key from the site's own hosts."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from hmac import new
from typing import Any

import pytest

from connectwise import Deliveries, DeliveryRefused, Site, verify
from httpkit import ApiError, Outcome
from tests.connectwise.site import LOOPBACK
from tests.httpkit.peer import Behaviour, Peer, in_turn, peer, reply
from tests.httpkit.turned_clock import TurnedClock

KEY = "signing-key-canary"
OURS = b'{"CompanyId": "training"'


def signed(raw_body: bytes, key: str = KEY) -> str:
    return b64encode(new(sha256(key.encode()).digest(), raw_body, "sha256").digest()).decode()


def body(key_url: Any, **more: Any) -> bytes:
    told = {
        "Action": "updated",
        "CompanyId": "training",
        "Entity": '{"id": 7, "_info": {"lastUpdated": "2026-03-10T12:00:00Z"}}',
        "ID": 7,
        "MemberId": "office",
        "Type": "agreement",
        "Metadata": {"key_url": key_url},
        **more,
    }
    return json.dumps(told, indent=1).encode()


@asynccontextmanager
async def receiving(key: Behaviour) -> AsyncIterator[tuple[Deliveries, Peer, TurnedClock]]:
    clock = TurnedClock()
    async with peer(key) as there:
        deliveries = Deliveries(Site(there.url, there.url), "Training", addresses=LOOPBACK, clock=clock)
        try:
            yield deliveries, there, clock
        finally:
            await deliveries.aclose()


given = reply(200, {"signing_key": KEY})


def test_signature_is_over_the_bytes_as_they_came() -> None:
    raw = body("https://x")
    assert verify(raw, signed(raw), KEY)
    assert not verify(json.dumps(json.loads(raw)).encode(), signed(raw), KEY)
    assert not verify(raw, signed(raw), "another")
    assert not verify(raw, "", KEY)
    assert not verify(raw, "schlüssel", KEY)
    assert not verify(raw, "\udcff", KEY)  # how servers hand over a byte of a header that is no UTF-8


async def test_delivery_of_the_site_is_accepted_and_read() -> None:
    async with receiving(given) as (deliveries, there, _):
        raw = body(f"{there.url}/keys?id=5&company=a%20b")
        delivery = await deliveries.accept(raw, signed(raw))
    assert (delivery.type, delivery.record_id, delivery.action) == ("agreement", 7, "updated")
    assert (delivery.company_id, delivery.entity["id"], delivery.is_repeat) == ("training", 7, False)
    (asked,) = there.asked
    assert asked.query == {"id": "5", "company": "a b"}
    assert not {"authorization", "clientid"} & set(asked.headers)


@pytest.mark.parametrize("company", ["other", "training2", "", None, 5, ["training"]])
async def test_signed_delivery_of_another_company_is_refused_before_its_key_is_asked(company: Any) -> None:
    """The cloud's hosts serve many companies, and what another one signs fits its own key."""
    async with receiving(given) as (deliveries, there, _):
        raw = body(f"{there.url}/keys", CompanyId=company)
        with pytest.raises(DeliveryRefused) as caught:
            await deliveries.accept(raw, signed(raw))
    assert caught.value.code == "foreign_company"
    assert there.asked == []


def test_deliveries_are_those_of_one_company() -> None:
    with pytest.raises(ValueError, match="one company"):
        Deliveries(Site("https://psa.example.org", "https://psa.example.org"), " ")


async def test_key_inside_a_json_string_is_understood() -> None:
    async with receiving(reply(200, json.dumps({"signing_key": KEY}))) as (deliveries, there, _):
        raw = body(f"{there.url}/keys")
        assert (await deliveries.accept(raw, signed(raw))).record_id == 7


@pytest.mark.parametrize(
    "key_url",
    [
        "http://127.0.0.1:1/keys",
        "https://evil.example/keys",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//evil.example/keys",
        "/keys",
        "",
        "http://[",
        "http://user@HOST/keys",
        "http://HOST@evil.example/keys",
        "http://HOST.evil.example/keys",
        "https://HOST/keys",
        "http://HOST/a\r\nx-evil: 1",
    ],
)
async def test_key_is_never_asked_of_another_host(key_url: str) -> None:
    async with receiving(given) as (deliveries, there, _):
        raw = body(key_url.replace("HOST", there.url.removeprefix("http://")))
        with pytest.raises(DeliveryRefused) as caught:
            await deliveries.accept(raw, signed(raw))
    assert caught.value.code == "foreign_key_address"
    assert there.asked == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[]",
        OURS + b"}",
        OURS + b', "Metadata": 5}',
        OURS + b', "Metadata": {"key_url": 5}}',
        b'{"a":' * 5000,
        b" " * 1_100_000,
    ],
)
async def test_unreadable_delivery_is_refused(raw: bytes) -> None:
    async with receiving(given) as (deliveries, there, _):
        with pytest.raises(DeliveryRefused) as caught:
            await deliveries.accept(raw, signed(raw))
    assert caught.value.code == "unreadable"
    assert there.asked == []


async def test_wrong_signature_is_refused_without_asking_for_the_key_again_and_again() -> None:
    async with receiving(given) as (deliveries, there, _):
        raw = body(f"{there.url}/keys")
        for _attempt in range(5):
            with pytest.raises(DeliveryRefused) as caught:
                await deliveries.accept(raw, signed(raw, "guessed"))
            assert caught.value.code == "bad_signature"
    assert len(there.asked) == 1


async def test_changed_key_is_fetched_when_the_old_one_does_not_fit() -> None:
    changed = in_turn(given, reply(200, {"signing_key": "changed"}))
    async with receiving(changed) as (deliveries, there, clock):
        raw = body(f"{there.url}/keys")
        await deliveries.accept(raw, signed(raw))
        await clock.turn(61)
        assert (await deliveries.accept(raw, signed(raw, "changed"))).is_repeat
    assert len(there.asked) == 2


async def test_key_is_kept_for_an_hour() -> None:
    async with receiving(given) as (deliveries, there, clock):
        for seconds, asked in ((0, 1), (3500, 1), (200, 2)):
            await clock.turn(seconds)
            raw = body(f"{there.url}/keys", ID=seconds)
            await deliveries.accept(raw, signed(raw))
            assert len(there.asked) == asked


async def test_keys_in_memory_are_bounded() -> None:
    async with receiving(given) as (deliveries, there, clock):
        for number in range(20):
            await clock.turn(60)
            raw = body(f"{there.url}/keys/{number}")
            await deliveries.accept(raw, signed(raw))
    assert len(deliveries._keys) == 16


async def test_strangers_cannot_make_us_ask_for_many_keys() -> None:
    async with receiving(reply(404, {})) as (deliveries, there, clock):
        strangers = [deliveries.accept(body(f"{there.url}/keys/{number}"), "x") for number in range(30)]
        tried = asyncio.gather(*strangers, return_exceptions=True)
        for _ in range(6):
            await clock.turn(1)
        outcomes = [error.outcome for error in await tried if isinstance(error, ApiError)]
    assert 1 <= len(there.asked) <= 7
    assert outcomes.count(Outcome.NOT_SENT) == 30 - len(there.asked)


@pytest.mark.parametrize(
    "answer", [reply(200, {}), reply(200, []), reply(200, "text"), reply(200, {"signing_key": ""})]
)
async def test_answer_without_a_key_is_refused(answer: Behaviour) -> None:
    async with receiving(answer) as (deliveries, there, _):
        raw = body(f"{there.url}/keys")
        with pytest.raises(DeliveryRefused) as caught:
            await deliveries.accept(raw, signed(raw))
    assert caught.value.code in {"no_key", "unreadable"}


async def test_redirect_for_the_key_is_not_followed() -> None:
    async with peer(given) as elsewhere:
        async with receiving(reply(302, raw=b"", headers={"location": elsewhere.url})) as (deliveries, there, _):
            raw = body(f"{there.url}/keys")
            with pytest.raises(ApiError):
                await deliveries.accept(raw, signed(raw))
        assert elsewhere.connections == 0


async def test_repeat_is_said_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectwise.deliveries._REMEMBERED", 3)
    async with receiving(given) as (deliveries, there, _):
        bodies = [body(f"{there.url}/keys", ID=number) for number in range(4)]
        told = [(await deliveries.accept(raw, signed(raw))).is_repeat for raw in (*bodies, bodies[3], bodies[0])]
    assert told == [False, False, False, False, True, False]
    assert len(deliveries._seen) == 3


async def test_forged_delivery_does_not_make_the_real_one_a_repeat() -> None:
    async with receiving(given) as (deliveries, there, _):
        raw = body(f"{there.url}/keys")
        with pytest.raises(DeliveryRefused):
            await deliveries.accept(raw, "forged")
        assert not (await deliveries.accept(raw, signed(raw))).is_repeat
