import httpx
import pytest

from tests.connectwise_simulator.conftest import Site


async def test_company_info_names_the_codebase(simulator: str) -> None:
    async with httpx.AsyncClient() as client:
        info = (await client.get(f"{simulator}/login/companyinfo/training")).json()
        assert info["Codebase"] == "v2026_1/"
        assert info["CompanyID"] == "training"
        unknown = await client.get(f"{simulator}/login/companyinfo/nobody")
    assert (unknown.status_code, unknown.json()) == (200, None)


async def test_codebase_of_the_site_and_the_on_premise_one_both_work(site: Site) -> None:
    for codebase in ("v2026_1", "v4_6_release"):
        assert (await site.get(f"{site.root}/{codebase}/apis/3.0/system/info")).status_code == 200
    assert (await site.get(f"{site.root}/v2019_1/apis/3.0/system/info")).status_code == 404


async def test_wrong_key_is_401_and_names_unauthorized(site: Site) -> None:
    async with site.as_member("nobody") as stranger:
        answer = await stranger.get("system/info")
    assert answer.status_code == 401
    assert answer.json()["code"] == "Unauthorized"


async def test_missing_client_id_is_401(site: Site) -> None:
    del site.headers["clientId"]
    assert (await site.get("system/info")).status_code == 401


async def test_knobs_turn_bad_authentication_into_404_and_missing_client_id_into_403(simulator: str) -> None:
    text = """{"sites": [{"company_id": "knobs", "keys": [{"public": "pub", "private": "priv"}],
               "options": {"bad_auth_status": 404, "missing_client_id_status": 403}}]}"""
    async with Site(simulator, "knobs") as site:
        assert (await site.post(f"{simulator}/_simulator/sites", content=text)).status_code == 201
        async with site.as_member("other") as stranger:
            assert (await stranger.get("system/info")).status_code == 404
        del site.headers["clientId"]
        assert (await site.get("system/info")).status_code == 403
        await site.control("DELETE", "sites/knobs")


async def test_every_answer_has_a_request_id_and_the_current_version(site: Site) -> None:
    for path in ("system/info", "company/companies/99999", "no/such/thing"):
        answer = await site.get(path)
        assert len(answer.headers["x-cw-request-id"]) == 36
        assert answer.headers["api-current-version"] == "2026.11"


async def test_unsupported_version_is_refused_by_name(site: Site) -> None:
    answer = await site.get("system/info", headers={"accept": "application/vnd.connectwise.com+json; version=0.0"})
    assert answer.status_code == 400
    assert "does not support the API version '0.0'." in answer.json()["message"]


async def test_fields_newer_than_the_asked_version_are_not_shown(site: Site) -> None:
    added = (await site.add(1, effectiveDate="2026-03-10T00:00:00Z")).json()
    assert added["additionStatus"] == "Active"
    older = {"accept": "application/vnd.connectwise.com+json; version=2025.1"}
    shown = (await site.get(f"finance/agreements/1/additions/{added['id']}", headers=older)).json()
    assert "additionStatus" not in shown


async def test_paths_are_read_in_any_case_and_with_a_trailing_slash(site: Site) -> None:
    assert (await site.get("Procurement/SUBCATEGORIES/")).status_code == 200


async def test_error_bodies_are_indented_with_crlf(site: Site) -> None:
    assert '{\r\n  "code"' in (await site.get("company/companies/99999")).text


async def test_unknown_verb_is_405(site: Site) -> None:
    assert (await site.delete("company/companies/10")).status_code == 405


async def test_system_info_tells_the_time_zone(site: Site) -> None:
    assert (await site.get("system/info")).json()["serverTimeZone"] == "America/New_York"


async def test_page_for_people_shows_companies_escaped(site: Site) -> None:
    page = await site.get(f"{site.root}/?site={site.company}")
    assert "Alder &amp; Ash" in page.text
    assert (await site.get(f"{site.root}/?site=<script>")).status_code == 404


@pytest.mark.parametrize("size", ["1001", "999999"])
async def test_page_size_above_a_thousand_is_capped(site: Site, size: str) -> None:
    answer = await site.get("company/companies", params={"pageSize": size})
    assert len(answer.json()) == 3
