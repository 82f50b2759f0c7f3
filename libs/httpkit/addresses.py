"""Which addresses a tenant may make us call (R5): public https, nothing of our own network.

The text is checked when it is entered, the address itself again at each connect: a name that is moved to an inner
address afterwards (DNS rebinding) is refused there, before anything is sent.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

import idna
from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_LONGEST = 300
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAT64 = IPv6Network("64:ff9b::/96")
# Where clouds answer their machines with keys and settings, beside the link-local addresses.
_METADATA = frozenset(map(ip_address, ("168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254")))
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What is allowed beyond public https addresses.

    `allow_plain_loopback` is for the simulator on one's own machine; `allow_private` for on-premise sites on the
    network this process runs in. Link-local addresses and others of cloud metadata are never allowed.
    """

    allow_plain_loopback: bool = False
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """A checked origin: `url` has no trailing slash, path, query or default port."""

    url: str
    host: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An address that must not be called. `rule` is stable; `message` is for the person who typed it."""

    rule: str
    message: str


def check_address(text: str, policy: AddressPolicy | None = None) -> Address | Refused:
    """Normalise and judge an address that a person typed; a bare host means https."""
    policy = policy or AddressPolicy()
    parts = _split(text.strip())
    if isinstance(parts, Refused):
        return parts
    host = _host(parts.hostname or "")
    if isinstance(host, Refused):
        return host
    refused = _scheme_refused(parts.scheme, host, policy) or _literal_refused(host, policy)
    if refused:
        return refused
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return Address(f"{parts.scheme}://{shown}{port}", host)


class GuardedResolver(AbstractResolver):
    """Resolves names and refuses every answer that holds an address which the policy does not allow."""

    def __init__(self, policy: AddressPolicy, inner: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name.

        Raises:
            OSError: the name is unknown or leads into a network that is not allowed (aiohttp makes it a connector
                error, hence `NOT_SENT`).
        """
        results = await self._inner.resolve(host, port, family)
        for result in results:
            if _ip_refused(ip_address(result["host"].partition("%")[0]), self._policy, named=not _is_localhost(host)):
                raise OSError(None, f"{host} leads to an address that may not be called")
        return results

    async def close(self) -> None:
        """Close the resolver behind this one."""
        await self._inner.close()


def guarded_socket(policy: AddressPolicy, connecting_to: AddrInfoType) -> socket.socket:
    """A socket to connect to an address; a literal one comes here without having been resolved.

    Raises:
        OSError: the policy does not allow the address (to aiohttp, as above).
    """
    family, kind, protocol, _, address = connecting_to
    if _ip_refused(ip_address(str(address[0]).partition("%")[0]), policy, named=False):
        raise OSError(None, f"{address[0]} may not be called")
    return socket.socket(family, kind, protocol)


def _split(text: str) -> SplitResult | Refused:
    """The parts of an address that has only scheme, host and port."""
    malformed = Refused("malformed", "This is not an address such as https://na.myconnectwise.net.")
    if len(text) > _LONGEST or not text.isprintable() or re.search(r"[\s\\%]", text):
        return malformed
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        is_usable = bool(parts.hostname) and parts.port != 0 and parts.netloc[-1:] != ":"
    except ValueError:  # a port that is no number, or a bracket without its pair
        return malformed
    if not is_usable:
        return malformed
    if "@" in parts.netloc:
        return Refused("user_information", "The address must not contain a user name or password.")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or text.endswith(("?", "#")):
        return Refused("path", "Enter only the site's host, without a path or parameters.")
    return parts


def _host(host: str) -> str | Refused:
    """The host as it will be resolved: an IP literal in its one form, or a name in lower-case ASCII."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        name = idna.encode(host.rstrip("."), uts46=True).decode().lower() if not host.isascii() else host.rstrip(".")
    except idna.IDNAError:
        return Refused("malformed", "The host name is not valid.")
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return Refused("malformed", "The host name is not valid.")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):  # 2130706433, 127.1 and 0x7f.1 are 127.0.0.1 to some resolvers
        return Refused("malformed", "The host is a number that is not an IP address.")
    return name


def _scheme_refused(scheme: str, host: str, policy: AddressPolicy) -> Refused | None:
    if scheme == "https":
        return None
    if scheme == "http" and policy.allow_plain_loopback and (_is_localhost(host) or _is_loopback_literal(host)):
        return None
    return Refused("https_only", "The address must start with https://.")


def _literal_refused(host: str, policy: AddressPolicy) -> Refused | None:
    try:
        refused = _ip_refused(ip_address(host), policy, named=False)
    except ValueError:
        refused = _is_localhost(host) and not policy.allow_plain_loopback
    return Refused("private_address", "The address lies in a private or reserved network.") if refused else None


def _ip_refused(ip: IPv4Address | IPv6Address, policy: AddressPolicy, *, named: bool) -> bool:
    """Whether an IP address is off limits; loopback is only for who says so literally or as localhost."""
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None:
            return _ip_refused(inner, policy, named=named)
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in _METADATA:
        return True
    if ip.is_loopback:
        return named or not policy.allow_plain_loopback
    # Reserved are, among others, the retired ways to write an IPv4 address inside an IPv6 one.
    if ip.is_reserved or (isinstance(ip, IPv6Address) and ip.is_site_local):
        return True
    return not ip.is_global and not (policy.allow_private and ip.is_private)


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _is_loopback_literal(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
