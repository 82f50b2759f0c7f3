import time
from typing import Any

import httpx
import pytest

from tests.connectwise_simulator.conftest import Site, eventually

DAY = {"effectiveDate": "2026-04-01T00:00:00Z"}
POST = {"method": "POST", "path": "additions$"}


@pytest.mark.parametrize(
    ("kind", "status", "applied"),
    [
        ("refuse_429", 429, False),
        ("500_before", 500, False),
        ("503_before", 503, False),
        ("401", 401, False),
        ("403", 403, False),
        ("html_before", 200, False),
        ("html", 200, True),
        ("500_after", 500, True),
        ("502_after", 502, True),
        ("504_after", 504, True),
    ],
)
async def test_error_is_told_and_history_knows_what_happened(site: Site, kind: str, status: int, applied: bool) -> None:
    await site.fault(kind, **POST)
    answer = await site.add(1, **DAY)
    assert answer.status_code == status
    assert [e["told"] for e in await site.effects()] == ([status] if applied else [])


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


@pytest.mark.parametrize("order", [{"kind": "no such"}, {"kind": "slow", "path": "("}, {"kind": "slow", "speed": 1}])
async def test_fault_that_cannot_be_is_refused(site: Site, order: dict[str, Any]) -> None:
    answer = await site.post(f"{site.root}/_simulator/faults", json=order)
    assert answer.status_code == 422


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
