"""Where a site's API is: found out once, found again, and never at an address that was not given."""

import asyncio

import pytest

from connectwise import AddressRefused, ConnectWise, Region, Site, SystemInfo, UnknownTimeZone, site_of
from connectwise.models.time_zones import _WINDOWS, zone_of
from httpkit import ApiError, Limiter, Outcome
from tests.connectwise.site import CREDENTIALS, INFO, calls, connected
from tests.httpkit.peer import Asked, Behaviour, in_turn, peer, reply

CLOUD = {**INFO, "IsCloud": "True", "CompanyName": "Training", "CompanyID": "training", "VersionNumber": "v4.6.9"}


@pytest.mark.parametrize("region", Region)
def test_region_is_known_by_name(region: Region) -> None:
    host = "staging.connectwisedev.com" if region == "staging" else f"{region}.myconnectwise.net"
    assert site_of(region) == Site(f"https://{host}", f"https://api-{host}")
    assert site_of(f"https://api-{host}") == site_of(region)


def test_site_on_premise_has_one_host() -> None:
    assert site_of("psa.example.org") == Site("https://psa.example.org", "https://psa.example.org")


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("http://psa.example.org", "https_only"),
        ("https://10.0.0.5", "private_address"),
        ("https://169.254.169.254", "private_address"),
        ("https://user@na.myconnectwise.net", "user_information"),
        ("https://na.myconnectwise.net/v4_6_release", "path"),
    ],
)
def test_address_that_must_not_be_called_is_refused_before_any_credential_leaves(address: str, rule: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        ConnectWise(address, CREDENTIALS, limiter=Limiter(100))
    assert caught.value.rule == rule


async def test_codebase_on_premise_is_used() -> None:
    info = reply(200, {"Codebase": "v4_6_release/", "IsCloud": False})
    async with connected(reply(200, {}), info) as (psa, there):
        await psa.system.info()
    assert calls(there)[0].path == "/v4_6_release/apis/3.0/system/info"


async def test_company_info_is_readable() -> None:
    async with connected(reply(200, {}), reply(200, CLOUD)) as (psa, _):
        info = await psa.company_info()
    assert (info.company_name, info.company_id, info.codebase) == ("Training", "training", "v2025_1/")
    assert (info.version_number, info.is_cloud) == ("v4.6.9", True)


@pytest.mark.parametrize(
    ("info", "code", "advice"),
    [
        (reply(200, None), "company_unknown", "check its spelling"),
        (reply(200, []), "not_connectwise", "enter the host"),
        (reply(404, raw=b"<html>"), "http_404", "enter the host"),
        (reply(302, raw=b"", headers={"location": "https://evil.example"}), "http_302", "leads to another one"),
    ],
)
async def test_what_is_wrong_with_an_address_is_said_with_what_to_do(info: Behaviour, code: str, advice: str) -> None:
    async with connected(reply(200, {}), info) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.system.info()
    assert (caught.value.outcome, caught.value.code) == (Outcome.CONFIG, code)
    assert advice in caught.value.message
    assert calls(there) == []


async def test_not_found_says_on_the_cloud_that_it_may_be_the_key() -> None:
    gone = reply(404, {"code": "NotFound", "message": "gone."})
    for info, said in ((CLOUD, "gone. The cloud also says this to a key it refuses"), (INFO, "gone")):
        async with connected(gone, reply(200, info)) as (psa, _):
            with pytest.raises(ApiError) as caught:
                await psa.companies.get(1)
        assert caught.value.outcome is Outcome.NOT_FOUND
        assert caught.value.message.startswith(said)
        assert ("key" in caught.value.message) is (info is CLOUD)


async def test_api_that_redirects_is_looked_up_again_and_asked_once_more() -> None:
    async def api(asked: Asked, writer: asyncio.StreamWriter) -> None:
        found = asked.path.startswith("/v2025_2/")
        await reply(200 if found else 301, {"version": "new"}, headers={"location": "https://evil.example"})(
            asked, writer
        )

    told = in_turn(reply(200, INFO), reply(200, {"Codebase": "v2025_2/"}))
    async with connected(api, told) as (psa, there):
        await psa.company_info()
        psa._discovery._asked_at = float("-inf")  # as if a minute had passed
        assert (await psa.system.info()).version == "new"
    assert [asked.path for asked in calls(there)] == [
        "/v2025_1/apis/3.0/system/info",
        "/v2025_2/apis/3.0/system/info",
    ]


async def test_redirect_that_stays_is_an_error_that_says_so() -> None:
    async with peer(reply(200, {})) as elsewhere:
        async with connected(reply(307, raw=b"", headers={"location": elsewhere.url})) as (psa, there):
            with pytest.raises(ApiError, match="keys are not sent there"):
                await psa.companies.get(1)
        assert elsewhere.connections == 0
    assert len(calls(there)) == 1


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("America/New_York", "America/New_York"),
        ("Eastern Standard Time", "America/New_York"),
        ("GMT Standard Time", "Europe/London"),
        ("AUS Eastern Standard Time", "Australia/Sydney"),
        ("South Africa Standard Time", "Africa/Johannesburg"),
        ("UTC", "Etc/UTC"),
    ],
)
def test_time_zone_is_known_by_either_kind_of_name(name: str, zone: str) -> None:
    assert str(SystemInfo(server_time_zone=name).zone) == zone


@pytest.mark.parametrize("name", ["Moon Standard Time", "", "../etc/passwd", "America", None])
def test_unknown_time_zone_is_kept_and_said(name: str | None) -> None:
    info = SystemInfo(server_time_zone=name)
    assert info.server_time_zone == name
    with pytest.raises(UnknownTimeZone) as caught:
        _ = info.zone
    assert caught.value.name == name


def test_every_windows_name_leads_to_a_zone() -> None:
    assert all(zone_of(name) is not None for name in _WINDOWS)
