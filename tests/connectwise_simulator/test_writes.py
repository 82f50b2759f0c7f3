from decimal import Decimal

import pytest

from connectwise_simulator.jsonwire import loads
from tests.connectwise_simulator.conftest import Site

COMPANY = "company/companies/10"


async def test_create_answers_201_with_the_whole_record(site: Site) -> None:
    answer = await site.post("company/companies", json={"identifier": "Dogwood", "name": "Dogwood"})
    assert answer.status_code == 201
    assert answer.json()["status"]["name"] == "Active"


async def test_unknown_member_is_refused_with_the_contracts_words(site: Site) -> None:
    answer = await site.post("company/companies", json={"identifier": "X", "page": 1, "name": "X"})
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "Could not find member 'page' on object of type 'Company'. Path 'page', line 1, position 25."
        "Check your accept header to make sure you are using the correct version."
    )


async def test_missing_required_fields_are_all_named(site: Site) -> None:
    errors = (await site.post("company/companies", json={})).json()["errors"]
    assert {e["field"] for e in errors} == {"identifier", "name"}


async def test_too_long_a_text_is_refused(site: Site) -> None:
    answer = await site.add(1, serialNumber="x" * 51, effectiveDate="2026-04-01T00:00:00Z")
    assert answer.json()["errors"][0] == {
        "code": "MaxLengthField",
        "message": "The field serialNumber must be a string with a maximum length of 50.",
        "resource": "addition",
        "field": "serialNumber",
    }


async def test_dangling_reference_is_not_found(site: Site) -> None:
    answer = await site.add(1, product={"id": 4711})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "NotFound")


async def test_same_identifier_twice_is_object_exists(site: Site) -> None:
    answer = await site.post("company/companies", json={"identifier": "alder", "name": "Another"})
    assert answer.json()["errors"][0]["code"] == "ObjectExists"


async def test_wrong_kind_of_value_is_500(site: Site) -> None:
    assert (await site.add(1, quantity="many")).status_code == 500
    flag = await site.patch(COMPANY, json=[{"op": "replace", "path": "deletedFlag", "value": "perhaps"}])
    assert flag.json()["message"] == "String was not recognized as a valid Boolean."


async def test_milliseconds_in_dates_are_refused(site: Site) -> None:
    answer = await site.add(1, effectiveDate="2026-04-01T00:00:00.000Z")
    assert answer.status_code == 400
    assert "Unsupported format applied to effectiveDate" in answer.text


async def test_patch_takes_slash_or_none_and_numbers_as_texts(site: Site) -> None:
    added = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()
    path = f"finance/agreements/1/additions/{added['id']}"
    for name, value in (("quantity", "7"), ("/quantity", 8)):
        changed = (await site.patch(path, json=[{"op": "replace", "path": name, "value": value}])).json()
        assert changed["quantity"] == int(value)


async def test_patch_paths_are_case_sensitive(site: Site) -> None:
    answer = await site.patch(COMPANY, json=[{"op": "replace", "path": "Name", "value": "New"}])
    assert answer.status_code == 400


async def test_patch_of_a_nested_or_computed_path_says_200_and_changes_nothing(site: Site) -> None:
    before = (await site.get(COMPANY)).json()
    answer = await site.patch(COMPANY, json=[{"op": "replace", "path": "status/name", "value": "Inactive"}])
    assert (answer.status_code, answer.json()) == (200, before)
    added = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()
    change = [{"op": "replace", "path": "extPrice", "value": 1}]
    assert (await site.patch(f"finance/agreements/1/additions/{added['id']}", json=change)).json() == added
    assert [e["method"] for e in await site.effects()] == ["POST"]


async def test_patch_remove_and_null_clear(site: Site) -> None:
    body = {"effectiveDate": "2026-04-01T00:00:00Z", "cancelledDate": "2026-04-30T00:00:00Z", "serialNumber": "a"}
    added = (await site.add(1, **body)).json()
    clear = [{"op": "remove", "path": "cancelledDate"}, {"op": "replace", "path": "serialNumber", "value": None}]
    changed = (await site.patch(f"finance/agreements/1/additions/{added['id']}", json=clear)).json()
    assert "cancelledDate" not in changed
    assert "serialNumber" not in changed


async def test_patch_that_is_no_array_is_refused(site: Site) -> None:
    assert (await site.patch(COMPANY, json={"name": "x"})).status_code == 400


async def test_put_sets_what_is_not_given_back(site: Site) -> None:
    added = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z", serialNumber="a", unitPrice=3)).json()
    path = f"finance/agreements/1/additions/{added['id']}"
    body = {"product": {"id": 50}, "billCustomer": "Billable", "effectiveDate": "2026-04-01T00:00:00Z"}
    replaced = (await site.put(path, json=body)).json()
    assert "serialNumber" not in replaced
    assert replaced["unitPrice"] == 22.5


async def test_renamed_company_shows_its_new_name_on_its_agreements(site: Site) -> None:
    await site.patch(COMPANY, json=[{"op": "replace", "path": "name", "value": "Alder Group"}])
    assert (await site.get("finance/agreements/1")).json()["company"]["name"] == "Alder Group"


async def test_delete_answers_204_and_the_record_is_gone(site: Site) -> None:
    added = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()
    path = f"finance/agreements/1/additions/{added['id']}"
    assert (await site.delete(path)).status_code == 204
    assert (await site.get(path)).status_code == 404


@pytest.mark.parametrize("number", ["0.000001", "17.1250", "123456789012.123456"])
async def test_numbers_keep_their_decimals(site: Site, number: str) -> None:
    text = '{"product":{"id":50},"billCustomer":"Billable","effectiveDate":"2026-04-01T00:00:00Z","unitCost":%s}'
    headers = {"content-type": "application/json"}
    answer = await site.post("finance/agreements/1/additions", content=text % number, headers=headers)
    assert loads(answer.content)["unitCost"] == Decimal(number)
    assert f'"unitCost":{number}' in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"quantity":1e9999}', b'{"quantity":NaN}'])
async def test_unreadable_bodies_are_refused(site: Site, body: bytes) -> None:
    assert (await site.post("finance/agreements/1/additions", content=body)).status_code == 400
