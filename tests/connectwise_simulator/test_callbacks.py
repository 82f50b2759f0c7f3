"""Callbacks: contract 2.9. The receiver is a bare server that answers as it is told."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectwise_simulator.peers.callbacks import is_near
from tests.connectwise_simulator.conftest import Site, eventually

DAY = {"effectiveDate": "2026-04-01T00:00:00Z"}
PACE = 0.2  # a second for an answer, and 0.4 and 0.8 between attempts


class Receiver:
    """What was delivered, and the statuses to answer, the last one for ever; 0 is no answer at all."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.targets: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = head.splitlines()
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                self.bodies.append(await reader.readexactly(int(headers["content-length"])))
                self.targets.append(lines[0].split()[1])
                self.headers.append(headers)
                status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
                if status:
                    writer.write(f"HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n".encode())
        except asyncio.IncompleteReadError:
            writer.close()

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    found = Receiver()
    server = await asyncio.start_server(found.take, "127.0.0.1", 0)
    async with server:
        yield found, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


@pytest.fixture
async def at(receiver: tuple[Receiver, str], site: Site) -> AsyncIterator[tuple[Receiver, str, Site]]:
    await site.control("POST", "callbacks", json={"pace": PACE})
    yield *receiver, site
    await site.control("POST", "callbacks", json={"pace": 1})


async def registered(site: Site, url: str, **members: Any) -> dict[str, Any]:
    body = {"url": url, "type": "agreement", "level": "owner", "objectId": 1, **members}
    answer = await site.post("system/callbacks", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def settled(site: Site, number: int) -> list[dict[str, Any]]:
    """All deliveries of the site, once there are so many and none waits."""

    async def read() -> list[dict[str, Any]]:
        return list((await site.control("GET", f"callbacks?site={site.company}"))["deliveries"])

    return await eventually(read, lambda all_: len(all_) == number and all(d["state"] != "waiting" for d in all_))


async def rename(site: Site, agreement: int = 1, name: str = "Renamed") -> None:
    patch = [{"op": "replace", "path": "name", "value": name}]
    assert (await site.patch(f"finance/agreements/{agreement}", json=patch)).status_code == 200


async def test_callback_is_registered_read_changed_and_removed(at: tuple[Receiver, str, Site]) -> None:
    _, url, site = at
    made = await registered(site, url, description="agreements")
    path = f"system/callbacks/{made['id']}"
    assert (await site.get(path)).json()["url"] == url
    assert (await site.get("system/callbacks/count")).json() == {"count": 1}
    patch = [{"op": "replace", "path": "inactiveFlag", "value": True}]
    assert (await site.patch(path, json=patch)).json()["inactiveFlag"] is True
    assert (await site.put(path, json={k: made[k] for k in ("url", "type", "level", "objectId")})).status_code == 200
    assert (await site.delete(path)).status_code == 204
    assert await site.ids("system/callbacks") == []


async def test_same_callback_twice_exists_already(at: tuple[Receiver, str, Site]) -> None:
    _, url, site = at
    await registered(site, url)
    answer = await site.post(
        "system/callbacks", json={"url": url, "type": "Agreement", "level": "Owner", "objectId": 1}
    )
    assert answer.status_code == 400
    assert answer.json()["message"] == "callbackEntry object is invalid"
    assert answer.json()["errors"] == [
        {
            "code": "ObjectExists",
            "message": "A matching callback entry already exists",
            "resource": "callbackEntry",
            "field": "objectId",
        }
    ]
    await registered(site, f"{url}/other")


@pytest.mark.parametrize(
    ("members", "field"),
    [({"type": "addition"}, "type"), ({"level": "status"}, "level"), ({"description": "x" * 101}, "description")],
)
async def test_callback_that_cannot_be_is_refused(site: Site, members: dict[str, str], field: str) -> None:
    body = {"url": "http://127.0.0.1/", "type": "agreement", "level": "owner", "objectId": 1, **members}
    answer = await site.post("system/callbacks", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_change_is_delivered_with_record_action_and_signature(at: tuple[Receiver, str, Site]) -> None:
    receiver, url, site = at
    entry = await registered(site, f"{url}?mine=1&recordId=")
    await rename(site)
    [delivery] = await settled(site, 1)
    assert (delivery["state"], delivery["callback"], delivery["attempts"]) == ("delivered", entry["id"], [200])
    query = parse_qs(urlsplit(receiver.targets[0]).query)
    assert query == {"mine": ["1"], "recordId": ["1"], "action": ["updated"]}
    [told] = receiver.told
    assert (told["Action"], told["CompanyId"], told["ID"]) == ("updated", site.company, 1)
    assert (told["MemberId"], told["Type"]) == ("pub", "agreement")
    assert json.loads(told["Entity"])["name"] == "Renamed"
    assert told["Metadata"]["key_url"].startswith(site.root)  # the host that the client knows
    key = (await site.get(told["Metadata"]["key_url"], auth=None)).json()["signing_key"]
    digest = hmac.digest(hashlib.sha256(key.encode()).digest(), receiver.bodies[0], "sha256")
    assert receiver.headers[0]["x-content-signature"] == base64.b64encode(digest).decode()


async def test_signing_key_may_come_as_a_text(at: tuple[Receiver, str, Site]) -> None:
    receiver, url, site = at
    await site.control("POST", f"sites/{site.company}/settings", json={"options": {"signing_key_as_text": True}})
    await registered(site, url)
    await rename(site)
    await settled(site, 1)
    text = (await site.get(receiver.told[0]["Metadata"]["key_url"])).json()
    assert re.fullmatch("[0-9a-f]{64}", json.loads(text)["signing_key"])


async def test_added_and_deleted_are_told_and_office_edits_too(at: tuple[Receiver, str, Site]) -> None:
    receiver, url, site = at
    await registered(site, url, type="contact")
    made = await site.post("company/contacts", json={"firstName": "Ada", "company": {"id": 10}})
    number = made.json()["id"]
    order = {"table": "contacts", "id": number, "values": {"lastName": "Alder"}}
    await site.control("POST", f"sites/{site.company}/edit", json=order)
    assert (await site.delete(f"company/contacts/{number}")).status_code == 204
    await settled(site, 3)
    told = sorted((t["Action"], t["MemberId"], t["ID"]) for t in receiver.told)
    assert told == [("added", "pub", number), ("deleted", "pub", number), ("updated", "office", number)]


@pytest.mark.parametrize(
    ("kind", "level", "number", "agreements"),
    [
        ("agreement", "owner", 1, [1, 3, 5]),
        ("agreement", "agreement", 3, [3]),
        ("agreement", "company", 11, [5]),
        ("Agreements", "company", 11, [5]),
    ],
)
async def test_level_says_whose_changes_are_told(
    at: tuple[Receiver, str, Site], kind: str, level: str, number: int, agreements: list[int]
) -> None:
    receiver, url, site = at
    await registered(site, url, type=kind, level=level, objectId=number)
    for agreement in (1, 3, 5):
        order = {"table": "agreements", "id": agreement, "values": {"name": "Renamed"}}
        await site.control("POST", f"sites/{site.company}/edit", json=order)
    await settled(site, len(agreements))
    assert sorted(t["ID"] for t in receiver.told) == agreements
    assert {t["Type"] for t in receiver.told} == {"agreement"}


@pytest.mark.parametrize("members", [{"isSelfSuppressedFlag": True}, {"inactiveFlag": True}, {"type": "company"}])
async def test_what_was_not_asked_for_is_not_told(at: tuple[Receiver, str, Site], members: dict[str, Any]) -> None:
    receiver, url, site = at
    await registered(site, url, **members)
    await registered(site, f"{url}/all")
    await rename(site)
    await settled(site, 1)
    assert [urlsplit(target).path for target in receiver.targets] == ["/hook/all"]


async def test_addition_fires_the_agreement_callback_only_where_the_knob_says_so(
    at: tuple[Receiver, str, Site],
) -> None:
    receiver, url, site = at
    await registered(site, url)
    await site.add(1, **DAY)
    options = {"additions_fire_agreement_callbacks": True}
    await site.control("POST", f"sites/{site.company}/settings", json={"options": options})
    await site.add(3, **DAY)
    await settled(site, 1)
    assert [(t["Action"], t["ID"]) for t in receiver.told] == [("updated", 3)]


@pytest.mark.parametrize(
    ("statuses", "attempts", "state"),
    [
        ([429, 404, 204], [429, 404, 204], "delivered"),
        ([409, 419, 409, 200], [409, 419, 409], "failed"),
        ([500, 200], [500], "failed"),
        ([302, 200], [302], "failed"),
        ([0], ["timeout"], "failed"),
    ],
)
async def test_only_some_refusals_are_tried_again_and_twice_at_most(
    at: tuple[Receiver, str, Site], statuses: list[int], attempts: list[int | str], state: str
) -> None:
    receiver, url, site = at
    receiver.statuses = statuses
    await registered(site, url)
    await rename(site)
    [delivery] = await settled(site, 1)
    assert (delivery["attempts"], delivery["state"]) == (attempts, state)
    assert len(set(receiver.bodies)) == 1


async def test_nobody_there_is_a_failure(at: tuple[Receiver, str, Site]) -> None:
    _, _, site = at
    await registered(site, "http://127.0.0.1:1/")
    await rename(site)
    assert [d["attempts"] for d in await settled(site, 1)] == [["ConnectError"]]


async def test_three_days_of_failures_end_a_callback(at: tuple[Receiver, str, Site]) -> None:
    receiver, url, site = at
    receiver.statuses = [500]
    entry = await registered(site, url)

    async def fail(number: int) -> bool:
        await rename(site, name=f"Name {number}")
        await settled(site, number)
        return bool((await site.get(f"system/callbacks/{entry['id']}")).json()["inactiveFlag"])

    assert await fail(1) is False
    await site.control("POST", "clock", json={"site": site.company, "days": 2})
    receiver.statuses = [200]
    assert await fail(2) is False  # a success begins the days anew
    receiver.statuses = [500]
    assert await fail(3) is False
    await site.control("POST", "clock", json={"site": site.company, "days": 2})
    assert await fail(4) is False
    await site.control("POST", "clock", json={"site": site.company, "days": 1})
    assert await fail(5) is True
    assert (await site.effects())[-1]["told"] == "nobody"


@pytest.mark.parametrize("url", ["http://192.0.2.1/hook", "https://example.org/", "ftp://127.0.0.1/", "http://[", "x"])
async def test_nothing_leaves_this_machine_unless_the_host_was_named(at: tuple[Receiver, str, Site], url: str) -> None:
    _, _, site = at
    await registered(site, url)
    await rename(site)
    assert [(d["state"], d["attempts"]) for d in await settled(site, 1)] == [("not allowed", [])]


async def test_member_without_the_setup_table_may_not_register(site: Site) -> None:
    async with site.as_member("sync") as sync:
        body = {"url": "http://127.0.0.1/", "type": "agreement", "level": "owner", "objectId": 1}
        assert (await sync.post("system/callbacks", json=body)).status_code == 403


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://localhost:8080/hook", True),
        ("https://[::1]/hook", True),
        ("http://hooks.example.org/", True),
        ("http://hooks.example.org.evil/", False),
        ("http://localhost.evil/", False),
        ("http://127.0.0.1@192.0.2.1/", False),
        ("http://0.0.0.0/", False),
    ],
)
def test_only_this_machine_and_named_hosts_are_near(url: str, near: bool) -> None:
    assert is_near(url, {"hooks.example.org"}) is near
