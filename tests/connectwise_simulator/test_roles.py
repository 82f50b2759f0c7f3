import pytest

from tests.connectwise_simulator.conftest import Site

FORBIDDEN = "You do not have security permission to perform this action."


async def _status(site: Site, public: str, method: str, path: str) -> int:
    async with site.as_member(public) as member:
        return (await member.request(method, path, json={} if method in ("POST", "PUT") else None)).status_code


@pytest.mark.requirement("R12", "R13", "R15", "R17", "R18", "R19")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "company/companies", True),
        ("POST", "company/companies", False),
        ("GET", "company/contacts", False),
        ("GET", "finance/agreements", True),
        ("POST", "finance/agreements", True),
        ("DELETE", "finance/agreements/1/additions/1", False),
        ("GET", "procurement/catalog", True),
        ("POST", "procurement/catalog", True),
        ("GET", "procurement/categories", True),
        ("GET", "procurement/unitOfMeasures", True),
        ("POST", "procurement/unitOfMeasures", True),
        ("GET", "company/companies/statuses", True),
        ("GET", "company/companies/types", False),
        ("GET", "finance/agreements/types", False),
        ("GET", "finance/billingCycles", True),
        ("POST", "finance/billingCycles", False),
    ],
)
async def test_sync_role_reaches_exactly_its_rows(site: Site, method: str, path: str, allowed: bool) -> None:
    assert (await _status(site, "sync", method, path) != 403) is allowed


@pytest.mark.requirement("R20", "R21")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "finance/agreements", True),
        ("POST", "finance/agreements/1/additions", False),
        ("PUT", "finance/agreements/1/additions/1", True),
        ("GET", "procurement/catalog", True),
        ("POST", "procurement/catalog", False),
        ("GET", "procurement/categories", False),
        ("GET", "company/companies", False),
    ],
)
async def test_count_only_role_reaches_exactly_its_rows(site: Site, method: str, path: str, allowed: bool) -> None:
    assert (await _status(site, "counts", method, path) != 403) is allowed


async def test_sync_create_role_may_make_companies_and_contacts(site: Site) -> None:
    for path in ("company/companies", "company/contacts"):
        assert await _status(site, "create", "POST", path) != 403


async def test_refusal_has_the_security_body(site: Site) -> None:
    async with site.as_member("sync") as member:
        answer = await member.get("company/contacts")
    assert answer.json() == {"code": "Security", "message": FORBIDDEN, "errors": None}


@pytest.mark.requirement("R14", "R22")
async def test_agreements_of_other_types_are_not_listed_and_403_by_id(site: Site) -> None:
    async with site.as_member("cloud") as member:
        assert await member.ids("finance/agreements") == [3, 4]
        assert (await member.get("finance/agreements/count")).json() == {"count": 2}
        assert (await member.get("finance/agreements/1")).status_code == 403
        assert (await member.get("finance/agreements/1/additions")).status_code == 403
        assert (await member.add(1)).status_code == 403


async def test_level_my_edits_only_what_the_member_entered(site: Site) -> None:
    foreign = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()
    change = [{"op": "replace", "path": "quantity", "value": 2}]
    async with site.as_member("own") as member:
        own = (await member.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()
        path = "finance/agreements/1/additions"
        assert (await member.patch(f"{path}/{own['id']}", json=change)).status_code == 200
        assert (await member.patch(f"{path}/{foreign['id']}", json=change)).status_code == 403


@pytest.mark.requirement("R10", "R13", "R19")
async def test_my_security_shows_the_callers_levels(site: Site) -> None:
    async with site.as_member("sync") as member:
        rows = {r["moduleFunctionName"]: r for r in (await member.get("system/mySecurity")).json()}
        items = (await member.get("system/mySecurity/customizeItems/")).json()
    agreements = rows["Agreements"]
    levels = [agreements[f"{action}Level"] for action in ("add", "edit", "inquire", "delete")]
    assert levels == ["All", "All", "All", "None"]
    assert {row["deleteLevel"] for row in rows.values()} == {"None"}
    assert len([i for i in items if i["customizeIdentifier"] == "SystemTableSetup"]) == 5


@pytest.mark.requirement("R23")
async def test_key_can_be_revoked_and_its_role_changed_between_calls(site: Site) -> None:
    await site.control("POST", f"sites/{site.company}/keys", json={"public": "sync", "role": "count-only"})
    assert await _status(site, "sync", "GET", "company/companies") == 403
    await site.control("POST", f"sites/{site.company}/keys", json={"public": "sync", "revoked": True})
    assert await _status(site, "sync", "GET", "finance/agreements") == 401
