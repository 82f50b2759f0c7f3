"""A client of a peer on this machine, quick to give up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from httpkit import AddressPolicy, ApiError, Breaker, HttpClient, Limiter, RetryPolicy
from tests.httpkit.peer import Behaviour, Peer, peer

LOOPBACK = AddressPolicy(allow_plain_loopback=True)
QUICK = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.002)
UNLIMITED = 100_000


def client(url: str, **options: object) -> HttpClient:
    settings: dict[str, object] = {
        "limiter": Limiter(UNLIMITED),
        "deadline": 5.0,
        "addresses": LOOPBACK,
        "retry": QUICK,
        "breaker": Breaker(failures=1000),
    }
    return HttpClient(url, **{**settings, **options})  # type: ignore[arg-type]  # options of the constructor


async def failure(http: HttpClient, method: str = "POST", **options: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await http.request(method, "/additions", json={"quantity": 1}, **options)  # type: ignore[arg-type]
    return caught.value


@asynccontextmanager
async def talking_to(behaviour: Behaviour, **options: object) -> AsyncIterator[tuple[Peer, HttpClient]]:
    async with peer(behaviour) as there, client(there.url, **options) as http:
        yield there, http
