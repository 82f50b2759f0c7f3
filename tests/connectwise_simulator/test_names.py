"""By which names pages and control are asked: a page of elsewhere can point a name of its own at this machine."""

import asyncio
import sys
from urllib.parse import urlsplit

import httpx
import pytest

from connectwise_simulator.serve import serving
from connectwise_simulator.world import World

FOREIGN = (
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evillocalhost",
    "connectwise-simulator",
    "127.0.0.1@evil.example",
    "[::1].evil.example",
    "",
)
OWN = ("127.0.0.1", "127.0.0.1:1", "192.168.7.7:8080", "[::1]:8080", "localhost", "LocalHost:1", "psa.localhost")
READ = ("/", "/sites/training", "/_simulator/history", "/_simulator/sites")


@pytest.mark.parametrize("name", FOREIGN)
async def test_page_behind_a_name_of_its_own_neither_reads_nor_changes_anything(simulator: str, name: str) -> None:
    same = {"host": name, "origin": f"http://{name}", "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(base_url=simulator) as browser:
        for path in READ:
            answer = await browser.get(path, headers=same)
            assert answer.status_code == 421
            assert "--name" in answer.text
        key = {"public": "stolen", "private": "stolen", "role": "admin"}
        for headers in (same, {"host": name}):
            made = await browser.post("/_simulator/sites/training/keys", json=key, headers=headers)
            turned = await browser.post("/sites/training/clock", data={"do": "next-month"}, headers=headers)
            assert (made.status_code, turned.status_code) == (421, 421)
        asked = await browser.get("/v4_6_release/apis/3.0/system/info", auth=("training+stolen", "stolen"))
        assert asked.status_code == 401


@pytest.mark.parametrize("name", OWN)
async def test_addresses_and_localhost_are_names_of_every_simulator(simulator: str, name: str) -> None:
    async with httpx.AsyncClient(base_url=simulator, headers={"host": name}) as browser:
        assert [(await browser.get(path)).status_code for path in READ] == [200] * len(READ)


async def test_program_that_says_no_name_is_let_through(simulator: str) -> None:
    there = urlsplit(simulator)
    reader, writer = await asyncio.open_connection(there.hostname, there.port)
    writer.write(b"GET /_simulator/sites HTTP/1.0\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == b"200"
    writer.close()


async def test_api_is_served_by_any_name_since_it_asks_for_credentials(simulator: str) -> None:
    async with httpx.AsyncClient(base_url=simulator, headers={"host": "psa.example"}) as client:
        assert (await client.get("/login/companyinfo/training")).status_code == 200
        assert (await client.get("/v4_6_release/apis/3.0/system/info")).status_code == 401


async def test_host_that_is_listened_on_is_a_name(simulator: str) -> None:
    asked = {"host": "127.1:80"}  # no address as browsers write one, but the system listens there
    async with serving(World(), "127.1") as url, httpx.AsyncClient(headers=asked) as browser:
        assert (await browser.get(f"{url}/_simulator/sites")).status_code == 200
        assert (await browser.get(f"{simulator}/_simulator/sites")).status_code == 421


async def test_process_is_told_its_names() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connectwise_simulator", "--port", "0"),
        *("--name", "Rehearsal.example", "--name", "connectwise-simulator"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().split()[1]
        async with httpx.AsyncClient(base_url=url) as browser:
            for name, status in (("rehearsal.example:80", 200), ("connectwise-simulator", 200), ("example", 421)):
                answer = await browser.get("/_simulator/sites", headers={"host": name})
                assert (name, answer.status_code) == (name, status)
    finally:
        process.terminate()
        await process.wait()
