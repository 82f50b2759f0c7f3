import httpx
import pytest

from tests.connectwise_simulator.conftest import Site
from tests.connectwise_simulator.contract.conftest import MakeSite


async def _info(root: str, company: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"{root}/login/companyinfo/{company}")


async def test_company_info_needs_no_credentials_and_names_the_codebase(site: Site) -> None:
    """2.2: company info, its flags as texts."""
    info = (await _info(site.root, site.company)).json()
    assert info["Codebase"] == "v2026_1/"
    assert info["VersionCode"] == "v2026.1"
    assert info["IsCloud"] == "True"
    assert (info["CompanyID"], info["CompanyName"]) == (site.company, "Test Site")
    assert info["VersionNumber"].startswith("v")


async def test_company_that_nobody_knows_is_200_null(simulator: str) -> None:
    """2.2: an unknown company."""
    answer = await _info(simulator, "nobody")
    assert (answer.status_code, answer.text) == (200, "null")


@pytest.mark.parametrize("codebase", ["v2026_1", "v4_6_release"])
async def test_codebase_of_the_site_and_the_on_premise_one_both_work(site: Site, codebase: str) -> None:
    """2.2: v4_6_release works on cloud hosts too."""
    assert (await site.get(f"{site.root}/{codebase}/apis/3.0/system/info")).status_code == 200


async def test_stale_codebase_is_404(site: Site) -> None:
    """2.1, 2.2: a codebase that has moved looks like a missing record."""
    assert (await site.get(f"{site.root}/v2019_1/apis/3.0/system/info")).status_code == 404


async def test_paths_are_read_in_any_case_and_with_a_trailing_slash(site: Site) -> None:
    """3.1, 6.2: some published paths end on a slash, and two casings of securityRoles are published."""
    for path in ("Procurement/SUBCATEGORIES/", "procurement/subcategories", "/company/companies/10/".lstrip("/")):
        assert (await site.get(path)).status_code == 200


async def test_stale_codebase_redirects_where_a_proxy_does(site_with: MakeSite) -> None:
    """2.2: one report of a redirect (knob old_codebase)."""
    site = await site_with(old_codebase="redirect")
    answer = await site.get(f"{site.root}/v2019_1/apis/3.0/company/companies?pageSize=2")
    assert (answer.status_code, answer.headers["location"]) == (
        302,
        f"{site.root}/v2026_1/apis/3.0/company/companies?pageSize=2",
    )
