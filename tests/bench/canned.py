"""A site of reads only, in a process of its own: the simulator's answers, each made once and given again at once.

At 500 calls a second the simulator takes as much time as the client does. What is measured here is the client.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import cast

import uvloop

from connectwise_simulator import api
from connectwise_simulator.call import Request
from connectwise_simulator.scenarios.scenario import load_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.site import Actor
from connectwise_simulator.world import World

_ORDER = re.compile(rb"POST /_latency/(\d+) ")


@asynccontextmanager
async def canned(scenario: Path) -> AsyncIterator[str]:
    """Run one while the block does; a POST to `/_latency/20` makes every later answer take 20 ms."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.canned", str(scenario)), stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise AssertionError("the peer's output is a pipe")
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


class _Peer:
    """What has been answered, by target and paging."""

    def __init__(self, scenario: Path) -> None:
        self._world = World()
        add_sites(self._world, load_scenario(scenario), scenario.name)
        self._answers: dict[tuple[bytes, bool], bytes] = {}
        self.seconds = 0.0

    def answer(self, head: bytes) -> bytes:
        """The answer to a request without a body; the caller's key is looked at the first time only."""
        if ordered := _ORDER.match(head):
            self.seconds = int(ordered[1]) / 1000
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        asked = head.partition(b"\r\n")[0], b"forward-only" in head
        if asked not in self._answers:
            self._answers[asked] = self._made(head.decode("latin-1"))
        return self._answers[asked]

    def _made(self, head: str) -> bytes:
        line, *lines = head.split("\r\n")
        method, target, _ = line.split(" ")
        path, _, query = target.partition("?")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        found = api.answer(self._world.sites, Request(method, path, query, headers, b""), Actor("", method, path))
        body = found.body.encode()
        named = [("content-type", found.content_type), *api.usual_headers(), *found.headers]
        said = "".join(f"{name}: {value}\r\n" for name, value in [*named, ("content-length", str(len(body)))])
        return f"HTTP/1.1 {found.status} {HTTPStatus(found.status).phrase}\r\n{said}\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """One request after the other; the latency is a timer, so that waiting costs nothing."""

    def __init__(self, peer: _Peer) -> None:
        self._peer = peer
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no asyncio.Transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, ended, rest = self._unread.partition(b"\r\n\r\n")
        if ended:
            self._unread = rest
            answer = self._peer.answer(head)
            asyncio.get_running_loop().call_later(self._peer.seconds, self._transport.write, answer)


async def main() -> None:
    """Print the address, then serve until told to end."""
    peer = _Peer(Path(sys.argv[1]))
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(peer), "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
