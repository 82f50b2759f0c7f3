import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from httpkit import Address, AddressPolicy, GuardedResolver, Refused, check_address

SIMULATOR = AddressPolicy(allow_plain_loopback=True)
ON_PREMISE = AddressPolicy(allow_private=True)


def rule(text: str, policy: AddressPolicy | None = None) -> str:
    judged = check_address(text, policy)
    return judged.rule if isinstance(judged, Refused) else judged.url


@pytest.mark.requirement("R5")
@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("na.myconnectwise.net", "https://na.myconnectwise.net"),
        ("  https://NA.MyConnectWise.net/ ", "https://na.myconnectwise.net"),
        ("https://psa.example.com:443", "https://psa.example.com"),
        ("https://psa.example.com:8443", "https://psa.example.com:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://psa.example.com.", "https://psa.example.com"),
        ("https://93.184.216.34", "https://93.184.216.34"),
        ("https://[2606:2800:220:1::1]:8443", "https://[2606:2800:220:1::1]:8443"),
    ],
)
def test_public_https_address_is_normalised(text: str, url: str) -> None:
    assert rule(text) == url


@pytest.mark.requirement("R5")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "malformed"),
        ("https://", "malformed"),
        ("https://a b.example", "malformed"),
        ("https://a\\b.example", "malformed"),
        ("https://host:99999", "malformed"),
        ("https://host:0", "malformed"),
        ("https://host:", "malformed"),
        ("https://[::1", "malformed"),
        ("https://-bad.example", "malformed"),
        ("https://2130706433", "malformed"),
        ("https://127.1", "malformed"),
        ("https://0x7f.0.0.1", "malformed"),
        ("https://0x7f000001", "malformed"),
        ("https://[fe80::1%25eth0]", "malformed"),
        ("https://user:secret@host.example", "user_information"),
        ("https://host.example/path", "path"),
        ("https://host.example?x=1", "path"),
        ("https://host.example#x", "path"),
        ("http://host.example", "https_only"),
        ("ftp://host.example", "https_only"),
        ("http://127.0.0.1:8080", "https_only"),
        ("https://127.0.0.1", "private_address"),
        ("https://localhost", "private_address"),
        ("https://a.localhost", "private_address"),
        ("https://10.0.0.5", "private_address"),
        ("https://192.168.1.1", "private_address"),
        ("https://169.254.169.254", "private_address"),
        ("https://100.64.0.1", "private_address"),
        ("https://0.0.0.0", "private_address"),
        ("https://224.0.0.1", "private_address"),
        ("https://[::1]", "private_address"),
        ("https://[fd00::1]", "private_address"),
        ("https://[::ffff:10.0.0.5]", "private_address"),
        ("https://[64:ff9b::a00:5]", "private_address"),
        ("https://[2002:a00:5::1]", "private_address"),
        ("https://[::10.0.0.5]", "private_address"),
        ("https://[::ffff:0:10.0.0.5]", "private_address"),
        ("https://[64:ff9b:1::a00:5]", "private_address"),
        ("https://[fec0::1]", "private_address"),
        ("https://168.63.129.16", "private_address"),
    ],
)
def test_other_addresses_are_refused_with_their_rule(text: str, expected: str) -> None:
    assert rule(text) == expected


@pytest.mark.parametrize("text", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_plain_loopback_is_for_the_simulator(text: str) -> None:
    assert rule(text, SIMULATOR) == text


@pytest.mark.parametrize("text", ["http://10.0.0.5", "http://psa.example.com"])
def test_plain_http_stays_on_this_machine(text: str) -> None:
    assert rule(text, SIMULATOR) == "https_only"


def test_private_site_can_be_allowed_but_never_cloud_metadata() -> None:
    assert rule("https://10.0.0.5", ON_PREMISE) == "https://10.0.0.5"
    for metadata in ("169.254.169.254", "168.63.129.16", "192.0.0.192", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"):
        assert rule(f"https://{metadata}", ON_PREMISE) == "private_address"
    assert rule("https://127.0.0.1", ON_PREMISE) == "private_address"


@given(st.text(max_size=60))
def test_whatever_is_typed_is_judged(text: str) -> None:
    judged = check_address(text)
    if isinstance(judged, Address):
        assert check_address(judged.url) == judged


class Names(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None: ...


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "fe80::1%eth0", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("policy", [AddressPolicy(), SIMULATOR])
async def test_name_that_was_moved_to_an_inner_address_is_refused(address: str, policy: AddressPolicy) -> None:
    with pytest.raises(OSError, match="may not be called"):
        await GuardedResolver(policy, Names("93.184.216.34", address)).resolve("psa.example.com", 443)


async def test_public_name_resolves() -> None:
    found = await GuardedResolver(AddressPolicy(), Names("93.184.216.34")).resolve("psa.example.com", 443)
    assert [each["host"] for each in found] == ["93.184.216.34"]


async def test_localhost_resolves_for_the_simulator() -> None:
    assert await GuardedResolver(SIMULATOR, Names("127.0.0.1")).resolve("localhost", 80)
