import pytest

from tests.connectwise_simulator.conftest import Site

ADDITIONS = "finance/agreements/1/additions"
NEXT = "2026-04-01T00:00:00Z"


def _accept(version: str) -> dict[bytes, bytes]:
    return {b"accept": f"application/vnd.connectwise.com+json; version={version}".encode("latin-1")}


@pytest.mark.parametrize("version", ["0.0", "3.0.0", "2099.1", "nonsense", "\u00b2025.1", "2025.\u00b9"])
async def test_unsupported_version_is_refused_as_0_0(site: Site, version: str) -> None:
    """2.3: whatever was asked for, the one message that was seen; 3.0.0, the old default, is switched off."""
    answer = await site.get("system/info", headers=_accept(version))
    assert answer.status_code == 400
    assert answer.json()["code"] == "ConnectWiseApi"
    assert answer.json()["message"] == (
        f"The HTTP resource that matches the request URI '{site.base_url}system/info' does not support the API "
        "version '0.0'."
    )


@pytest.mark.parametrize("version", ["2020.4", "2021.1", "2024.8", "2026.11"])
async def test_version_that_public_clients_ask_for_is_spoken(site: Site, version: str) -> None:
    """2.3: as django-connectwise and connectwise-rest do unless they are told otherwise, Commvault, and the newest."""
    assert (await site.get("system/info", headers=_accept(version))).status_code == 200


async def test_no_version_means_the_latest_model(site: Site) -> None:
    """2.3: a member that came after 2025.1 is shown to who names no version and to who names a newer one."""
    path = f"{ADDITIONS}/{(await site.add(1, effectiveDate=NEXT)).json()['id']}"
    for headers, shown in (({}, True), (_accept("2026.11"), True), (_accept("2025.1"), False)):
        assert ("additionStatus" in (await site.get(path, headers=headers)).json()) is shown
        listed = await site.get(ADDITIONS, headers=headers, params={"fields": "id,additionStatus"})
        assert ("additionStatus" in listed.json()[0]) is shown


async def test_member_of_a_newer_version_cannot_be_written_with_an_older_one(site: Site) -> None:
    """2.3: bodies are read strictly by the asked version."""
    body = {"name": "Newer", "company": {"id": 10}, "type": {"name": "Cloud Subscriptions"}, "billZeroAmountFlag": True}
    body["contact"] = {"id": 100}
    refused = await site.post("finance/agreements", json=body, headers=_accept("2025.1"))
    assert refused.status_code == 400
    assert "Could not find member 'billZeroAmountFlag'" in refused.json()["message"]
    assert (await site.post("finance/agreements", json=body)).status_code == 201


async def test_unknown_member_is_refused_with_its_place(site: Site) -> None:
    """2.3: the whole message."""
    answer = await site.post("company/companies", json={"identifier": "X", "page": 1, "name": "X"})
    assert answer.status_code == 400
    assert answer.json() == {
        "code": "ConnectWiseApi",
        "message": "Could not find member 'page' on object of type 'Company'. Path 'page', line 1, position 25."
        "Check your accept header to make sure you are using the correct version.",
        "errors": None,
    }


async def test_unknown_member_of_a_reference_is_refused(site: Site) -> None:
    """2.3: strict at every depth."""
    answer = await site.add(1, effectiveDate=NEXT, product={"id": 50, "sku": "x"})
    assert answer.status_code == 400
    assert "Could not find member 'sku' on object of type 'IvItemReference'" in answer.json()["message"]


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ({"quantity": "many"}, '"many"'),
        ({"quantity": "1_0"}, '"1_0"'),
        ({"quantity": "\u0663"}, '"\\u0663"'),
        ({"product": 5}, "5"),
        ({"billCustomer": "Perhaps"}, '"Perhaps"'),
        ({"taxableFlag": 2}, "2"),
        ({"effectiveDate": 20260401}, "20260401"),
    ],
)
async def test_value_of_the_wrong_kind_is_500(site: Site, members: dict[str, object], value: str) -> None:
    """2.3, 2.7: an error that is the client's and says 500."""
    answer = await site.add(1, **{"effectiveDate": NEXT, **members})
    assert answer.status_code == 500
    assert answer.json()["code"] == "ConnectWiseApi"
    assert answer.json()["message"].startswith(f"Error converting value {value} to type '")
    assert f"Path '{next(iter(members))}', line 1, position" in answer.json()["message"]
