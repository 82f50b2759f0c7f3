"""Where a site's API is: found out once, found again, and never at an address that was not given."""

import asyncio

import pytest
from tzlocal.windows_tz import win_tz

from connectwise import AddressRefused, ConnectWise, Region, Site, SystemInfo, UnknownTimeZone, site_of
from connectwise.models.time_zones import zone_of
from httpkit import ApiError, Limiter, Outcome
from tests.connectwise.site import CREDENTIALS, INFO, LOOPBACK, calls, connected
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
        ("https://na.myconnectwise.net:444", "port"),
        ("api-eu.myconnectwise.net:8443", "port"),
        ("staging.connectwisedev.com:80", "port"),
    ],
)
def test_address_that_must_not_be_called_is_refused_before_any_credential_leaves(address: str, rule: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        ConnectWise(address, CREDENTIALS, limiter=Limiter(100))
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://psa.example.org:8443", "https://psa.example.org:8443"),
        ("psa.example.org:8443", "https://psa.example.org:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://[::1]:8080", "https://[::1]:8080"),
    ],
)
def test_port_of_a_site_of_ones_own_is_kept(address: str, url: str) -> None:
    assert site_of(address, LOOPBACK) == Site(url, url)


def test_usual_port_of_the_cloud_may_be_said() -> None:
    assert site_of("https://na.myconnectwise.net:443") == site_of("na")


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


NO_TLS = {"code": "Security", "message": "SSL is required.", "errors": None}


@pytest.mark.parametrize("answer", [reply(302, raw=b""), reply(404, {}), reply(403, NO_TLS)])
@pytest.mark.parametrize(
    ("info", "api_url", "is_said"),
    [
        (CLOUD, "https://psa.example.org", True),
        ({"Codebase": "v2025_1/"}, "https://psa.example.org:8443", True),
        ({"Codebase": "v4_6_release/"}, "https://psa.example.org", False),
        (INFO, "https://psa.example.org", False),
        (CLOUD, "https://api-na.myconnectwise.net", False),
        (CLOUD, None, False),  # a simulator on this machine
    ],
)
async def test_site_of_the_cloud_that_fails_at_a_host_of_ones_own_is_told_apart(
    answer: Behaviour, info: dict[str, object], api_url: str | None, is_said: bool
) -> None:
    async with connected(answer, reply(200, info)) as (psa, there):
        psa._calls._api_url = api_url or there.url  # where the address leads is not the matter here
        with pytest.raises(ApiError) as caught:
            await psa.companies.list()
    assert ("in the vendor's cloud" in caught.value.message) is is_said


async def test_lack_of_a_right_says_nothing_about_the_address() -> None:
    refused = {"code": "Security", "message": "You do not have security permission to perform this action."}
    async with connected(reply(403, refused), reply(200, CLOUD)) as (psa, _):
        psa._calls._api_url = "https://psa.example.org"
        with pytest.raises(ApiError) as caught:
            await psa.companies.list()
    assert caught.value.message == refused["message"]


async def test_api_that_redirects_is_looked_up_again_and_asked_once_more() -> None:
    async def api(asked: Asked, writer: asyncio.StreamWriter) -> None:
        found = asked.path.startswith("/v2025_2/")
        await reply(200 if found else 301, {"version": "new"}, headers={"location": "https://evil.example"})(
            asked, writer
        )

    told = in_turn(reply(200, INFO), reply(200, {"Codebase": "v2025_2/"}))
    async with connected(api, told) as (psa, there):
        await psa.company_info()
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
        ("Namibia Standard Time", "Africa/Windhoek"),
        ("W. Central Africa Standard Time", "Africa/Lagos"),
        ("China Standard Time", "Asia/Shanghai"),
        ("E. South America Standard Time", "America/Sao_Paulo"),
        ("Eastern Standard Time (Mexico)", "America/Cancun"),
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
    assert len(win_tz) > 130
    assert all(zone_of(name) is not None for name in win_tz)
