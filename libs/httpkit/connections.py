"""The connections of a client: httpx in front, aiohttp's pool behind."""

import ssl
from collections.abc import Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from httpkit.addresses import AddressPolicy, GuardedResolver

_CONNECT_SECONDS = 10.0
# Shorter than any server keeps idle connections (IIS: 120 s, common proxies: 60 s): a POST on a connection that the
# peer is closing would be ambiguous.
_KEEP_ALIVE_SECONDS = 15.0


def open_connections(headers: Mapping[str, str], addresses: AddressPolicy, max_connections: int) -> httpx.AsyncClient:
    """An httpx client on aiohttp's pool, which opens nothing before its first request.

    httpx's own pool is quadratic in waiting requests: 140 requests/s against 1,700 with 100 connections to a 50 ms
    server. Redirects, cookies, proxies and .netrc of the environment are off: nothing but what the caller says is sent.
    """

    def session() -> aiohttp.ClientSession:
        opened = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=max_connections,
                ssl=_tls(),
                resolver=GuardedResolver(addresses),
                keepalive_timeout=_KEEP_ALIVE_SECONDS,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp repeats GET, PUT and DELETE on its own when a kept connection breaks. One attempt is one request here;
        # and a connector error of its second try would hide that the first one was sent. There is no public switch.
        opened._retry_connection = False  # noqa: SLF001
        return opened

    return httpx.AsyncClient(
        transport=AiohttpTransport(verify=_tls(), client=session),
        headers={"accept-encoding": "gzip, deflate", "accept": "application/json", **headers},
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


@cache
def _tls() -> ssl.SSLContext:
    """One context for all clients: building it reads the certificate bundle, 20 ms and a megabyte each time."""
    return httpx.create_ssl_context()
