"""Section 3.2: required members, lengths, enums and which members the service computes."""

from typing import Any

import pytest

from tests.connectwise_simulator.conftest import Site

NEXT = "2026-04-01T00:00:00Z"
BODIES: dict[str, dict[str, Any]] = {
    "company/companies": {"identifier": "Fields", "name": "Fields"},
    "finance/agreements": {
        "name": "Fields",
        "type": {"name": "Cloud Subscriptions"},
        "company": {"id": 10},
        "contact": {"id": 100},
    },
    "finance/agreements/1/additions": {"product": {"id": 50}, "billCustomer": "Billable"},
    "procurement/catalog": {
        "identifier": "FIELDS",
        "description": "Fields",
        "subcategory": {"id": 1},
        "type": {"id": 1},
        "customerDescription": "Fields",
    },
    "procurement/categories": {"name": "Fields"},
    "procurement/unitOfMeasures": {"name": "Fields"},
    "procurement/types": {"name": "Fields"},
    "procurement/subcategories": {"name": "Fields", "category": {"id": 1}},
    "company/companies/statuses": {"name": "Fields"},
    "company/companies/types": {"name": "Fields"},
    "finance/billingCycles": {"identifier": "F", "name": "Fields", "billingOptions": "Monthly"},
    "finance/invoices": {"type": "Standard", "company": {"id": 10}},
    "system/apiMembers": {"identifier": "Fields"},
}
LONGEST = {
    "company/companies": {
        "identifier": 30,
        "name": 50,
        "addressLine1": 50,
        "zip": 12,
        "phoneNumber": 30,
        "website": 255,
    },
    "finance/agreements": {"name": 100, "customerPO": 50, "reasonCancelled": 100, "workOrder": 20},
    "finance/agreements/1/additions": {"serialNumber": 50, "invoiceDescription": 6000},
    "procurement/catalog": {
        "identifier": 75,
        "description": 60,
        "customerDescription": 6000,
        "manufacturerPartNumber": 50,
        "vendorSku": 50,
        "integrationXRef": 50,
    },
    "procurement/categories": {"name": 50, "priceLevelXref": 10, "integrationXref": 50},
    "procurement/unitOfMeasures": {"name": 50, "uomScheduleXref": 31},
    "procurement/types": {"name": 50},
    "procurement/subcategories": {"name": 50},
    "company/companies/statuses": {"name": 50, "notificationMessage": 500},
    "company/companies/types": {"name": 50, "serviceAlertMessage": 150},
    "finance/billingCycles": {"identifier": 5, "name": 50},
}
CHOICES = {
    ("finance/agreements/1/additions", "billCustomer"): ("Billable", "DoNotBill", "NoCharge"),
    ("finance/agreements", "applicationUnits"): ("Amount", "Hours", "Incidents"),
    ("finance/agreements", "invoicingCycle"): ("ContractYear", "CalendarYear"),
    ("finance/agreements", "billTime"): ("Billable", "DoNotBill", "NoCharge", "NoDefault"),
    ("finance/agreements", "periodType"): ("Current", "Future", "Both", "Undefined"),
    ("procurement/catalog", "productClass"): ("Agreement", "Bundle", "Inventory", "NonInventory", "Service"),
    ("procurement/catalog", "recurringCycleType"): ("ContractYear", "CalendarYear"),
    ("procurement/catalog", "billableOption"): ("Billable", "DoNotBill", "NoCharge", "NoDefault"),
    ("procurement/types", "typeXref"): ("InventoryPart", "NonInventoryPart", "OtherCharge", "Service"),
}
NEEDED_ON_UPDATE: dict[str, dict[str, Any]] = {
    "finance/agreements": {
        "employeeCompRate": "Hourly",
        "invoicingCycle": "ContractYear",
        "billTime": "NoCharge",
        "billExpenses": "NoCharge",
        "billProducts": "NoCharge",
    },
    "finance/invoices": {"invoiceNumber": "F-1", "locationId": 1},
    "system/apiMembers": {"name": "Fields"},
}
_NUMBERS = iter(range(10_000))


def _body(path: str, **members: Any) -> dict[str, Any]:
    """A body that is accepted, under a name nobody has."""
    body = {**BODIES[path], **members}
    number = next(_NUMBERS)
    for name in ("identifier", "name"):
        if name in body and name not in members:
            body[name] = f"F{number}"
    return body


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, body in BODIES.items() for name in body])
async def test_member_is_required(site: Site, path: str, name: str) -> None:
    """3.2: required on create."""
    body = _body(path)
    del body[name]
    answer = await site.post(path, json=body)
    assert answer.status_code == 400
    assert name in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, more in NEEDED_ON_UPDATE.items() for name in more])
async def test_member_needed_on_updates_is_left_out_of_a_creation_only(site: Site, path: str, name: str) -> None:
    """3.2: the dagger: a replacement gives it; patches may leave it, or clear it [assumed]."""
    body = _body(path)
    value = NEEDED_ON_UPDATE[path][name]
    made = await site.post(path, json={**body, name: value})
    assert made.status_code == 201, made.text
    there = f"{path}/{made.json()['id']}"
    more = {**body, **{k: made.json().get(k, v) for k, v in NEEDED_ON_UPDATE[path].items()}}
    refused = [
        await site.put(there, json={k: v for k, v in more.items() if k != name}),
        await site.put(there, json={**more, name: None}),
    ]
    for answer in refused:
        assert answer.status_code == 400, answer.text
        assert [(e["code"], e["field"]) for e in answer.json()["errors"]] == [("MissingRequiredField", name)]
    replaced = await site.put(there, json=more)
    assert (replaced.status_code, replaced.json()[name]) == (200, value), replaced.text
    first = next(iter(body))
    patched = await site.patch(there, json=[{"op": "replace", "path": first, "value": body[first]}])
    assert (patched.status_code, patched.json()[name]) == (200, value), patched.text
    assert (await site.patch(there, json=[{"op": "remove", "path": name}])).status_code == 200


@pytest.mark.parametrize("path", NEEDED_ON_UPDATE)
async def test_record_made_with_the_least_can_be_put_back(site: Site, path: str) -> None:
    """3.2: what is needed on updates is filled in on creation, or not needed until it is there [assumed]."""
    made = await site.post(path, json=_body(path))
    answer = await site.put(f"{path}/{made.json()['id']}", json=made.json())
    assert (answer.status_code, {**answer.json(), "_info": 0}) == (200, {**made.json(), "_info": 0}), answer.text


@pytest.mark.parametrize(
    ("path", "name", "longest"), [(path, name, n) for path, names in LONGEST.items() for name, n in names.items()]
)
async def test_text_is_as_long_as_its_field(site: Site, path: str, name: str, longest: int) -> None:
    """3.2: lengths: the longest is kept whole, one more is refused."""
    fits = f"{next(_NUMBERS)}".ljust(longest, "x")[:longest]
    made = await site.post(path, json=_body(path, **{name: fits}))
    assert made.status_code == 201, made.text
    assert made.json()[name] == fits
    longer = await site.post(path, json=_body(path, **{name: f"{fits}x"}))
    assert [error["code"] for error in longer.json()["errors"]] == ["MaxLengthField"]


@pytest.mark.parametrize(
    ("path", "name", "choice"), [(*key, value) for key, values in CHOICES.items() for value in values]
)
async def test_enum_takes_its_values(site: Site, path: str, name: str, choice: str) -> None:
    """3.2: enums."""
    made = await site.post(path, json=_body(path, **{name: choice}))
    assert (made.status_code, made.json().get(name)) == (201, choice), made.text


@pytest.mark.parametrize(("path", "name"), CHOICES)
async def test_enum_takes_no_other_value(site: Site, path: str, name: str) -> None:
    """3.2, 2.3: what cannot be converted is 500."""
    assert (await site.post(path, json=_body(path, **{name: "Other"}))).status_code == 500


async def test_catalog_item_is_non_inventory_unless_it_says_otherwise(site: Site) -> None:
    """3.2: the default of productClass."""
    assert (await site.post("procurement/catalog", json=_body("procurement/catalog"))).json()[
        "productClass"
    ] == "NonInventory"
