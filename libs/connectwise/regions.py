"""Where a site lives: a region of the vendor's cloud, or a host of one's own."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from httpkit import AddressPolicy, Refused, check_address

_CLOUD_DOMAINS = (".myconnectwise.net", ".connectwisedev.com")


class Region(StrEnum):
    """The cloud regions by the names people use."""

    NA = "na"
    EU = "eu"
    AU = "au"
    AUS = "aus"
    ZA = "za"
    STAGING = "staging"

    @property
    def host(self) -> str:
        """The host that people sign in at."""
        return "staging.connectwisedev.com" if self is Region.STAGING else f"{self}.myconnectwise.net"


@dataclass(frozen=True, slots=True)
class Site:
    """The two origins of a site: `login_url` answers company info, `api_url` everything else.

    On the cloud the API has the host `api-...` and no other; an on-premise site has one host for both.
    """

    login_url: str
    api_url: str


def site_of(text: str, policy: AddressPolicy | None = None) -> Site | Refused:
    """The site for a region's name or for an address that a person typed."""
    name = text.strip().lower()
    if name in set(Region):
        host = Region(name).host
        return Site(f"https://{host}", f"https://api-{host}")
    address = check_address(text, policy)
    if isinstance(address, Refused):
        return address
    if address.host.endswith(_CLOUD_DOMAINS):
        if urlsplit(address.url).port is not None:
            return Refused(
                "port", "The vendor's cloud has no ports: enter its host alone, without the colon and number."
            )
        host = address.host.removeprefix("api-")
        return Site(f"https://{host}", f"https://api-{host}")
    return Site(address.url, address.url)


def may_be_cloud(api_url: str) -> bool:
    """Whether a site of the cloud can have its API here: at an `api-` host, or played by a simulator on loopback."""
    parts = urlsplit(api_url)
    return parts.scheme == "http" or (parts.hostname or "").startswith("api-")
