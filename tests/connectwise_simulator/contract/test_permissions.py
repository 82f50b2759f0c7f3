"""Section 3.4: what a member's role lets it do, and how it is told."""

import pytest

from tests.connectwise_simulator.conftest import Site

LEVELS = {"None", "My", "All"}
SHAPE = (
    *("id", "addLevel", "editLevel", "deleteLevel", "inquireLevel", "moduleFunctionName", "moduleFunctionDescription"),
    *("myAllFlag", "moduleFunctionIdentifier", "reportFlag", "restrictFlag", "customFlag", "moduleDescription"),
    *("moduleIdentifier", "moduleName", "sortOrder"),
)
FUNCTIONS = {
    ("Companies", "Company Maintenance"),
    ("Companies", "Contacts"),
    ("Finance", "Agreements"),
    ("Finance", "Agreement Invoicing"),
    ("Finance", "Agreement Sales"),
    ("Finance", "Invoicing"),
    ("Procurement", "Product Catalog"),
    ("Procurement", "Products"),
    ("System", "API Reports"),
    ("System", "Member Maintenance"),
    ("System", "My Company"),
    ("System", "Table Setup"),
}


async def test_every_member_reads_its_own_levels(site: Site) -> None:
    """3.4: mySecurity, the same shape as a role's settings and the member; no right is needed for it."""
    for public in ("pub", "sync", "counts"):
        async with site.as_member(public) as member:
            rows = (await member.get("system/mySecurity", params={"pageSize": 1000})).json()
        assert {(row["moduleName"], row["moduleFunctionName"]) for row in rows} >= FUNCTIONS
        for row in rows:
            assert set(SHAPE) <= set(row)
            assert {row[f"{action}Level"] for action in ("add", "edit", "delete", "inquire")} <= LEVELS
        assert len({row["member"]["identifier"] for row in rows}) == 1


async def test_levels_told_are_levels_enforced(site: Site) -> None:
    """3.4: None closes, All opens."""
    for public in ("pub", "sync", "create", "counts"):
        async with site.as_member(public) as member:
            rows = (await member.get("system/mySecurity", params={"pageSize": 1000})).json()
            told = {row["moduleFunctionName"]: row for row in rows}
            for function, path in (("Company Maintenance", "company/companies"), ("Contacts", "company/contacts")):
                assert ((await member.get(path)).status_code == 200) is (told[function]["inquireLevel"] != "None")
                refused = (await member.post(path, json={"nothing": 1})).status_code == 403
                assert refused is (told[function]["addLevel"] == "None")


async def test_level_my_reaches_what_the_member_entered(site: Site) -> None:
    """3.4: My."""
    async with site.as_member("own") as member:
        change = [{"op": "replace", "path": "quantity", "value": 2}]
        theirs = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()["id"]
        own = (await member.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()["id"]
        path = "finance/agreements/1/additions"
        assert (await member.patch(f"{path}/{theirs}", json=change)).status_code == 403
        assert (await member.patch(f"{path}/{own}", json=change)).status_code == 200


async def test_customised_access_is_listed_item_by_item(site: Site) -> None:
    """3.4: mySecurity/customizeItems names the area and the item."""
    async with site.as_member("cloud") as member:
        items = (await member.get("system/mySecurity/customizeItems", params={"pageSize": 1000})).json()
    named = {(item["customizeIdentifier"], item["itemIdentifier"]) for item in items}
    assert ("FinanceAgreements", "Cloud Subscriptions") in named
    assert "SystemTableSetup" in {area for area, _ in named}


@pytest.mark.parametrize(("agreement", "status"), [(3, 200), (1, 403)])
async def test_customised_agreement_types_close_the_others(site: Site, agreement: int, status: int) -> None:
    """3.4: reading one, and the additions below it."""
    async with site.as_member("cloud") as member:
        assert (await member.get(f"finance/agreements/{agreement}")).status_code == status
        assert (await member.get(f"finance/agreements/{agreement}/additions")).status_code == status
        assert agreement in await site.ids("finance/agreements")
        assert (agreement in await member.ids("finance/agreements")) is (status == 200)


async def test_levels_of_a_role_are_read_and_not_written(site: Site) -> None:
    """3.1, 3.4: roles and their settings; the path in both casings."""
    roles = (await site.get("system/securityroles", params={"pageSize": 1000})).json()
    assert {"id", "name", "adminFlag", "inactiveFlag"} <= set(roles[0])
    settings = f"system/securityRoles/{roles[0]['id']}/settings"
    rows = (await site.get(settings, params={"pageSize": 1000})).json()
    assert {(row["moduleName"], row["moduleFunctionName"]) for row in rows} >= FUNCTIONS
    change = [{"op": "replace", "path": "addLevel", "value": "All"}]
    assert (await site.patch(f"{settings}/{rows[0]['id']}", json=change)).status_code == 405
