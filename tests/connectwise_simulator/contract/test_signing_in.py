import base64

import httpx
import pytest

from tests.connectwise_simulator.conftest import Site
from tests.connectwise_simulator.contract.conftest import MakeSite

CLIENT = "1b7a7e2e-0000-4000-8000-000000000000"


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def _status(site: Site, **headers: str) -> int:
    async with httpx.AsyncClient(base_url=site.base_url) as bare:
        return (await bare.get("system/info", headers=headers)).status_code


async def test_company_plus_public_key_and_private_key_with_a_client_id_sign_in(site: Site) -> None:
    """2.1: Basic of `company+public:private`, the plus literal, and the header clientId."""
    assert await _status(site, authorization=_basic(f"{site.company}+pub:priv"), clientId=CLIENT) == 200


@pytest.mark.parametrize(
    "text", ["{0}+pub:wrong", "{0}+nobody:priv", "nobody+pub:priv", "{0} pub:priv", "{0}%2Bpub:priv", "pub:priv"]
)
async def test_wrong_credentials_are_401(site: Site, text: str) -> None:
    """2.1, 2.7: Unauthorized."""
    assert await _status(site, authorization=_basic(text.format(site.company)), clientId=CLIENT) == 401


@pytest.mark.parametrize("header", ["", "Bearer abc", "Basic ***", "Basic", "Basic \xff\xfe", "Basic /////w=="])
async def test_system_info_without_credentials_is_401(site: Site, header: str) -> None:
    """2.1: whether system/info is open is contradictory; here it is not."""
    given = httpx.Headers({"clientId": CLIENT} | ({"authorization": header} if header else {}), encoding="latin-1")
    async with httpx.AsyncClient(base_url=site.base_url) as bare:
        assert (await bare.get("system/info", headers=given)).status_code == 401


async def test_body_of_401_has_the_code_unauthorized(site: Site) -> None:
    """2.7: 401."""
    async with site.as_member("nobody") as stranger:
        answer = await stranger.get("system/info")
    assert answer.json()["code"] == "Unauthorized"


@pytest.mark.parametrize("status", [401, 404])
async def test_bad_credentials_are_401_or_the_404_of_cloud_hosts(site_with: MakeSite, status: int) -> None:
    """2.1: on cloud a 404 can mean bad authentication (knob bad_auth_status)."""
    site = await site_with(bad_auth_status=status)
    async with site.as_member("nobody") as stranger:
        assert (await stranger.get("system/info")).status_code == status


@pytest.mark.parametrize("status", [401, 403])
async def test_missing_client_id_is_401_or_403(site_with: MakeSite, status: int) -> None:
    """2.1: two sources contradict each other (knob missing_client_id_status)."""
    site = await site_with(missing_client_id_status=status)
    assert await _status(site, authorization=_basic(f"{site.company}+pub:priv")) == status


async def test_client_id_of_somebody_else_is_refused(site_with: MakeSite) -> None:
    """2.1: a private clientId cannot be used at other companies (knob client_ids)."""
    site = await site_with(client_ids=[CLIENT])
    assert (await site.get("system/info")).status_code == 200
    other = {"clientId": CLIENT.replace("1b", "2c")}
    assert (await site.get("system/info", headers=other)).status_code == 401


@pytest.mark.parametrize("needed", [False, True])
async def test_plain_http_is_told_that_ssl_is_required(site_with: MakeSite, needed: bool) -> None:
    """2.1: the body of a call that is not https (knob needs_tls; off, as this machine talks to itself)."""
    site = await site_with(needs_tls=needed)
    answer = await site.get("system/info")
    if needed:
        assert answer.json() == {"code": "Security", "message": "SSL is required.", "errors": None}
    assert answer.is_success is not needed


@pytest.mark.parametrize("path", ["system/info", "company/companies/99999", "no/such/thing"])
async def test_every_answer_has_a_request_id_a_version_and_is_not_cached(site: Site, path: str) -> None:
    """2.1: headers of answers."""
    first, second = await site.get(path), await site.get(path)
    assert len(first.headers["x-cw-request-id"]) == 36
    assert first.headers["x-cw-request-id"] != second.headers["x-cw-request-id"]
    assert first.headers["api-current-version"] == "2026.11"
    seen = {"cache-control": "no-cache", "pragma": "no-cache", "x-frame-options": "SAMEORIGIN"}
    assert seen.items() <= dict(first.headers).items()
    assert first.headers["x-server-name"] == second.headers["x-server-name"]


async def test_answers_of_the_api_are_of_the_vendors_media_type(site: Site) -> None:
    """The published document declares no other."""
    assert (await site.get("system/info")).headers["content-type"].startswith("application/vnd.connectwise.com+json")
