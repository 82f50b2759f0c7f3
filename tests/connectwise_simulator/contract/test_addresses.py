"""Section 3.1: which addresses there are and which verbs each takes.

Letters: R list and count, C create, r read, U replace, P patch, D delete.
"""

import pytest

from tests.connectwise_simulator.conftest import Site

ADDRESSES = {
    "company/companies": "RCrUPD",
    "company/companies/statuses": "RCrUPD",
    "company/companies/types": "RCrUPD",
    "company/companies/10/sites": "RCrUPD",
    "company/companies/10/typeAssociations": "RCrUPD",
    "company/contacts": "RCrUPD",
    "finance/agreements": "RCrUPD",
    "finance/agreements/1/additions": "RCrUPD",
    "finance/agreements/types": "RCrUPD",
    "finance/agreementrecap": "Rr",
    "finance/billingCycles": "RCrUPD",
    "finance/billingStatuses": "RCrUPD",
    "finance/billingTerms": "RCrUPD",
    "finance/currencies": "RCrUPD",
    "finance/invoices": "RCrUPD",
    "finance/taxCodes": "RCrUPD",
    "procurement/catalog": "RCrUPD",
    "procurement/categories": "RCrUPD",
    "procurement/categories/1/subcategories": "RCrUPD",
    "procurement/subcategories": "RCrUPD",
    "procurement/types": "RCrUPD",
    "procurement/unitOfMeasures": "RCrUPD",
    "system/apiMembers": "RCrUP",
    "system/callbacks": "RCrUPD",
    "system/info/members": "Rr",
    "system/members": "RCrUP",
    "system/mySecurity": "R",
    "system/mySecurity/customizeItems": "R",
    "system/securityroles": "RCrD",
    "system/securityRoles/1/settings": "Rr",
    "system/userDefinedFields": "RCrUPD",
}
WITHOUT_COUNT = ("finance/agreementrecap", "system/mySecurity", "system/mySecurity/customizeItems")
CALLS = {
    "R": ("GET", ""),
    "C": ("POST", ""),
    "r": ("GET", "/1"),
    "U": ("PUT", "/1"),
    "P": ("PATCH", "/1"),
    "D": ("DELETE", "/999999"),
}


@pytest.mark.parametrize(("path", "verbs"), ADDRESSES.items(), ids=str)
async def test_address_takes_exactly_its_verbs(site: Site, path: str, verbs: str) -> None:
    """3.1: 404 for a record, 400 for a body: but the verb is known; any other is 405, or 404 where nothing is."""
    for letter, (method, more) in CALLS.items():
        body = "not a body" if method in ("POST", "PUT", "PATCH") else None
        answer = await site.request(method, path + more, json=body)
        refused = answer.status_code == 405 or answer.json() == (await site.get("no/such/thing")).json()
        assert refused is (letter not in verbs), (method, path + more, answer.text)


@pytest.mark.parametrize("path", ADDRESSES)
async def test_list_is_an_array_and_has_a_count(site: Site, path: str) -> None:
    """3.1: `/count` beside every list that is published with one."""
    rows = await site.get(path)
    assert rows.status_code == 200
    assert isinstance(rows.json(), list)
    count = await site.get(f"{path}/count")
    if path in WITHOUT_COUNT:
        assert count.status_code == 404
    else:
        every = (await site.get(path, params={"pageSize": "1000"})).json()
        assert count.json() == {"count": len(every)}


async def test_system_info_tells_version_kind_and_time_zone(site: Site) -> None:
    """3.1: system/info."""
    info = (await site.get("system/info")).json()
    assert info["serverTimeZone"] == "America/New_York"
    assert info["isCloud"] is True
    assert info["version"].startswith("v2026.11")
    assert info["cloudRegion"]
    assert isinstance(info["licenseBits"], list)


async def test_catalog_of_the_site_is_not_under_products(site: Site) -> None:
    """3.1: procurement/products holds other things than the catalogue."""
    answer = await site.get("procurement/products")
    assert answer.status_code == 404 or 50 not in [row["id"] for row in answer.json()]


@pytest.mark.parametrize("path", ["finance/agreements/99/additions", "procurement/categories/99/subcategories"])
async def test_children_of_nobody_are_404(site: Site, path: str) -> None:
    """3.1: the parent has to be there."""
    assert (await site.get(path)).status_code == 404


async def test_child_is_read_below_its_own_parent_only(site: Site) -> None:
    """3.1: an addition of one agreement is not below another."""
    made = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()
    assert (await site.get(f"finance/agreements/1/additions/{made['id']}")).status_code == 200
    assert (await site.get(f"finance/agreements/2/additions/{made['id']}")).status_code == 404


@pytest.mark.parametrize(
    "path", ["finance/billingCycles", "finance/billingTerms", "finance/currencies", "finance/taxCodes"]
)
async def test_setup_tables_with_the_lock_are_readable_without_table_access(site: Site, path: str) -> None:
    """3.1: inquiry level is enough."""
    async with site.as_member("counts") as member:
        assert (await member.get(path)).status_code == 200
        assert (await member.post(path, json={})).status_code == 403
