"""The site read: what is kept, what is told, and what an unfinished list does not say."""

import asyncio
from datetime import date

import pytest

from contracts.values import SiteId
from customer_import import store
from tests.customer_import.desk import SCENARIO, Desk
from tests.factories.grounds import until

PLAIN = {"identifier": "AlderFinch", "name": "Alder & Finch Architects", "status": "Active"}


@pytest.mark.requirement("R12", "R81")
async def test_ready_setup_has_companies_and_agreements_read_and_told(desk: Desk) -> None:
    desk.there_is()
    await desk.connect()
    assert await desk.companies() == []
    await desk.ready()
    read = await desk.read()
    assert (read.state, read.companies, read.agreements, read.told) == ("done", 2, 9, 11)
    [alder, _] = await desk.companies()
    assert alder.model_dump() == PLAIN | {"company_id": 101, "removed": False}


@pytest.mark.requirement("B7", "B8", "B17", "R36", "R37", "R38")
async def test_agreement_is_told_with_what_billing_needs(desk: Desk) -> None:
    await desk.furnished()
    monthly, one_time, child = (await desk.agreements())[:3]
    assert monthly.model_dump() == {
        "agreement_id": 1,
        "name": "Monthly",
        "company_id": 101,
        "type_name": "Cloud Subscriptions",
        "status": "Active",
        "cycle": "Monthly",
        "one_time": False,
        "invoicing_cycle": "CalendarYear",
        "period_type": "Future",
        "prorate": True,
        "currency": "USD",
        "bill_start": date(2026, 1, 1),
        "end": None,
        "next_invoice": date(2026, 12, 1),
        "parent_id": None,
        "parent_next_invoice": None,
        "parent_prorate": None,
        "removed": False,
    }
    assert (one_time.one_time, one_time.cycle) == (True, "NotRecurring")
    assert (child.parent_id, child.parent_next_invoice, child.parent_prorate) == (1, date(2026, 12, 1), True)
    assert (child.cycle, child.prorate) == ("Monthly", False)


async def test_only_what_changed_is_told_again(desk: Desk) -> None:
    await desk.furnished()
    told = len(await desk.agreements())
    assert (await desk.read_again()).told == 0
    await desk.edit("companies", 102, name="Brightwater Marine")
    await desk.edit("agreements", 7, nextInvoiceDate="2027-01-01T00:00:00Z")
    assert (await desk.read_again()).told == 2
    assert (await desk.companies())[-1].name == "Brightwater Marine"
    assert [(one.agreement_id, one.next_invoice) for one in (await desk.agreements())[told:]] == [(7, date(2027, 1, 1))]


@pytest.mark.requirement("B8")
async def test_parent_that_moves_on_is_told_of_its_children_too(desk: Desk) -> None:
    await desk.furnished()
    told = len(await desk.agreements())
    await desk.edit("agreements", 1, nextInvoiceDate="2027-01-01T00:00:00Z")
    await desk.read_again()
    assert {one.agreement_id for one in (await desk.agreements())[told:]} == {1, 3}


async def test_what_is_gone_is_told_and_what_comes_back_too(desk: Desk) -> None:
    await desk.furnished()
    site = desk.world.site(desk.company)
    assert site is not None
    record = site.tables["agreements"].get(8)
    assert record is not None
    await desk.edit("companies", 102, deletedFlag=True)
    site.tables["agreements"].delete(8)
    await desk.read_again()
    assert [(one.company_id, one.removed) for one in await desk.companies()][2:] == [(102, True)]
    assert [(one.agreement_id, one.removed) for one in await desk.agreements()][9:] == [(8, True)]
    site.tables["agreements"].put(record)
    await desk.read_again()
    assert [(one.agreement_id, one.removed) for one in await desk.agreements()][10:] == [(8, False)]


async def test_list_that_breaks_off_says_nothing_of_what_is_gone(desk: Desk) -> None:
    await desk.furnished()
    told = len(await desk.agreements())
    await desk.fault("500_before", "finance/agreements")
    async with desk.delivering():
        async with desk.db.transaction([desk.tenant]) as tx:
            await store.asked(tx, desk.tenant)
        await desk.ready()

        async def has_failed() -> bool:
            return (await desk.site_read()).state == "failed"

        await until(has_failed)
        assert "500" in (await desk.site_read()).error
        assert len(await desk.agreements()) == told
        await desk.recovers()
        await until(desk.is_idle)
    assert (await desk.site_read()).state == "done"
    assert len(await desk.agreements()) == told


async def test_more_than_a_page_is_read_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customer_import.reading.PAGE", 2)
    await desk.furnished()
    assert len(await desk.agreements()) == 9
    assert (await desk.read_again()).told == 0


async def test_nothing_is_read_before_setup_allows_it(desk: Desk) -> None:
    desk.there_is()
    await desk.connect()
    await desk.ready(features=("additions",))
    assert await desk.is_idle()
    assert (await desk.control("GET", f"/calls?site={desk.company}"))["total"] == 0


async def test_revoked_key_pauses_and_a_new_connection_goes_on(desk: Desk) -> None:
    await desk.furnished()
    key = {"public": "public", "private": "private", "role": "sync"}
    await desk.control("POST", f"/sites/{desk.company}/keys", key | {"revoked": True})
    async with desk.delivering():
        await desk.ready()

        async def is_paused() -> bool:
            return bool(await desk.pauses())

        await until(is_paused)
        assert await desk.pauses() == ["Unauthorized"]
        await desk.control("POST", f"/sites/{desk.company}/keys", key | {"private": "fresh", "revoked": False})
        await desk.connect(private="fresh")
        await until(desk.is_idle)
    assert await desk.pauses() == []
    assert (await desk.site_read()).state == "done"


@pytest.mark.requirement("R18")
async def test_role_without_billing_cycles_leaves_them_unknown(desk: Desk) -> None:
    desk.there_is()
    await desk.fault("403", "billingCycles")
    await desk.connect()
    await desk.ready()
    await desk.read()
    assert {one.cycle for one in await desk.agreements()} == {""}


async def test_asked_during_a_reading_is_read_once_more(desk: Desk) -> None:
    await desk.furnished()
    await desk.fault("slow_answer", "company/companies", delay=0.3, times=1)
    async with desk.delivering():
        await desk.ready()

        async def is_reading() -> bool:
            return (await desk.site_read()).state == "reading"

        await until(is_reading)
        await asyncio.gather(*(desk.ready() for _ in range(3)))
        assert (await desk.site_read()).state == "waiting"
        await until(desk.is_idle)
    async with desk.db.transaction([desk.tenant]) as tx:
        assert await tx.value("select number from site_read") == 3


async def test_another_site_takes_all_mappings_back(desk: Desk) -> None:
    await desk.furnished()
    await desk.bring("bb516e65-265e-4e5b-88c3-bab2cec79213,,,azure,AlderFinch,Monthly,2026-10-01")
    desk.company = f"{desk.company}-2"
    desk.there_is(SCENARIO)
    desk.site_id = SiteId(f"{desk.site_id}-2")
    await desk.connect()
    await desk.ready()
    await desk.read()
    assert [(one.version, one.removed) for one in await desk.mappings()] == [(1, False), (2, True)]


async def test_read_asked_for_before_the_tenant_moved_is_not_made(desk: Desk) -> None:
    desk.there_is()
    await desk.connect()
    await desk.ready()
    await desk.connect(site=SiteId(f"{desk.site_id}-2"))
    await desk.read()
    assert (await desk.control("GET", f"/calls?site={desk.company}"))["total"] == 0


async def test_name_that_no_database_holds_is_kept_without_it(desk: Desk) -> None:
    desk.there_is()
    await desk.edit("companies", 101, name="Alder\0 & Finch")
    await desk.connect()
    await desk.ready()
    await desk.read()
    assert (await desk.companies())[0].name == "Alder & Finch"
