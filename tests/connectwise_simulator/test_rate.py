"""A site's budget of calls: the token bucket, and what a refused client reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectwise_simulator.peers.rate import Bucket
from tests.connectwise_simulator.conftest import Site


@pytest.fixture
async def limited(site: Site) -> Site:
    await _limit(site, calls_per_minute=6, calls_at_once=3)
    return site


async def _limit(site: Site, **options: int | None) -> None:
    await site.control("POST", f"sites/{site.company}/settings", json={"options": options})


async def test_calls_beyond_the_bucket_are_refused_until_there_is_a_token(limited: Site) -> None:
    statuses = [(await limited.get("system/info")).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


async def test_refused_client_reads_the_error_key_and_how_long_to_wait(limited: Site) -> None:
    answers = [await limited.get("system/info") for _ in range(4)]
    assert 8 <= int(answers[-1].headers["retry-after"]) <= 10
    assert answers[-1].json()["error"] == "ConnectWiseAPI"
    assert "code" not in answers[-1].json()


async def test_refused_write_is_not_applied(limited: Site) -> None:
    for _ in range(3):
        await limited.get("system/info")
    assert (await limited.add(1, effectiveDate="2026-04-01T00:00:00Z")).status_code == 429
    assert await limited.effects() == []


async def test_budget_can_be_lifted_while_the_site_is_used(limited: Site) -> None:
    await _limit(limited, calls_per_minute=None)
    assert {(await limited.get("system/info")).status_code for _ in range(6)} == {200}


async def test_site_without_a_budget_refuses_nobody(site: Site) -> None:
    assert {(await site.get("system/info")).status_code for _ in range(30)} == {200}


@given(
    per_minute=st.integers(1, 1200),
    holds=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 20), min_size=1, max_size=60),
)
def test_no_window_lets_more_through_than_the_bucket_and_its_refill(
    per_minute: int, holds: int, gaps: list[float]
) -> None:
    bucket, now, passed = Bucket(per_minute, holds, 0.0), 0.0, list[float]()
    for gap in gaps:
        now += gap
        wait = bucket.take(now)
        if wait == 0:
            passed.append(now)
        else:
            assert bucket.take(now + wait + 1e-6) == 0  # what it says is enough
            now += wait + 1e-6
            passed.append(now)
    for i, first in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= holds + (passed[j] - first) * per_minute / 60 + 1e-3
