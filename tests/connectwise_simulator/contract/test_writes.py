from decimal import Decimal
from typing import Any

import pytest

from connectwise_simulator.jsonwire import loads
from tests.connectwise_simulator.conftest import Site
from tests.connectwise_simulator.contract.conftest import MakeSite

COMPANY = "company/companies/10"
NEXT = "2026-04-01T00:00:00Z"
READ_ONLY = (
    *("description", "extPrice", "extCost", "margin", "proratePrice", "prorateCost", "extendedProratePrice"),
    *("extendedProrateCost", "billedQuantity", "uom", "agreementStatus", "additionStatus"),
)


async def _added(site: Site, **members: Any) -> tuple[str, dict[str, Any]]:
    answer = await site.add(1, **{"effectiveDate": NEXT, **members})
    assert answer.status_code == 201, answer.text
    return f"finance/agreements/1/additions/{answer.json()['id']}", answer.json()


def _replace(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


async def test_create_is_201_with_the_whole_record_and_its_defaults(site: Site) -> None:
    """2.6: what is optional is filled in."""
    answer = await site.post("company/companies", json={"identifier": "Dogwood", "name": "Dogwood"})
    assert answer.status_code == 201
    assert answer.json()["status"]["name"] == "Active"
    assert answer.json() == (await site.get(f"company/companies/{answer.json()['id']}")).json()


async def test_put_is_200_and_sets_what_is_not_given_back(site: Site) -> None:
    """2.6: PUT replaces the record: defaults or null."""
    path, _ = await _added(site, serialNumber="a", unitPrice=3, taxableFlag=True)
    body = {"product": {"id": 50}, "billCustomer": "Billable", "effectiveDate": NEXT}
    answer = await site.put(path, json=body)
    assert answer.status_code == 200
    replaced = answer.json()
    assert "serialNumber" not in replaced
    assert replaced["unitPrice"] == 22.5
    assert replaced["id"] == int(path.rpartition("/")[2])
    assert replaced == (await site.get(path)).json()


@pytest.mark.parametrize("path", [COMPANY, "finance/agreements/1"])
async def test_what_was_read_can_be_put_back(site: Site, path: str) -> None:
    """2.6: a full record, `_info` and computed members included, is accepted and changes nothing."""
    record = (await site.get(path)).json()
    again = (await site.put(path, json=record)).json()
    assert {**again, "_info": 0} == {**record, "_info": 0}


async def test_delete_is_204_and_empty_and_the_record_is_gone(site: Site) -> None:
    """2.6: DELETE."""
    path, _ = await _added(site)
    answer = await site.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await site.get(path)).status_code == 404
    assert (await site.delete(path)).status_code == 404


@pytest.mark.parametrize("path", ["quantity", "/quantity"])
@pytest.mark.parametrize("value", ["7", 7, "7.0"])
async def test_patch_takes_a_slash_or_none_and_numbers_as_texts(site: Site, path: str, value: object) -> None:
    """2.6: what public clients send."""
    address, _ = await _added(site)
    answer = await site.patch(address, json=_replace(path, value))
    assert answer.status_code == 200
    assert (answer.json()["quantity"], answer.json()["extPrice"]) == (7, 157.5)


@pytest.mark.parametrize("op", ["replace", "add"])
async def test_replace_and_add_set_a_member(site: Site, op: str) -> None:
    """2.6: two words for the same."""
    address, _ = await _added(site)
    for serial in ("a", "b"):
        changed = await site.patch(address, json=[{"op": op, "path": "serialNumber", "value": serial}])
        assert changed.json()["serialNumber"] == serial


async def test_remove_and_null_clear_a_member(site: Site) -> None:
    """6.3: whether the real service does so is in no source; here both do."""
    address, _ = await _added(site, cancelledDate="2026-04-30T00:00:00Z", serialNumber="a")
    clear = [{"op": "remove", "path": "cancelledDate"}, *_replace("serialNumber", None)]
    changed = (await site.patch(address, json=clear)).json()
    assert {"cancelledDate", "serialNumber"}.isdisjoint(changed)


async def test_operations_of_a_patch_apply_in_order(site: Site) -> None:
    """2.6: the last one of a path counts."""
    address, _ = await _added(site)
    operations = [*_replace("quantity", 2), {"op": "remove", "path": "serialNumber"}, *_replace("/quantity", 3)]
    operations += _replace("serialNumber", "z")
    changed = (await site.patch(address, json=operations)).json()
    assert (changed["quantity"], changed["serialNumber"]) == (3, "z")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        [{"op": "Replace", "path": "name", "value": "x"}],
        [{"op": "move", "path": "name", "value": "x"}],
        [{"path": "name", "value": "x"}],
        [{"op": "replace", "value": "x"}],
        [{"op": "replace", "path": 5, "value": "x"}],
        ["replace"],
        _replace("Name", "x"),
        _replace("/NAME", "x"),
        _replace("nothing", "x"),
        [*_replace("city", "Elsewhere"), *_replace("nothing", "x")],
    ],
)
async def test_patch_that_cannot_be_read_changes_nothing(site: Site, body: Any) -> None:
    """2.6: an array of operations, op in lower case, paths case-sensitive; one bad operation refuses all."""
    before = (await site.get(COMPANY)).json()
    assert (await site.patch(COMPANY, json=body)).status_code == 400
    assert (await site.get(COMPANY)).json() == before


@pytest.mark.parametrize("path", ["status/name", "/status/id", "currency/name"])
async def test_patch_of_a_nested_path_says_200_and_changes_nothing(site: Site, path: str) -> None:
    """2.6: the false 200."""
    before = (await site.get(COMPANY)).json()
    answer = await site.patch(COMPANY, json=_replace(path, 2))
    assert (answer.status_code, answer.json()) == (200, before)
    assert (await site.get(COMPANY)).json() == before


@pytest.mark.parametrize("name", READ_ONLY)
async def test_patch_of_a_derived_member_says_200_and_changes_nothing(site: Site, name: str) -> None:
    """2.6: read-only members of an addition."""
    address, before = await _added(site)
    answer = await site.patch(address, json=_replace(name, 1))
    assert (answer.status_code, answer.json()) == (200, before)


async def test_derived_members_of_a_body_are_not_taken(site: Site) -> None:
    """2.6: in a POST neither."""
    _, added = await _added(site, extPrice=999, margin=999, additionStatus="Cancelled", id=999_999)
    assert (added["extPrice"], added["margin"], added["additionStatus"]) == (22.5, 5.375, "Inactive")  # not yet
    assert added["id"] != 999_999


@pytest.mark.parametrize("value", [{"identifier": "Birch"}, {"id": 11}, {"id": 11, "identifier": "Alder"}])
async def test_reference_is_replaced_whole_by_id_or_identifier(site_with: MakeSite, value: dict[str, Any]) -> None:
    """2.6: either; where both are given the id counts [assumed]."""
    site = await site_with()
    changed = await site.patch("finance/agreements/1", json=_replace("company", value))
    assert changed.json()["company"]["id"] == 11
    assert changed.json()["company"]["name"] == "Birch [West]"


async def test_custom_fields_are_sent_as_the_complete_array(site_with: MakeSite) -> None:
    """2.6: a patch replaces all of them."""
    site = await site_with()
    for number, caption in enumerate(("One", "Two"), 1):
        definition = {"podId": 1, "screenId": "company", "caption": caption, "fieldTypeIdentifier": "Text"}
        made = await site.post("system/userDefinedFields", json={**definition, "sequenceNumber": number})
        assert made.status_code == 201, made.text
    made = await site.post("company/companies", json={"identifier": "Fields", "name": "Fields"})
    path = f"company/companies/{made.json()['id']}"
    one, two = {"caption": "One", "value": "a"}, {"caption": "Two", "value": "b"}
    await site.patch(path, json=_replace("customFields", [one, two]))
    changed = (await site.patch(path, json=_replace("customFields", [{**two, "value": "c"}]))).json()
    values = {field["caption"]: field.get("value") for field in changed["customFields"]}
    assert values.get("One") is None
    assert values["Two"] == "c"


@pytest.mark.parametrize(
    "date",
    ["2026-04-01T00:00:00.000Z", "2026-04-01T00:00:00.5Z", "tomorrow", "01/04/2026", "2026-W14-3", "20260401", ""],
)
async def test_date_of_another_form_is_refused(site: Site, date: str) -> None:
    """2.5: milliseconds on write are refused by this message."""
    answer = await site.add(1, effectiveDate=date)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"] == "Unsupported format applied to effectiveDate"


@pytest.mark.parametrize("date", ["2026-04-01T00:00:00Z", "2026-04-01", "2026-04-01T02:00:00+02:00"])
async def test_date_is_kept_as_an_instant_in_utc(site: Site, date: str) -> None:
    """2.5: whole seconds."""
    _, added = await _added(site, effectiveDate=date)
    assert added["effectiveDate"] == "2026-04-01T00:00:00Z"


@pytest.mark.parametrize("escape", ["\\r\\n", "\\n", "\\r", "\\f", "\\b"])
async def test_line_breaks_in_texts_become_spaces(site: Site, escape: str) -> None:
    """2.6: escapes that are not supported."""
    body = '{"product":{"id":50},"billCustomer":"Billable","effectiveDate":"%s","invoiceDescription":"a%sb"}'
    headers = {"content-type": "application/json"}
    answer = await site.post("finance/agreements/1/additions", content=body % (NEXT, escape), headers=headers)
    assert answer.json()["invoiceDescription"] == "a b"


async def test_half_of_a_character_is_kept_as_the_sign_for_one(site: Site) -> None:
    """2.6: what JSON can escape and UTF-8 cannot hold would make the record unreadable to everybody."""
    body = '{"product":{"id":50},"billCustomer":"Billable","effectiveDate":"%s","invoiceDescription":"a\\ud800b"}'
    answer = await site.post("finance/agreements/1/additions", content=body % NEXT)
    assert answer.json()["invoiceDescription"] == "a\ufffdb"


async def test_member_of_a_reference_is_one_value(site: Site) -> None:
    """2.3: strict at every depth."""
    answer = await site.add(1, effectiveDate=NEXT, product={"id": [50]})
    assert answer.status_code == 500
    assert "converting value [50] to type 'IvItemReference'. Path 'product.id'" in answer.json()["message"]


@pytest.mark.parametrize(
    "item",
    [{"type": 5, "value": "x"}, {"type": {"id": [2]}, "value": "x"}, {"type": {"id": 1}, "value": ["x"]}],
)
async def test_item_of_a_list_is_read_as_strictly_as_a_record(site: Site, item: dict[str, object]) -> None:
    """2.3: a value of the wrong kind is refused, and nothing of it is kept for later calls to stumble over."""
    body = {"firstName": "Wrong", "company": {"id": 10}, "communicationItems": [item]}
    answer = await site.post("company/contacts", json=body)
    assert answer.status_code == 500
    assert answer.json()["message"].startswith("Error converting value")
    found = await site.get("company/contacts", params={"childConditions": "communicationItems/type/id = 2"})
    assert found.status_code == 200


@pytest.mark.parametrize("number", ["0.000001", "17.1250", "123456789012.123456"])
async def test_numbers_keep_their_decimals(site: Site, number: str) -> None:
    """The published type is a double; amounts of money are given back as they came."""
    text = '{"product":{"id":50},"billCustomer":"Billable","effectiveDate":"2026-04-01T00:00:00Z","unitCost":%s}'
    headers = {"content-type": "application/json"}
    answer = await site.post("finance/agreements/1/additions", content=text % number, headers=headers)
    assert loads(answer.content)["unitCost"] == Decimal(number)
    assert f'"unitCost":{number}' in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"quantity":1e9999}', b'{"quantity":NaN}'])
async def test_unreadable_bodies_are_refused(site: Site, body: bytes) -> None:
    """2.7: never a crash."""
    assert (await site.post("finance/agreements/1/additions", content=body)).status_code == 400


async def test_there_is_no_idempotency_key_and_no_optimistic_locking(site: Site) -> None:
    """2.6: the same POST twice makes two; no ETag; a condition in a header is not looked at."""
    headers = {"Idempotency-Key": "x", "If-Match": '"x"'}
    body = {"product": {"id": 50}, "billCustomer": "Billable", "quantity": 1, "effectiveDate": NEXT}
    made = [await site.post("finance/agreements/1/additions", json=body, headers=headers) for _ in range(2)]
    assert made[0].json()["id"] != made[1].json()["id"]
    assert "etag" not in made[0].headers


@pytest.mark.parametrize(
    "path", ["finance/agreements/1/additions/bulk", "finance/agreements/bulk", "procurement/catalog/bulk"]
)
async def test_there_is_nothing_in_bulk_for_agreements_additions_and_catalog(site: Site, path: str) -> None:
    """2.6: none of them."""
    assert (await site.put(path, json=[])).status_code in (404, 405)


async def test_renamed_company_shows_its_new_name_on_its_agreements(site_with: MakeSite) -> None:
    """3.2: a reference shows what it points at."""
    site = await site_with()
    await site.patch(COMPANY, json=_replace("name", "Alder Group"))
    assert (await site.get("finance/agreements/1")).json()["company"]["name"] == "Alder Group"
