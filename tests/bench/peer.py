"""The least that answers like a ConnectWise: as fast as Python allows, in a process of its own, counting its calls.

The simulator is what figures about correctness are taken at; at this one the client's side is what costs.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

NEXT_INVOICE = "2026-12-01"
CODEBASE = "v2025_1"
_ADDITIONS = re.compile(r".*/finance/agreements/(\d+)/additions(?:/(\d+))?")
_AGREEMENT = re.compile(r".*/finance/agreements/(\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Made:
    """A creation: where, its marker, and when it was done, on the clock that all processes of a machine share."""

    agreement: int
    marker: str
    at: float


class Peer:
    """The handle of a peer in another process."""

    def __init__(self, url: str, control: aiohttp.ClientSession) -> None:
        self.url = url
        self._control = control

    async def begin(self, *, ms: float, lost: float = 0.0) -> None:
        """Forget all additions and counts; every answer takes `ms`, and that part of those to creations is lost."""
        async with self._control.post("/begin", json={"ms": ms, "lost": lost}) as answer:
            await answer.read()

    async def calls(self) -> Counter[str]:
        """How many calls came since `begin`, by method."""
        return Counter((await self._said())["calls"])

    async def made(self) -> "list[Made]":
        """Every creation, lost answer or not."""
        return [Made(*one) for one in (await self._said())["made"]]

    async def _said(self) -> Any:
        async with self._control.get("/said") as answer:
            return await answer.json()


@asynccontextmanager
async def peer() -> AsyncIterator[Peer]:
    """Run one while the block does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.peer"), stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise AssertionError("the peer's output is a pipe")
        url = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession(url, raise_for_status=True) as control:
            yield Peer(url, control)
    finally:
        process.terminate()
        await process.wait()


class _Site:
    """Agreements that are all alike, and the additions made on them."""

    def __init__(self) -> None:
        self.ms = 0.0
        self._next_id = 0
        self.begin({"ms": 0})

    def begin(self, order: dict[str, Any]) -> None:
        self.ms = order["ms"]
        self._lost = order.get("lost", 0.0)
        self._random = random.Random(1)  # noqa: S311 (the same answers are lost in every run)
        self._additions: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
        self._calls: Counter[str] = Counter()
        self._made: list[tuple[int, str, float]] = []

    def said(self) -> dict[str, Any]:
        return {"calls": self._calls, "made": self._made}

    def loses(self, method: str) -> bool:
        return method == "POST" and self._random.random() < self._lost

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        path = path.partition("?")[0]
        if path.startswith("/login/companyinfo/"):
            return 200, {"Codebase": f"{CODEBASE}/", "CompanyID": "bench", "IsCloud": "True"}
        self._calls[method] += 1
        if (found := _ADDITIONS.fullmatch(path)) is not None:
            return self._of_additions(method, int(found[1]), found[2], body)
        if (found := _AGREEMENT.fullmatch(path)) is not None:
            return 200, {
                "id": int(found[1]),
                "name": f"Agreement {found[1]}",
                "agreementStatus": "Active",
                "nextInvoiceDate": f"{NEXT_INVOICE}T00:00:00Z",
                "prorateFlag": True,
            }
        return 200, {"version": CODEBASE}

    def _of_additions(self, method: str, agreement: int, addition: str | None, body: bytes) -> tuple[int, Any]:
        there = self._additions[agreement]
        if method == "POST":
            self._next_id += 1
            made = {**json.loads(body), "id": self._next_id, "agreementId": agreement}
            there[self._next_id] = made
            self._made.append((agreement, made.get("serialNumber", ""), time.monotonic() + self.ms / 1000))
            return 201, made
        if addition is None:
            return 200, list(there.values())
        if method == "PATCH":
            for change in json.loads(body):
                there[int(addition)][change["path"].strip("/")] = change["value"]
        return 200, there[int(addition)]


class _Connection(asyncio.Protocol):
    """One request after the other; the latency is a timer, so that waiting costs nothing."""

    def __init__(self, site: _Site) -> None:
        self._site = site
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a TCP connection is read and written")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, ended, rest = self._unread.partition(b"\r\n\r\n")
        length = int(found[1]) if (found := _LENGTH.search(head)) else 0
        if not ended or len(rest) < length:
            return
        self._unread = rest[length:]
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self._take(method, path, rest[:length])

    def _take(self, method: str, path: str, body: bytes) -> None:
        if path == "/begin":
            self._site.begin(json.loads(body))
            self._write(200, {})
        elif path == "/said":
            self._write(200, self._site.said())
        else:
            status, said = self._site.answer(method, path, body)
            if self._site.loses(method):
                self._transport.abort()
                return
            asyncio.get_running_loop().call_later(self._site.ms / 1000, self._write, status, said)

    def _write(self, status: int, said: Any) -> None:
        body = json.dumps(said).encode()
        self._transport.write(
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\nlink: \r\n"
            f"x-cw-request-id: {random.getrandbits(64):x}\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )


async def main() -> None:
    """Print the address, then serve until told to end."""
    site = _Site()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(site), "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
