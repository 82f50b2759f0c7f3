"""Section 2.8."""

from tests.connectwise_simulator.contract.conftest import MakeSite


async def test_proxy_in_front_limits_with_a_body_that_is_not_json(site_with: MakeSite) -> None:
    """2.8: a proxy's pages."""
    site = await site_with()
    for kind, status in (("503_before", 503), ("502_after", 502), ("504_after", 504)):
        await site.fault(kind, nth=1)
        answer = await site.get("system/info")
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


async def test_too_long_an_address_is_refused(site_with: MakeSite) -> None:
    """2.5: at most 2,000 characters; that the answer is 414 is assumed."""
    site = await site_with()
    for length, status in ((1_700, 200), (2_100, 414)):
        condition = f"name != '{'x' * length}'"
        assert (await site.get("finance/agreements", params={"conditions": condition})).status_code == status


async def test_timed_out_creation_may_have_been_applied(site_with: MakeSite) -> None:
    """2.6, 2.8: look before a retry."""
    site = await site_with()
    await site.fault("500_after", method="POST", nth=1)
    assert (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).status_code == 500
    assert len(await site.ids("finance/agreements/1/additions")) == 1


async def test_lists_can_lag_behind_reads_by_id(site_with: MakeSite) -> None:
    """2.8: one operator's report: a knob of single calls, off by default."""
    site = await site_with()
    added = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()["id"]
    assert added in await site.ids("finance/agreements/1/additions")
    await site.fault("list_lag", method="POST", delay=60, nth=1)
    late = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()["id"]
    assert late not in await site.ids("finance/agreements/1/additions")
    assert (await site.get(f"finance/agreements/1/additions/{late}")).status_code == 200
