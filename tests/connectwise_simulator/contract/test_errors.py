from typing import Any

import pytest

from tests.connectwise_simulator.conftest import Site
from tests.connectwise_simulator.contract.conftest import MakeSite

NEXT = "2026-04-01T00:00:00Z"


async def _invalid(site: Site, agreement: int, **members: Any) -> list[dict[str, Any]]:
    answer = await site.add(agreement, **{"effectiveDate": NEXT, **members})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "InvalidObject")
    assert body["message"] == "addition object is invalid"
    return list(body["errors"])


async def test_existing_record_is_object_exists(site: Site) -> None:
    """2.7: InvalidObject with ObjectExists."""
    answer = await site.post("company/companies", json={"identifier": "alder", "name": "Another"})
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (400, "InvalidObject", "company object is invalid")
    [error] = body["errors"]
    assert (error["code"], error["resource"], error["field"]) == ("ObjectExists", "company", "identifier")
    assert error["message"].endswith("already exists")


@pytest.mark.parametrize(
    ("product", "field"), [({"id": 4711}, "product/id"), ({"identifier": "NONE"}, "product/identifier")]
)
async def test_dangling_reference_is_not_found_by_its_path(site: Site, product: dict[str, Any], field: str) -> None:
    """2.7: NotFound within InvalidObject."""
    [error] = await _invalid(site, 1, product=product)
    assert (error["code"], error["resource"], error["field"]) == ("NotFound", "addition", field)
    assert "not found" in error["message"]


async def test_too_long_a_text_names_its_longest(site: Site) -> None:
    """2.7: MaxLengthField, the whole entry."""
    assert await _invalid(site, 1, serialNumber="x" * 51) == [
        {
            "code": "MaxLengthField",
            "message": "The field serialNumber must be a string with a maximum length of 50.",
            "resource": "addition",
            "field": "serialNumber",
        }
    ]


async def test_all_that_is_wrong_is_said_at_once(site: Site) -> None:
    """2.7: errors is a list."""
    errors = await _invalid(site, 1, serialNumber="x" * 51, product={"id": 4711})
    assert {error["code"] for error in errors} == {"MaxLengthField", "NotFound"}


async def test_missing_required_members_are_all_named(site: Site) -> None:
    """2.7, 6.3: the code MissingRequiredField is plausible, not proven."""
    errors = (await site.post("company/companies", json={})).json()["errors"]
    assert {(e["code"], e["field"]) for e in errors} == {
        ("MissingRequiredField", "identifier"),
        ("MissingRequiredField", "name"),
    }


async def test_date_before_the_billing_start_is_refused(site: Site) -> None:
    """2.7, 3.3: the message that two integrations report."""
    [error] = await _invalid(site, 1, effectiveDate="2024-12-31T00:00:00Z")
    assert error["message"] == "effectiveDate cannot be less than the agreement billing start date"
    assert error["field"] == "effectiveDate"


async def test_closed_record_is_403_security(site: Site) -> None:
    """2.7: 403."""
    async with site.as_member("sync") as member:
        answer = await member.post("company/companies", json={"identifier": "X", "name": "X"})
    assert answer.status_code == 403
    assert answer.json() == {
        "code": "Security",
        "message": "You do not have security permission to perform this action.",
        "errors": None,
    }


@pytest.mark.parametrize(
    "path",
    [
        *("company/companies/99999", "finance/agreements/1/additions/99999", "finance/agreements/99999/additions"),
        *("no/such/thing", "finance/agreements/statuses", "finance/invoices/types", "finance/invoices/statuses"),
        *("company/companies/99999999999999", "finance/additions"),
    ],
)
async def test_missing_record_or_address_is_404(site: Site, path: str) -> None:
    """2.7, 3.1: records, and addresses that do not exist; the body is in no source."""
    answer = await site.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "company/companies"),
        ("DELETE", "system/info"),
        ("POST", "system/mySecurity"),
        ("POST", "company/companies/10"),
    ],
)
async def test_verb_that_an_address_does_not_take_is_405(site: Site, method: str, path: str) -> None:
    """2.7: 405."""
    assert (await site.request(method, path, json={})).status_code == 405


async def test_error_bodies_are_indented_with_crlf(site: Site) -> None:
    """2.7: on the wire."""
    text = (await site.get("company/companies/99999")).text
    assert text.startswith('{\r\n  "code": "NotFound",\r\n  "message": ')


async def test_text_that_is_no_flag_is_500_with_its_own_words(site: Site) -> None:
    """2.7: the 500 that is not to be retried."""
    change = [{"op": "replace", "path": "deletedFlag", "value": "perhaps"}]
    answer = await site.patch("company/companies/10", json=change)
    assert (answer.status_code, answer.json()["message"]) == (500, "String was not recognized as a valid Boolean.")


@pytest.mark.parametrize(
    ("kind", "status", "members"),
    [
        ("500_after", 500, {"code": "ConnectWiseApi", "message": "A timeout has occured. Please try again."}),
        ("401", 401, {"code": "Unauthorized"}),
        ("403", 403, {"code": "Security"}),
    ],
)
async def test_errors_that_come_over_a_client(
    site_with: MakeSite, kind: str, status: int, members: dict[str, str]
) -> None:
    """2.7: the timeout's misspelling included."""
    site = await site_with()
    await site.fault(kind, nth=1)
    answer = await site.get("system/info")
    assert answer.status_code == status
    assert members.items() <= answer.json().items()


async def test_too_many_requests_has_the_key_error_and_a_retry_after(site_with: MakeSite) -> None:
    """2.7, 2.8: the body whose key is not `code`."""
    site = await site_with()
    await site.fault("refuse_429", nth=1, retry_after=30)
    answer = await site.get("system/info")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    message = "Too many requests. Please try again in 30 seconds."
    assert answer.json() == {"error": "ConnectWiseAPI", "message": message}
