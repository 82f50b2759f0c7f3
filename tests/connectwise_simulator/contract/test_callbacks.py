"""Section 2.9: registrations, deliveries and their signature."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.connectwise_simulator.conftest import Site
from tests.httpkit.peer import Peer, peer, reply

CALLBACKS = "system/callbacks"


def _entry(**members: Any) -> dict[str, Any]:
    return {"url": "http://127.0.0.1:9/x?recordId=", "objectId": 1, "type": "company", "level": "owner", **members}


@pytest.fixture
async def receiver(site: Site) -> AsyncIterator[Peer]:
    """Somebody who is told of companies, and says 200."""
    async with peer(reply(200, {})) as there:
        made = await site.post(CALLBACKS, json=_entry(url=f"{there.url}/hook?tenant=7&recordId="))
        assert made.status_code == 201, made.text
        yield there
        assert (await site.delete(f"{CALLBACKS}/{made.json()['id']}")).status_code == 204


async def test_registration_is_kept_as_it_was_made(site: Site) -> None:
    """2.9: the entry; memberId is the service's."""
    made = (await site.post(CALLBACKS, json=_entry(description="Mine", type="agreement", memberId=999))).json()
    assert {"description": "Mine", "objectId": 1, "type": "agreement", "level": "owner"}.items() <= made.items()
    assert made.get("memberId") != 999
    assert (await site.get(f"{CALLBACKS}/{made['id']}")).json() == made
    assert (await site.delete(f"{CALLBACKS}/{made['id']}")).status_code == 204


async def test_same_registration_twice_is_object_exists(site: Site) -> None:
    """2.7, 2.9: the body that a public client's tests hold."""
    made = (await site.post(CALLBACKS, json=_entry(type="invoice"))).json()
    again = await site.post(CALLBACKS, json=_entry(type="invoice"))
    assert (again.status_code, again.json()["message"]) == (400, "callbackEntry object is invalid")
    assert again.json()["errors"] == [
        {
            "code": "ObjectExists",
            "message": "A matching callback entry already exists",
            "resource": "callbackEntry",
            "field": "objectId",
        }
    ]
    assert (await site.delete(f"{CALLBACKS}/{made['id']}")).status_code == 204


@pytest.mark.parametrize(
    ("kind", "same"), [("Agreements", "agreement"), ("companies", "Company"), ("ProductCatalogs", "productCatalog")]
)
async def test_type_is_taken_in_the_plural_too_and_means_the_same(site: Site, kind: str, same: str) -> None:
    """2.9: the guide lists plurals, public clients send the singular."""
    made = await site.post(CALLBACKS, json=_entry(url="http://127.0.0.1:9/plural", type=kind))
    assert (made.status_code, made.json().get("type")) == (201, kind), made.text
    again = await site.post(CALLBACKS, json=_entry(url="http://127.0.0.1:9/plural", type=same))
    assert [error["code"] for error in again.json()["errors"]] == ["ObjectExists"]
    assert (await site.delete(f"{CALLBACKS}/{made.json()['id']}")).status_code == 204


@pytest.mark.parametrize("kind", ["Agreementss", "Companys", "s", "Activitys"])
async def test_type_that_is_neither_is_refused(site: Site, kind: str) -> None:
    """2.9: only the types that are listed."""
    answer = await site.post(CALLBACKS, json=_entry(type=kind))
    assert [error["field"] for error in answer.json()["errors"]] == ["type"]


@pytest.mark.parametrize("name", ["url", "objectId", "type", "level"])
async def test_registration_needs_its_members(site: Site, name: str) -> None:
    """2.9: required members."""
    body = _entry(type="contact")
    del body[name]
    answer = await site.post(CALLBACKS, json=body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [name]


async def test_additions_have_no_callback_of_their_own(site: Site) -> None:
    """2.9: no such type."""
    assert (await site.post(CALLBACKS, json=_entry(type="addition"))).status_code >= 400


async def test_delivery_names_the_record_and_the_action_and_is_signed(site: Site, receiver: Peer) -> None:
    """2.9: query, body and the signature over the raw body with the key behind key_url."""
    made = (await site.post("company/companies", json={"identifier": "Called", "name": "Called"})).json()
    change = [{"op": "replace", "path": "city", "value": "Tampa"}]
    assert (await site.patch(f"company/companies/{made['id']}", json=change)).status_code == 200
    async with asyncio.timeout(5):
        while len(receiver.asked) < 2:
            receiver.was_asked.clear()
            await receiver.was_asked.wait()
    assert [asked.query["action"] for asked in receiver.asked] == ["added", "updated"]
    for asked in receiver.asked:
        assert asked.method == "POST"
        assert (asked.query["tenant"], asked.query["recordId"]) == ("7", str(made["id"]))
        body = json.loads(asked.body)
        assert {"Action", "CompanyId", "Entity", "FromUrl", "ID", "MemberId", "Metadata", "Type"} <= set(body)
        assert (body["ID"], body["CompanyId"]) == (made["id"], site.company)
        assert json.loads(body["Entity"])["identifier"] == "Called"
        key = (await site.get(body["Metadata"]["key_url"])).json()
        secret = hashlib.sha256(key["signing_key"].encode()).digest()
        expected = base64.b64encode(hmac.new(secret, asked.body, hashlib.sha256).digest()).decode()
        assert {k.lower(): v for k, v in asked.headers.items()}["x-content-signature"] == expected
