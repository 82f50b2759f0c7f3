"""Members, their keys and roles: what the API shows of them is what is enforced."""

from typing import Any

import pytest

from connectwise_simulator.roles import ACTIONS, FUNCTION_NAMES, READY_MADE, named
from tests.connectwise_simulator.conftest import Site


def _replace(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


async def _member(site: Site, identifier: str) -> dict[str, Any]:
    rows = (await site.get("system/apiMembers", params={"conditions": f'identifier="{identifier}"'})).json()
    found: dict[str, Any] = rows[0]
    return found


async def _role(site: Site, name: str) -> dict[str, Any]:
    rows = (await site.get("system/securityroles", params={"conditions": f'name="{name}"'})).json()
    found: dict[str, Any] = rows[0]
    return found


async def test_every_key_belongs_to_an_api_member_with_its_role(site: Site) -> None:
    rows = {row["identifier"]: row["securityRole"]["name"] for row in (await site.get("system/apiMembers")).json()}
    assert rows["sync"] == "sync"
    assert rows["create"] == "sync+create"
    assert rows["cloud"] == "cloud-only"


async def test_member_is_one_row_at_all_its_addresses(site: Site) -> None:
    member = await _member(site, "sync")
    person = (await site.get(f"system/members/{member['id']}")).json()
    info = (await site.get(f"system/info/members/{member['id']}")).json()
    assert {one["identifier"] for one in (member, person, info)} == {"sync"}
    assert (person["licenseClass"], person["firstName"], info["fullName"]) == ("A", "sync", "sync")
    assert "lastName" not in person  # of an API member live answers have none either
    assert "securityRole" not in info
    assert "licenseClass" not in member


async def test_people_are_members_but_no_api_members(site: Site) -> None:
    person = {
        "identifier": "Mara",
        "licenseClass": "F",
        "firstName": "Mara",
        "lastName": "Vance",
        "defaultEmail": "Office",
        "defaultPhone": "Office",
        "hireDate": "2020-01-01T00:00:00Z",
        "securityRole": {"name": "admin"},
    }
    made = (await site.post("system/members", json=person)).json()
    assert (await site.get(f"system/info/members/{made['id']}")).json()["fullName"] == "Mara Vance"
    assert (await site.get(f"system/apiMembers/{made['id']}")).status_code == 404
    assert made["id"] not in [row["id"] for row in (await site.get("system/apiMembers")).json()]
    del person["hireDate"]
    missing = (await site.post("system/members", json={**person, "identifier": "Other"})).json()
    assert [error["field"] for error in missing["errors"]] == ["hireDate"]


async def test_records_and_history_show_the_members_identifier(site: Site) -> None:
    public = "a-public-key-of-twenty"
    await site.control("POST", f"sites/{site.company}/keys", json={"public": public, "private": "priv"})
    async with site.as_member(public) as member:
        made = (await member.post("company/companies", json={"identifier": "New", "name": "New"})).json()
        changed = await member.patch("company/companies/10", json=_replace("city", "Salem"))
        [me] = {row["member"]["identifier"] for row in (await member.get("system/mySecurity")).json()}
    assert me == public[:15]
    assert made["_info"]["enteredBy"] == changed.json()["_info"]["updatedBy"] == me
    assert changed.json()["_info"]["enteredBy"] == "setup"
    assert {e["member"] for e in await site.effects() if e["type"] == "companies"} == {me}


async def test_inactive_member_is_refused_until_active_again(site: Site) -> None:
    path = f"system/apiMembers/{(await _member(site, 'sync'))['id']}"
    async with site.as_member("sync") as member:
        assert (await member.get("finance/agreements")).status_code == 200
        away = (await site.patch(path, json=_replace("inactiveFlag", True))).json()
        assert away["inactiveDate"].startswith("2026-03-10")
        assert (await member.get("finance/agreements")).status_code == 401
        assert "inactiveDate" not in (await site.patch(path, json=_replace("inactiveFlag", False))).json()
        assert (await member.get("finance/agreements")).status_code == 200


@pytest.mark.requirement("R23")
async def test_another_role_on_the_members_row_counts_at_once(site: Site) -> None:
    path = f"system/apiMembers/{(await _member(site, 'sync'))['id']}"
    role = await _role(site, "count-only")
    async with site.as_member("sync") as member:
        assert (await member.get("company/companies")).status_code == 200
        await site.patch(path, json=_replace("securityRole", {"id": role["id"]}))
        assert (await member.get("company/companies")).status_code == 403
        assert (await member.get("system/mySecurity/customizeItems")).json() == []


async def test_role_made_through_the_api_may_do_nothing_and_can_be_deleted_unused(site: Site) -> None:
    made = (await site.post("system/securityroles", json={"name": "Nobody"})).json()
    settings = (await site.get(f"system/securityRoles/{made['id']}/settings")).json()
    assert {row[f"{action}Level"] for row in settings for action in ACTIONS} == {"None"}
    member = await _member(site, "sync")
    await site.patch(f"system/apiMembers/{member['id']}", json=_replace("securityRole", {"id": made["id"]}))
    async with site.as_member("sync") as caller:
        assert (await caller.get("finance/agreements")).status_code == 403
        assert (await caller.get("finance/billingCycles")).status_code == 200
    assert (await site.delete(f"system/securityroles/{made['id']}")).status_code == 409
    await site.patch(f"system/apiMembers/{member['id']}", json=_replace("securityRole", {"id": 1}))
    assert (await site.delete(f"system/securityroles/{made['id']}")).status_code == 204


async def test_settings_show_the_levels_and_take_no_change(site: Site) -> None:
    role = await _role(site, "sync")
    path = f"system/securityRoles/{role['id']}/settings"
    rows = {row["moduleFunctionName"]: row for row in (await site.get(path)).json()}
    assert set(rows) == set(FUNCTION_NAMES)
    agreements = rows["Agreements"]
    assert [agreements[f"{a}Level"] for a in ACTIONS] == ["All", "All", "None", "All"]
    assert rows["Table Setup"]["restrictFlag"]
    assert not agreements["restrictFlag"]
    assert (await site.get(f"{path}/count")).json() == {"count": len(FUNCTION_NAMES)}
    assert (await site.get(f"{path}/{agreements['id']}")).json() == agreements
    filtered = await site.get(path, params={"conditions": 'moduleName="System"', "fields": "moduleFunctionName"})
    assert len(filtered.json()) == len([row for row in rows.values() if row["moduleName"] == "System"])
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await site.request(method, f"{path}/{agreements['id']}", json=[])).status_code == 405
    other = await _role(site, "admin")
    assert (await site.get(f"system/securityRoles/{other['id']}/settings/{agreements['id']}")).status_code == 404
    assert (await site.get("system/securityRoles/999/settings")).status_code == 404


@pytest.mark.requirement("R10", "R19")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "system/members"),
        ("GET", "system/apiMembers"),
        ("POST", "system/apiMembers"),
        ("GET", "system/securityroles"),
        ("GET", "system/securityRoles/1/settings"),
        ("GET", "system/userDefinedFields"),
        ("GET", "system/myCompany/crm"),
        ("GET", "company/contacts/types"),
        ("GET", "procurement/manufacturers"),
        ("DELETE", "procurement/catalog/50"),
        ("DELETE", "finance/agreements/1"),
        ("POST", "company/companies/10/sites"),
        ("POST", "company/companies/10/typeAssociations"),
        ("GET", "company/contacts/100/communications"),
    ],
)
async def test_sync_role_has_no_more_than_its_rows(site: Site, method: str, path: str) -> None:
    async with site.as_member("sync") as member:
        body: Any = {} if method == "POST" else None
        assert (await member.request(method, path, json=body)).status_code == 403


async def test_names_of_members_are_readable_to_every_member(site: Site) -> None:
    async with site.as_member("counts") as member:
        assert (await member.get("system/info/members")).status_code == 200


CELLS = [
    ("sync", "Company Maintenance", "inquire", "GET", "company/companies"),
    ("sync", "Agreements", "inquire", "GET", "finance/agreements"),
    ("sync", "Agreements", "add", "POST", "finance/agreements/1/additions"),
    ("sync", "Agreements", "edit", "PATCH", "finance/agreements/1"),
    ("sync", "Product Catalog", "inquire", "GET", "procurement/catalog"),
    ("sync", "Product Catalog", "add", "POST", "procurement/catalog"),
    ("sync", "Product Catalog", "edit", "PATCH", "procurement/catalog/50"),
    ("sync", "Table Setup", "inquire", "GET", "procurement/categories"),
    ("sync", "Table Setup", "add", "POST", "procurement/unitOfMeasures"),
    ("sync", "Table Setup", "edit", "PATCH", "procurement/types/1"),
    ("sync+create", "Company Maintenance", "add", "POST", "company/companies"),
    ("sync+create", "Contacts", "add", "POST", "company/contacts"),
    ("count-only", "Agreements", "edit", "PATCH", "finance/agreements/1"),
    ("count-only", "Agreements", "inquire", "GET", "finance/agreements/1/additions"),
    ("count-only", "Product Catalog", "inquire", "GET", "procurement/catalog"),
]


@pytest.mark.requirement("R12", "R13", "R15", "R17", "R20", "R21")
@pytest.mark.parametrize(("profile", "function", "action", "method", "path"), CELLS)
async def test_role_with_one_cell_missing_is_refused_there(
    site: Site, profile: str, function: str, action: str, method: str, path: str
) -> None:
    statuses = []
    for role in (profile, f"{profile}-without:{function}.{action}"):
        order = {"public": "cell", "private": "priv", "role": role}
        assert (await site.control("POST", f"sites/{site.company}/keys", json=order))["role"] == role
        async with site.as_member("cell") as member:
            body: Any = {"GET": None, "POST": {}, "PATCH": []}[method]
            statuses.append((await member.request(method, path, json=body)).status_code)
    assert statuses[0] != 403
    assert statuses[1] == 403


@pytest.mark.parametrize("function", FUNCTION_NAMES)
def test_a_missing_row_or_cell_takes_nothing_else(function: str) -> None:
    for action in ("", *ACTIONS):
        role = named(READY_MADE, f"admin-without:{function}{'.' * bool(action)}{action}")
        assert role is not None
        lost = {cell for cell in READY_MADE["admin"].cells if role.level(*cell) != "All"}
        assert lost == {(function, one) for one in ACTIONS if action in ("", one)}


@pytest.mark.parametrize(
    "name", ["king", "sync-without:", "sync-without:Agreement", "sync-without:Agreements.read", "king-without:Products"]
)
async def test_unknown_role_names_are_refused(site: Site, name: str) -> None:
    order = {"public": "x", "private": "priv", "role": name}
    answer = await site.post(f"{site.root}/_simulator/sites/{site.company}/keys", json=order)
    assert answer.status_code == 422


@pytest.mark.requirement("R14")
async def test_customised_role_cannot_move_an_agreement_to_a_type_it_does_not_reach(site: Site) -> None:
    async with site.as_member("cloud") as member:
        moved = await member.patch("finance/agreements/3", json=_replace("type", {"name": "Managed Services"}))
        assert moved.status_code == 403
        shown = (await member.get("system/mySecurity/customizeItems")).json()
    assert ("FinanceAgreements", "Cloud Subscriptions") in [
        (row["customizeIdentifier"], row["itemIdentifier"]) for row in shown
    ]
