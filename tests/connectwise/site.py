"""A site of three endpoints on a real socket, and a client for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connectwise import ConnectWise, Credentials
from httpkit import AddressPolicy, Limiter, RetryPolicy
from tests.httpkit.peer import Asked, Behaviour, Peer, peer, reply

CREDENTIALS = Credentials("training", "public", "private-canary", "client-canary")
INFO = {"Codebase": "v2025_1/", "IsCloud": False}
BASE = "/v2025_1/apis/3.0"


def site(api: Behaviour, info: Behaviour | None = None) -> Behaviour:
    """Company info, and everything else."""
    told = info or reply(200, INFO)

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (told if asked.path.startswith("/login/") else api)(asked, writer)

    return behave


@asynccontextmanager
async def connected(api: Behaviour, info: Behaviour | None = None) -> AsyncIterator[tuple[ConnectWise, Peer]]:
    async with peer(site(api, info)) as there, client(there.url) as psa:
        yield psa, there


def client(url: str) -> ConnectWise:
    return ConnectWise(
        url,
        CREDENTIALS,
        limiter=Limiter(100_000),
        deadline=5.0,
        addresses=AddressPolicy(allow_plain_loopback=True),
        retry=RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.002),
    )


def calls(there: Peer) -> list[Asked]:
    """What was asked of the API, company info left out."""
    return [asked for asked in there.asked if not asked.path.startswith("/login/")]
