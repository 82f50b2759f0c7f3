import asyncio
import sys
import time
from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectwise_simulator.peers.door import CannotListenError
from connectwise_simulator.scenarios.scenario import read_scenario
from connectwise_simulator.scenarios.seeding import add_sites
from connectwise_simulator.serve import serving
from connectwise_simulator.world import World
from tests.connectwise_simulator.conftest import Site, eventually, first_failure

DAY = {"effectiveDate": "2026-04-01T00:00:00Z"}
POST = {"method": "POST", "path": "additions$"}
RESET = (httpx.ConnectError, httpx.ReadError, httpx.WriteError)  # an RST may be seen while still connecting


@pytest.mark.parametrize(
    ("kind", "status", "applied"),
    [
        ("refuse_429", 429, False),
        ("500_before", 500, False),
        ("pool_before", 500, False),
        ("502_before", 502, False),
        ("503_before", 503, False),
        ("401", 401, False),
        ("403", 403, False),
        ("html_before", 200, False),
        ("html", 200, True),
        ("500_after", 500, True),
        ("pool_after", 500, True),
        ("502_after", 502, True),
        ("504_after", 504, True),
    ],
)
async def test_error_is_told_and_history_knows_what_happened(site: Site, kind: str, status: int, applied: bool) -> None:
    await site.fault(kind, **POST)
    answer = await site.add(1, **DAY)
    assert answer.status_code == status
    assert [e["told"] for e in await site.effects()] == ([status] if applied else [])


@pytest.mark.parametrize(("kind", "text"), [("500_before", "A timeout has occured"), ("pool_before", "from the pool")])
async def test_500_says_which_kind_of_timeout_it_is(site: Site, kind: str, text: str) -> None:
    await site.fault(kind)
    assert text in (await site.get("system/info")).json()["message"]


async def test_429_has_the_error_key_and_retry_after(site: Site) -> None:
    await site.fault("refuse_429", retry_after=7)
    answer = await site.get("system/info")
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"] == "ConnectWiseAPI"


@pytest.mark.parametrize(("kind", "told"), [("reset_before", []), ("reset_after", ["reset"])])
async def test_reset_ends_the_connection_without_an_answer(site: Site, kind: str, told: list[str]) -> None:
    await site.fault(kind, **POST)
    with pytest.raises(httpx.ReadError):
        await site.add(1, **DAY)
    assert [e["told"] for e in await site.effects()] == told


async def test_truncated_answer_ends_early(site: Site) -> None:
    await site.fault("truncated", **POST)
    with pytest.raises(httpx.RemoteProtocolError):
        await site.add(1, **DAY)
    assert [e["told"] for e in await site.effects()] == ["truncated"]


async def test_slow_call_is_applied_even_if_the_client_gives_up(site: Site) -> None:
    await site.fault("slow", delay=0.4, **POST)
    with pytest.raises(httpx.ReadTimeout):
        await site.add_within(0.1, 1, **DAY)
    assert await site.effects() == []
    assert [e["told"] for e in await _effects_in_time(site)] == ["gone"]


async def test_late_call_is_applied_after_its_answer(site: Site) -> None:
    await site.fault("apply_late", delay=0.3, **POST)
    assert (await site.add(1, **DAY)).status_code == 504
    assert await site.effects() == []
    assert [e["told"] for e in await _effects_in_time(site)] == [504]


async def test_late_call_may_say_nothing_at_all(site: Site) -> None:
    await site.fault("apply_late", delay=0.3, tell="silence", **POST)
    with pytest.raises(httpx.ReadTimeout):
        await site.add_within(0.1, 1, **DAY)
    assert [e["told"] for e in await _effects_in_time(site)] == ["silence"]


async def test_lagging_list_hides_a_new_record_that_can_be_read_by_id(site: Site) -> None:
    await site.fault("list_lag", delay=0.4, **POST)
    added = (await site.add(1, **DAY)).json()
    assert await site.ids("finance/agreements/1/additions") == []
    assert (await site.get(f"finance/agreements/1/additions/{added['id']}")).status_code == 200
    await eventually(lambda: site.ids("finance/agreements/1/additions"), lambda ids: ids == [added["id"]])


async def test_wrong_id_is_answered_and_the_right_one_kept(site: Site) -> None:
    await site.fault("wrong_id", **POST)
    answered = (await site.add(1, **DAY)).json()["id"]
    assert answered not in await site.ids("finance/agreements/1/additions")


async def test_foreign_marker_is_answered_and_the_sent_one_kept(site: Site) -> None:
    await site.fault("foreign_marker", **POST)
    answered = (await site.add(1, serialNumber="OURS", **DAY)).json()
    assert answered["serialNumber"] != "OURS"
    [effect] = await site.effects()
    assert (effect["after"]["serialNumber"], effect["told"]) == ("OURS", 201)


@pytest.mark.parametrize(("kind", "body"), [("empty", ""), ("not_json", "Your request has been accepted.")])
async def test_success_may_come_without_anything_to_read(site: Site, kind: str, body: str) -> None:
    await site.fault(kind, **POST)
    answer = await site.add(1, **DAY)
    assert (answer.status_code, answer.text) == (201, body)
    assert [e["told"] for e in await site.effects()] == [kind]


@pytest.mark.parametrize(("kind", "told"), [("garbage_before", []), ("garbage", ["garbage"])])
async def test_bytes_that_are_no_http_come_instead_of_a_status_line(site: Site, kind: str, told: list[str]) -> None:
    await site.fault(kind, **POST)
    with pytest.raises(httpx.RemoteProtocolError, match="illegal status line"):
        await site.add(1, **DAY)
    assert [e["told"] for e in await site.effects()] == told


@pytest.mark.parametrize(
    ("kind", "failure"), [("half_open", httpx.ReadTimeout), ("stale", (httpx.ReadError, httpx.WriteError))]
)
async def test_kept_connection_is_forgotten_by_the_peer(site: Site, kind: str, failure: Any) -> None:
    await site.fault(kind, nth=1, path="system/info")
    assert (await site.get("system/info")).status_code == 200
    with pytest.raises(failure):
        await site.add_within(0.2, 1, **DAY)
    assert await site.effects() == []
    assert (await site.add(1, **DAY)).status_code == 201


async def test_silent_call_is_never_answered(site: Site) -> None:
    for kind in ("silent_before", "silent_after"):
        await site.fault(kind, nth=1, **POST)
        with pytest.raises(httpx.ReadTimeout):
            await site.add_within(0.1, 1, **DAY)
    await eventually(site.effects, lambda found: [e["told"] for e in found] == ["silence"])


async def test_nth_call_goes_wrong_and_no_other(site: Site) -> None:
    await site.fault("500_before", nth=2, times=2)
    assert [(await site.get("system/info")).status_code for _ in range(5)] == [200, 500, 500, 200, 200]


async def test_same_seed_strikes_the_same_calls(site: Site) -> None:
    runs = []
    for _ in range(2):
        await site.fault("500_before", probability=0.5, seed=7)
        runs.append([(await site.get("system/info")).status_code for _ in range(20)])
        await site.control("DELETE", f"faults?site={site.company}")
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


async def test_faults_by_probability_strike_apart_from_each_other(site: Site) -> None:
    await site.fault("500_before", probability=0.3)
    await site.fault("503_before", probability=0.3)
    assert {(await site.get("system/info")).status_code for _ in range(60)} == {200, 500, 503}


async def test_each_strike_of_a_burst_takes_the_next_calls_along(site: Site) -> None:
    await site.fault("refuse_429", nth=2, burst=3)
    assert [(await site.get("system/info")).status_code for _ in range(6)] == [200, 429, 429, 429, 200, 200]


async def test_bursts_by_probability_have_their_length(site: Site) -> None:
    await site.fault("503_before", probability=0.2, burst=4, seed=3)
    statuses = [(await site.get("system/info")).status_code for _ in range(60)]
    lengths = [len(list(run)) for status, run in groupby(statuses) if status == 503]
    assert lengths
    assert not [n for n in lengths[:-1] if n % 4]  # bursts that touch look like one


async def test_upgraded_site_leaves_its_old_codebase_behind(site: Site) -> None:
    old = f"{site.root}/v2026_1/apis/3.0/system/info"
    assert (await site.get(old)).status_code == 200
    await site.control("POST", f"sites/{site.company}/settings", json={"codebase": "v2026_2/"})
    info = (await site.get(f"{site.root}/login/companyinfo/{site.company}")).json()
    assert info["Codebase"] == "v2026_2/"
    assert (await site.get(old)).status_code == 404
    assert (await site.get(old.replace("2026_1", "2026_2"))).status_code == 200


async def test_old_codebase_may_redirect_to_the_new_one(site: Site) -> None:
    order = {"codebase": "v2026_2/", "options": {"old_codebase": "redirect"}}
    await site.control("POST", f"sites/{site.company}/settings", json=order)
    answer = await site.get(f"{site.root}/v2026_1/apis/3.0/company/companies?conditions=id%20=%2010")
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{site.root}/v2026_2/apis/3.0/company/companies?conditions=id%20=%2010"


@pytest.mark.parametrize("order", [{"codebase": "V 2026"}, {"options": {"nothing": 1}}, {"options": {"needs_tls": 7}}])
async def test_settings_that_cannot_be_are_refused(site: Site, order: dict[str, Any]) -> None:
    answer = await site.post(f"{site.root}/_simulator/sites/{site.company}/settings", json=order)
    assert answer.status_code == 422


async def test_office_may_enter_an_addition_twice_marker_and_all(site: Site) -> None:
    added = (await site.add(1, serialNumber="OURS", **DAY)).json()
    order = {"table": "additions", "id": added["id"]}
    twin = await site.control("POST", f"sites/{site.company}/duplicate", json=order)
    found = (await site.get("finance/agreements/1/additions")).json()
    assert [(a["id"], a["serialNumber"]) for a in found] == [(added["id"], "OURS"), (twin["id"], "OURS")]
    assert [(e["member"], e["told"]) for e in await site.effects()] == [("pub", 201), ("office", "office")]


@pytest.mark.parametrize(
    ("order", "status"),
    [({"table": "additions", "id": 999}, 404), ({"table": "x", "id": 1}, 404), ({"table": "catalog", "id": 50}, 422)],
)
async def test_what_cannot_be_entered_twice_is_refused(site: Site, order: dict[str, Any], status: int) -> None:
    answer = await site.post(f"{site.root}/_simulator/sites/{site.company}/duplicate", json=order)
    assert answer.status_code == status


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "no such"},
        {"kind": "slow", "path": "("},
        {"kind": "slow", "speed": 1},
        {"kind": "401", "method": "GTE"},
        {"kind": "refused"},
        {"kind": "refused", "delay": 1, "connections": 2},
        {"kind": "slow", "delay": 1, "connections": 2},
    ],
)
async def test_fault_that_cannot_be_is_refused(site: Site, order: dict[str, Any]) -> None:
    answer = await site.post(f"{site.root}/_simulator/faults", json=order)
    assert answer.status_code == 422


async def test_fault_of_a_site_that_is_not_there_is_refused(site: Site) -> None:
    answer = await site.post(f"{site.root}/_simulator/faults", json={"kind": "401", "site": "nobody"})
    assert (answer.status_code, answer.json()["message"]) == (404, "there is no site nobody")


async def test_history_keeps_before_and_after_and_pages_by_seq(site: Site) -> None:
    added = (await site.add(1, **DAY)).json()
    change = [{"op": "replace", "path": "quantity", "value": 5}]
    await site.patch(f"finance/agreements/1/additions/{added['id']}", json=change)
    created, patched = await site.effects()
    assert created["before"] is None
    assert (created["after"], patched["before"]["quantity"], patched["after"]["quantity"]) == (added, 1, 5)
    assert (patched["member"], patched["type"], patched["id"]) == ("pub", "additions", added["id"])
    later = await site.control("GET", f"history?site={site.company}&after={created['seq']}")
    assert [e["seq"] for e in later["effects"]] == [patched["seq"]]


async def test_latency_delays_every_answer(site: Site) -> None:
    await site.control("POST", "latency", json={"ms": 100})
    started = time.monotonic()
    await site.get("system/info")
    await site.control("POST", "latency", json={"ms": 0})
    assert time.monotonic() - started >= 0.1


async def test_calls_are_counted_by_route(site: Site) -> None:
    for _ in range(3):
        await site.get("finance/agreements/1/additions")
    found = await site.control("GET", f"calls?site={site.company}")
    assert found == {"total": 3, "routes": {"GET finance/agreements/{}/additions": 3}}


async def _effects_in_time(site: Site) -> list[dict[str, Any]]:
    return await eventually(site.effects, lambda found: found and found[-1]["told"] != "pending")


@pytest.fixture
async def alone(scenario_text: str) -> AsyncIterator[Site]:
    """A site of a simulator of its own: what happens to a port happens to everybody behind it."""
    world = World()
    add_sites(world, read_scenario(scenario_text.replace("COMPANY", "alone"), "alone"), "alone")
    async with serving(world) as url, Site(url, "alone") as site:
        yield site


async def test_refused_port_answers_the_call_and_then_refuses_connections_for_a_while(alone: Site) -> None:
    await alone.fault("refused", delay=0.5, nth=1, **POST)
    assert (await alone.add(1, **DAY)).status_code == 201
    failed = await first_failure(alone)
    assert isinstance(failed, httpx.ConnectError)
    answer = await _answered_again(alone)
    assert [row["id"] for row in answer.json()] == [1]
    assert [e["told"] for e in await alone.effects()] == [201]


async def test_refused_port_is_kept_from_others(alone: Site) -> None:
    port = httpx.URL(alone.root).port or 0
    await alone.control("POST", "door", json={"mode": "refuse", "seconds": 0.5})
    await first_failure(alone)
    with pytest.raises(CannotListenError):
        async with serving(World(), port=port):
            pass
    assert (await _answered_again(alone)).status_code == 200


async def test_port_resets_the_next_connections_and_then_serves(alone: Site) -> None:
    await alone.fault("reset_on_connect", delay=30, connections=2, nth=1, path="system/info")
    assert (await alone.get("system/info")).status_code == 200
    failures = [await first_failure(alone) for _ in range(2)]
    assert all(isinstance(failed, RESET) for failed in failures)
    assert (await alone.add(1, **DAY)).status_code == 201


async def test_black_hole_accepts_the_next_connection_and_never_answers(alone: Site) -> None:
    await alone.fault("black_hole", delay=30, connections=1, nth=1, path="system/info")
    assert (await alone.get("system/info")).status_code == 200
    assert isinstance(await first_failure(alone, within=0.3), httpx.ReadTimeout)
    assert await alone.effects() == []
    assert (await alone.add(1, **DAY)).status_code == 201


async def test_port_that_is_shut_already_is_not_shut_again(alone: Site) -> None:
    async with httpx.AsyncClient() as other:
        await other.get(f"{alone.root}/_simulator/sites")
        order = {"mode": "reset", "seconds": 30, "connections": 1}
        first = await other.post(f"{alone.root}/_simulator/door", json=order)
        assert first.json() == order
    await first_failure(alone)
    assert (await alone.get("system/info")).status_code == 200


async def test_faults_of_port_and_connection_are_the_same_in_a_process(tmp_path: Path, scenario_text: str) -> None:
    """A process runs another event loop than these tests do."""
    (tmp_path / "one.yaml").write_text(scenario_text.replace("COMPANY", "one"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connectwise_simulator", "--port", "0", "--scenario", str(tmp_path / "one.yaml")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().split()[1]
    met: dict[str, Exception | None] = {}
    async with Site(url, "one") as site:
        for kind, more in (
            ("half_open", {}),
            ("stale", {}),
            ("refused", {"delay": 0.3}),
            ("reset_on_connect", {"delay": 30, "connections": 1}),
            ("black_hole", {"delay": 30, "connections": 1}),
        ):
            await site.fault(kind, nth=1, path="system/info", **more)
            assert (await site.get("system/info")).status_code == 200
            met[kind] = await first_failure(site, within=0.3)
            await _answered_again(site)
            await site.control("DELETE", "faults")
    process.terminate()
    _, error = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, error) == (0, b"")
    assert isinstance(met["half_open"], httpx.ReadTimeout)
    assert isinstance(met["stale"], httpx.ReadError)
    assert isinstance(met["refused"], httpx.ConnectError)
    assert isinstance(met["reset_on_connect"], RESET)
    assert isinstance(met["black_hole"], httpx.ReadTimeout)


@pytest.mark.parametrize("order", [{"mode": "open", "seconds": 1}, {"mode": "refuse"}, {"mode": "reset", "seconds": 0}])
async def test_door_that_cannot_be_is_refused(site: Site, order: dict[str, Any]) -> None:
    assert (await site.post(f"{site.root}/_simulator/door", json=order)).status_code == 422


async def _answered_again(site: Site) -> httpx.Response:
    async def read() -> httpx.Response | None:
        try:
            return await site.get("finance/agreements/1/additions")
        except httpx.TransportError:
            return None

    found = await eventually(read, lambda answer: answer is not None)
    assert found is not None
    return found


async def test_discovery_fails_by_its_path_only(site: Site) -> None:
    discovery = f"{site.root}/login/companyinfo/{site.company}"
    await site.fault("503_before")
    assert (await site.get(discovery)).json()["CompanyID"] == site.company
    await site.fault("html_before", path="^login/companyinfo", times=1)
    await site.fault("500_before", path="companyinfo", nth=2)
    told = [await site.get(discovery) for _ in range(3)]
    assert [answer.headers["content-type"][:9] for answer in told] == ["text/html", "applicati", "applicati"]
    assert [answer.status_code for answer in told] == [200, 500, 200]


@pytest.mark.parametrize(
    ("kind", "failure"),
    [("reset_after", httpx.ReadError), ("truncated", httpx.RemoteProtocolError), ("silent_before", httpx.ReadTimeout)],
)
async def test_discovery_is_cut_off(site: Site, kind: str, failure: type[Exception]) -> None:
    await site.fault(kind, path="companyinfo", times=1)
    with pytest.raises(failure):
        await site.get(f"{site.root}/login/companyinfo/{site.company}", timeout=0.3)
    assert (await site.get(f"{site.root}/login/companyinfo/{site.company}")).status_code == 200
