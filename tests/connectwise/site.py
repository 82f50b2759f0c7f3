"""A site on a real socket that answers as a test says, and clients for it; every request of theirs can be watched."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from connectwise import ConnectWise, Credentials
from httpkit import AddressPolicy, Answer, Limiter, RetryPolicy
from httpkit.connections import Call, Departure
from tests.httpkit.peer import Asked, Behaviour, Peer, peer, reply

CREDENTIALS = Credentials("training", "public", "private-canary", "client-canary")
INFO = {"Codebase": "v2025_1/", "IsCloud": False}
BASE = "/v2025_1/apis/3.0"
LOOPBACK = AddressPolicy(allow_plain_loopback=True)
RETRY = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.002)

Watcher = Callable[[Call, Answer | None], None]
"""Told of each request as it left, and of its answer; None where none came."""

watchers: list[Watcher] = []
"""Those who watch the requests of every client that `client` makes."""


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


def client(url: str, credentials: Credentials = CREDENTIALS, **more: Any) -> ConnectWise:
    usual = {
        "limiter": Limiter(100_000, concurrency=50),
        "deadline": 5.0,
        "addresses": LOOPBACK,
        "retry": RETRY,
    }
    psa = ConnectWise(url, credentials, **{**usual, **more})
    psa._api._connections = _Watched(psa._api._connections)  # type: ignore[assignment]  # stands in front of it
    return psa


def calls(there: Peer) -> list[Asked]:
    """What was asked of the API, company info left out."""
    return [asked for asked in there.asked if not asked.path.startswith("/login/")]


class _Watched:
    def __init__(self, connections: Any) -> None:
        self._connections = connections

    async def answer_to(self, call: Call, departure: Departure) -> Answer:
        answer: Answer | None = None
        try:
            answer = await self._connections.answer_to(call, departure)
            return answer
        finally:
            for watcher in watchers:
                watcher(call, answer)

    async def aclose(self) -> None:
        await self._connections.aclose()
