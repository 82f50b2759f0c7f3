"""User-defined fields: a definition shows on every record of its screen's type."""

from typing import Any

import pytest

from tests.connectwise_simulator.conftest import Site

COMPANY = "company/companies/10"
FIELDS = "system/userDefinedFields"


def _replace(value: Any, path: str = "customFields") -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


async def _define(site: Site, caption: str = "Contract", kind: str = "Text", **more: Any) -> int:
    body = {"podId": 1, "screenId": "company", "caption": caption, "sequenceNumber": 1, "fieldTypeIdentifier": kind}
    made = await site.post(FIELDS, json={**body, **more})
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


async def _fields(site: Site, path: str = COMPANY) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await site.get(path)).json().get("customFields", [])
    return found


async def test_definition_shows_on_every_record_of_its_screen_without_changing_them(site: Site) -> None:
    before = (await site.get(COMPANY)).json()
    number = await _define(site, "Seats", "Number", numberDecimals=2)
    shown = {"id": number, "caption": "Seats", "type": "Number", "entryMethod": "EntryField", "numberOfDecimals": 2}
    for path in (COMPANY, "company/companies/12"):
        assert await _fields(site, path) == [shown]
    assert await _fields(site, "finance/agreements/1") == []
    assert (await site.get(COMPANY)).json()["_info"] == before["_info"]
    made = (await site.post("company/companies", json={"identifier": "New", "name": "New"})).json()
    assert made["customFields"] == [shown]


@pytest.mark.parametrize(
    ("screen", "path"),
    [
        ("agreement", "finance/agreements/1"),
        ("contact", "company/contacts/100"),
        ("product", "procurement/catalog/50"),
        ("site", "company/companies/10/sites/1"),
        ("Company", COMPANY),
    ],
)
async def test_screen_decides_the_record_type(site: Site, screen: str, path: str) -> None:
    await _define(site, screenId=screen)
    assert [field["caption"] for field in await _fields(site, path)] == ["Contract"]


async def test_value_is_written_with_the_whole_array_and_null_is_left_out(site: Site) -> None:
    one, two = await _define(site, "One"), await _define(site, "Two", sequenceNumber=2)
    both = [{"id": one, "value": "a"}, {"id": two, "value": "b"}]
    assert [f["value"] for f in (await site.patch(COMPANY, json=_replace(both))).json()["customFields"]] == ["a", "b"]
    left = (await site.patch(COMPANY, json=_replace([{"id": two, "value": "c"}]))).json()["customFields"]
    assert [(f["caption"], f.get("value")) for f in left] == [("One", None), ("Two", "c")]
    assert "value" not in left[0]
    renamed = await site.patch(COMPANY, json=[{"op": "replace", "path": "city", "value": "Salem"}])
    assert renamed.json()["customFields"] == left


async def test_id_that_no_definition_has_is_refused(site: Site) -> None:
    await _define(site)
    answer = await site.patch(COMPANY, json=_replace([{"id": 99, "value": "a"}]))
    assert answer.status_code == 400
    assert [(e["code"], e["field"]) for e in answer.json()["errors"]] == [("NotFound", "customFields/id")]
    assert "value" not in (await _fields(site))[0]


@pytest.mark.parametrize(
    ("kind", "more", "fits", "wrong"),
    [
        ("Number", {}, 12, "twelve"),
        ("Percent", {}, 0.5, True),
        ("Checkbox", {}, True, "perhaps"),
        ("Date", {}, "2026-03-10T00:00:00Z", "soon"),
        ("Text", {}, "text", True),
        ("Text", {"entryTypeIdentifier": "List", "options": [{"optionValue": "Gold"}]}, "Gold", "Silver"),
    ],
)
async def test_value_of_another_type_is_refused(site: Site, kind: str, more: Any, fits: Any, wrong: Any) -> None:
    number = await _define(site, kind=kind, **more)
    assert (await site.patch(COMPANY, json=_replace([{"id": number, "value": wrong}]))).status_code == 400
    changed = (await site.patch(COMPANY, json=_replace([{"id": number, "value": fits}]))).json()
    assert changed["customFields"][0]["value"] == fits


async def test_required_field_must_be_in_a_written_array(site: Site) -> None:
    await _define(site, requiredFlag=True)
    answer = await site.patch(COMPANY, json=_replace([]))
    assert answer.json()["errors"][0]["code"] == "MissingRequiredField"
    assert (await site.patch(COMPANY, json=_replace("Salem", "city"))).status_code == 200


async def test_deleted_definition_goes_from_the_records_and_a_renamed_one_keeps_values(site: Site) -> None:
    number = await _define(site)
    await site.patch(COMPANY, json=_replace([{"id": number, "value": "a"}]))
    await site.patch(f"{FIELDS}/{number}", json=_replace("Renamed", "caption"))
    assert [(f["caption"], f["value"]) for f in await _fields(site)] == [("Renamed", "a")]
    assert (await site.delete(f"{FIELDS}/{number}")).status_code == 204
    assert "customFields" not in (await site.get(COMPANY)).json()


@pytest.mark.parametrize(
    ("member", "value"),
    [("screenId", "nowhere"), ("sequenceNumber", 501), ("numberDecimals", 2), ("caption", "x" * 26)],
)
async def test_impossible_definition_is_refused(site: Site, member: str, value: Any) -> None:
    body = {"podId": 1, "screenId": "company", "caption": "C", "sequenceNumber": 1, "fieldTypeIdentifier": "Text"}
    answer = await site.post(FIELDS, json={**body, member: value})
    assert answer.json()["errors"][0]["field"] == member


async def test_filter_finds_values_and_their_absence(site: Site) -> None:
    number = await _define(site)
    await site.patch("company/companies/11", json=_replace([{"id": number, "value": "C-7"}]))
    for condition, found in (
        ('caption="Contract" AND value="c-7"', [11]),
        ('caption="Contract" AND value != null', [11]),
        ('caption="Contract" AND value = null', [10, 12]),
    ):
        assert await site.ids("company/companies", customFieldConditions=condition) == found
