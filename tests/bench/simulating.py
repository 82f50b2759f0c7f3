"""The simulator with its large site, held to one core: how soon it serves, how fast it reads, what it takes."""

import asyncio
import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from urllib.parse import quote, urlsplit

from devstack.layout import CHECKOUT
from tests.bench.ground import Figure, median_and_spread

LARGE = CHECKOUT / "examples" / "simulator" / "large.yaml"
RUNS = 3
READS = 3_000
CALLERS = 8
BY_ID = [f"{table}/{number}" for number in range(1, 4001, 7) for table in ("finance/agreements", "company/companies")]
BY_FILTER = [f"finance/agreements?conditions={quote(f'company/id = {number}')}" for number in range(1, 5001, 11)]
FORWARD = [f"finance/agreements?pageSize=25&pageId={number}" for number in range(1, 7901, 25)]


async def measure(folder: Path) -> list[Figure]:
    """Starts from the scenario and from a state file; reads by id, and by filters that find few of many."""
    state = folder / "large-state"
    starts, worked, again, rates, filtered, forward, taken = [], [], [], [], [], [], 0.0
    with _simulator("--scenario", str(LARGE), "--state", str(state)) as (first, _, _):
        pass
    for _ in range(RUNS):
        with _simulator("--state", str(state)) as (seconds, _, _):
            again.append(seconds)
        with _simulator("--scenario", str(LARGE)) as (seconds, url, process):
            starts.append(seconds)
            worked.append(_processor_seconds(process))
            rates.append(await _reads_a_second(url, BY_ID))
            filtered.append(await _reads_a_second(url, BY_FILTER))
            forward.append(await _reads_a_second(url, FORWARD, "pagination-type: forward-only"))
            taken = max(taken, _resident_mib(process))
    start, start_spread = median_and_spread(starts)
    restart, restart_spread = median_and_spread(again)
    rate, spread = median_and_spread(rates)
    others = [f"{median_and_spread(r)[0]:,.0f}" for r in (filtered, forward)]
    how = f"{spread}; {others[0]} by company among 8,000 agreements, {others[1]} forward-only pages of 25"
    return [
        Figure("simulator: reads by id on one core", rate, 1_500, "a second", how),
        Figure(
            "simulator: start with 60,000 additions",
            start,
            5,
            "s",
            f"{start_spread}; at work for {median_and_spread(worked)[0]:.1f} s of it",
            at_most=True,
        ),
        Figure(
            "simulator: the same from its state file",
            restart,
            5,
            "s",
            f"{restart_spread}; {first:.1f} s when the file is begun, {state.stat().st_size / 2**20:.0f} MiB",
            at_most=True,
        ),
        Figure("simulator: memory with the large site", taken, 400, "MiB", "resident after the reads", at_most=True),
    ]


@contextmanager
def _simulator(*arguments: str) -> Iterator[tuple[float, str, subprocess.Popen[str]]]:
    """Seconds to its `ready` line, its address and the process, which stays on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})  # a child keeps what it was born with
    began = time.perf_counter()
    try:
        process = subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", "connectwise_simulator", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT / "services")},
        )
    finally:
        os.sched_setaffinity(0, cores)
    with process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            seconds = time.perf_counter() - began
            if not line.startswith("ready "):
                raise RuntimeError(f"the simulator did not start: {line}")
            yield seconds, line.split()[1], process
        finally:
            process.terminate()


async def _reads_a_second(url: str, paths: list[str], *headers: str) -> float:
    address = urlsplit(url)
    key = base64.b64encode(b"large+large:large").decode()
    more = "".join(f"{line}\r\n" for line in (f"authorization: Basic {key}", "clientid: bench", *headers))
    requests = cycle(
        f"GET /v4_6_release/apis/3.0/{path} HTTP/1.1\r\nhost: {address.netloc}\r\n{more}\r\n".encode() for path in paths
    )
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    reading = _Reading(requests, done)
    began = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Caller(reading), address.hostname or "", address.port or 0)
        for _ in range(CALLERS)
    ]
    try:
        async with asyncio.timeout(120):
            await done
        return READS / (time.perf_counter() - began)
    finally:
        for transport, _ in made:
            transport.close()


class _Reading:
    """What is left to read, for all callers."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.done = done
        self.left = READS

    def read(self, status: bytes) -> None:
        """Count one answer."""
        self.left -= 1
        if not self.done.done():
            if status != b"200":
                self.done.set_exception(RuntimeError(f"answered {status.decode()}"))
            elif self.left == 0:
                self.done.set_result(None)


class _Caller(asyncio.Protocol):
    """One connection, one request at a time: as bare as a client can be, so that the server is what is measured."""

    def __init__(self, reading: _Reading) -> None:
        self._reading = reading
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(next(self._reading.requests))

    def data_received(self, data: bytes) -> None:
        """The next request, once an answer is whole."""
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if ended and length and len(body) >= int(length[1]):
            self._received = b""
            self._reading.read(head[9:12])
            self._transport.write(next(self._reading.requests))


def _processor_seconds(process: subprocess.Popen[str]) -> float:
    """What it has worked so far: what its start takes on a machine that does nothing else."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(process: subprocess.Popen[str]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0
