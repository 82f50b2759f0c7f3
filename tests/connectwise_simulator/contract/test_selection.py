import pytest

from tests.connectwise_simulator.conftest import Site

COMPANY = "company/companies/10"


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ("id,status/name,assignedTo,assignedResources", {"id": 10, "status": {"name": "Active"}}),
        ("ID, Status/Id", {"id": 10, "status": {"id": 1}}),
        ("status", {"status": {"id": 1, "name": "Active"}}),
        ("types/name", {"types": [{"name": "Client"}]}),
        ("nothing", {}),
        ("phoneNumber,identifier", {"identifier": "Alder"}),
    ],
)
async def test_fields_select_members_at_any_depth_and_ignore_unknown_ones(
    site: Site, fields: str, answer: dict[str, object]
) -> None:
    """2.5: nested selection; unknown names are no error."""
    assert (await site.get(COMPANY, params={"fields": fields})).json() == answer
    listed = await site.get("company/companies", params={"fields": fields, "conditions": "id = 10"})
    assert listed.json() == [answer]


async def test_info_is_in_a_whole_record_and_otherwise_only_if_named(site: Site) -> None:
    """2.5: `_info`."""
    whole = (await site.get(COMPANY)).json()["_info"]
    assert {"lastUpdated", "updatedBy", "dateEntered", "enteredBy"} <= set(whole)
    assert "_info" not in (await site.get(COMPANY, params={"fields": "id,name"})).json()
    assert (await site.get(COMPANY, params={"fields": "_info"})).json() == {"_info": whole}
    one = (await site.get(COMPANY, params={"fields": "_info/lastUpdated"})).json()
    assert one == {"_info": {"lastUpdated": whole["lastUpdated"]}}


async def test_fields_cut_answers_to_writes_too(site: Site) -> None:
    """2.5: partial responses work for GET and POST."""
    body = {"name": "Partial"}
    made = await site.post("procurement/types", json=body, params={"fields": "id,name"})
    assert (made.status_code, set(made.json())) == (201, {"id", "name"})
    change = [{"op": "replace", "path": "name", "value": "Partially"}]
    path = f"procurement/types/{made.json()['id']}"
    assert (await site.patch(path, json=change, params={"fields": "name"})).json() == {"name": "Partially"}


async def test_null_members_are_left_out(site: Site) -> None:
    """2.5: an absent key, never null."""
    agreement = (await site.get("finance/agreements/2")).json()
    assert {"endDate", "dateCancelled", "parentAgreement"}.isdisjoint(agreement)
    assert None not in agreement.values()
    added = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()
    assert {"cancelledDate", "serialNumber"}.isdisjoint(added)


async def test_timestamps_are_utc_in_whole_seconds(site: Site) -> None:
    """2.5, 3.3: also civil dates are written so."""
    company = (await site.get(COMPANY)).json()
    assert len(company["_info"]["lastUpdated"]) == len("2026-03-10T00:00:00Z")
    assert company["_info"]["lastUpdated"].endswith("Z")
    assert (await site.get("finance/agreements/1")).json()["startDate"].endswith("T00:00:00Z")


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("name", [10, 11, 12]),
        ("name desc", [12, 11, 10]),
        ("Name DESC", [12, 11, 10]),
        ("status/name desc, name desc", [11, 12, 10]),
        ("status/name desc,name asc", [11, 10, 12]),
        ("lastUpdated desc,id desc", [12, 11, 10]),
        ("phoneNumber,id desc", [12, 11, 10]),
        ("deletedFlag", [10, 11, 12]),
    ],
)
async def test_order_by_several_names_up_and_down(site: Site, order: str, ids: list[int]) -> None:
    """2.5: orderBy."""
    assert await site.ids("company/companies", orderBy=order) == ids


@pytest.mark.parametrize("order", ["nothing", "types/name", "name sideways", "name desc id"])
async def test_order_by_what_cannot_be_ordered_is_refused(site: Site, order: str) -> None:
    """2.5: unknown names."""
    answer = await site.get("company/companies", params={"orderBy": order})
    assert (answer.status_code, answer.json()["code"]) == (400, "ApiFindCondition")
