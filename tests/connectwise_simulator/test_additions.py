from typing import Any

import pytest

from tests.connectwise_simulator.conftest import Site

ADVANCE, CHILD, CANCELLED, EXPIRED, ONE_TIME, PRORATING = 3, 4, 5, 6, 2, 1
INVOICED = "2026-03-15T00:00:00Z"
NEXT = "2026-04-01T00:00:00Z"


async def test_price_and_cost_come_from_the_catalog(site: Site) -> None:
    added = (await site.add(PRORATING, effectiveDate=NEXT)).json()
    assert (added["unitPrice"], added["unitCost"], added["uom"]) == (22.5, 17.125, "Each")


async def test_extended_amounts_count_billed_quantity(site: Site) -> None:
    added = (await site.add(PRORATING, effectiveDate=NEXT, quantity=12, lessIncluded=2, unitPrice=2.345)).json()
    assert added["billedQuantity"] == 10
    assert added["extPrice"] == 23.45
    assert added["margin"] == pytest.approx(23.45 - 171.25)


async def test_date_before_bill_start_is_refused(site: Site) -> None:
    answer = await site.add(ADVANCE, effectiveDate="2024-12-31T00:00:00Z")
    assert answer.status_code == 400
    assert answer.json()["message"] == "addition object is invalid"
    assert "effectiveDate cannot be less than the agreement billing start date" in answer.text


async def test_invoiced_period_is_refused_where_nothing_prorates(site: Site) -> None:
    answer = await site.add(ADVANCE, effectiveDate=INVOICED)
    assert answer.status_code == 400
    assert "Since this period has already been invoiced" in answer.text
    assert (await site.add(ADVANCE, effectiveDate=NEXT)).status_code == 201


async def test_child_is_judged_by_its_parents_next_invoice_date(site: Site) -> None:
    assert (await site.add(CHILD, effectiveDate=INVOICED)).status_code == 400
    assert (await site.add(CHILD, effectiveDate=NEXT)).status_code == 201


@pytest.mark.parametrize(("agreement", "parent"), [(PRORATING, CHILD), (ADVANCE, PRORATING), (ADVANCE, ADVANCE)])
async def test_agreements_stand_in_two_levels(site: Site, agreement: int, parent: int) -> None:
    """A third would be on nobody's invoice."""
    change = [{"op": "replace", "path": "parentAgreement", "value": {"id": parent}}]
    refused = await site.patch(f"finance/agreements/{agreement}", json=change)
    assert refused.status_code == 400
    assert {error["field"] for error in refused.json()["errors"]} == {"parentAgreement"}


@pytest.mark.requirement("R85")
async def test_one_time_agreement_takes_any_date_after_its_start(site: Site) -> None:
    assert (await site.add(ONE_TIME, effectiveDate=INVOICED)).status_code == 201


async def test_prorating_agreement_computes_the_part_of_the_period(site: Site) -> None:
    added = (await site.add(PRORATING, effectiveDate="2026-03-17T00:00:00Z", quantity=2, unitPrice=31)).json()
    assert added["proratePrice"] == 15  # 15 of 31 days
    assert added["extendedProratePrice"] == 30
    assert "proratePrice" not in (await site.add(PRORATING, effectiveDate=NEXT)).json()


async def test_cancelled_day_is_billed(site: Site) -> None:
    dates = {"effectiveDate": "2026-04-01T00:00:00Z", "cancelledDate": "2026-04-15T00:00:00Z"}
    assert (await site.add(PRORATING, **dates, unitPrice=30)).json()["proratePrice"] == 15
    whole = {"effectiveDate": "2026-04-01T00:00:00Z", "cancelledDate": "2026-04-30T00:00:00Z"}
    assert "proratePrice" not in (await site.add(PRORATING, **whole)).json()


@pytest.mark.parametrize("agreement", [CANCELLED, EXPIRED])
async def test_ended_agreement_takes_no_additions(site: Site, agreement: int) -> None:
    assert (await site.add(agreement, effectiveDate=NEXT)).status_code == 400


@pytest.mark.parametrize("product", [51, 52])
async def test_bundles_and_inactive_products_are_refused(site: Site, product: int) -> None:
    assert (await site.add(PRORATING, effectiveDate=NEXT, product={"id": product})).status_code == 400


async def test_invoiced_addition_cannot_be_deleted(site: Site) -> None:
    added = (await site.add(PRORATING, effectiveDate="2026-03-01T00:00:00Z")).json()
    assert (await site.delete(f"finance/agreements/{PRORATING}/additions/{added['id']}")).status_code == 409


async def test_an_addition_belongs_to_its_agreement_only(site: Site) -> None:
    added = (await site.add(PRORATING, effectiveDate=NEXT)).json()
    assert (await site.get(f"finance/agreements/{ADVANCE}/additions/{added['id']}")).status_code == 404


async def test_cancelling_an_agreement_shows_on_its_additions(site: Site) -> None:
    added = (await site.add(PRORATING, effectiveDate=NEXT)).json()
    await site.patch(
        f"finance/agreements/{PRORATING}", json=[{"op": "replace", "path": "cancelledFlag", "value": True}]
    )
    shown = (await site.get(f"finance/agreements/{PRORATING}/additions/{added['id']}")).json()
    assert shown["agreementStatus"] == "Cancelled"


async def test_statuses_follow_the_sites_date(site: Site) -> None:
    body = {"effectiveDate": "2026-04-01T00:00:00Z", "cancelledDate": "2026-04-30T00:00:00Z"}
    added = (await site.add(PRORATING, **body)).json()
    path, seen = f"finance/agreements/{PRORATING}/additions/{added['id']}", [added["additionStatus"]]
    for days in (22, 30):
        await site.control("POST", "clock", json={"site": site.company, "days": days})
        seen.append((await site.get(path)).json()["additionStatus"])
    assert seen == ["Inactive", "Active", "Cancelled"]


async def test_new_agreement_starts_today_in_the_sites_time_zone(site: Site) -> None:
    await site.control("POST", "clock", json={"site": site.company, "set": "2026-05-01T02:00:00Z"})
    body = {"name": "New", "type": {"id": 1}, "company": {"id": 10}, "contact": {"id": 100}}
    made = (await site.post("finance/agreements", json=body)).json()
    assert (made["contact"]["id"], made["contact"]["name"]) == (100, "Ada Alder")
    assert made["billStartDate"] == "2026-04-30T00:00:00Z"
    assert made["agreementStatus"] == "Active"


async def test_office_edit_passes_all_rules_and_is_in_the_history(site: Site) -> None:
    order = {"table": "agreements", "id": ADVANCE, "values": {"nextInvoiceDate": "2026-05-01T00:00:00Z"}}
    await site.control("POST", f"sites/{site.company}/edit", json=order)
    assert (await site.add(ADVANCE, effectiveDate=NEXT)).status_code == 400
    assert [e["member"] for e in await site.effects()] == ["office"]


@pytest.mark.parametrize(
    "order",
    [{"days": 1e20}, {"days": -1e6}, {"days": 1e300}, {"set": "9999-12-31T23:59:59Z"}, {"set": "0001-01-01"}],
)
async def test_clock_stays_where_it_is_when_told_a_day_that_no_site_has(site: Site, order: dict[str, Any]) -> None:
    before = await site.control("GET", f"clock?site={site.company}")
    answer = await site.post(f"{site.root}/_simulator/clock", json={"site": site.company, **order})
    assert answer.status_code in (400, 422)
    after = await site.control("GET", f"clock?site={site.company}")
    assert after[site.company]["today"] == before[site.company]["today"] == "2026-03-10"


@pytest.mark.parametrize("year", ["0001", "1752", "9999"])
async def test_addition_of_a_year_that_no_period_can_hold_is_refused(site: Site, year: str) -> None:
    answer = await site.add(PRORATING, effectiveDate=f"{year}-12-31T00:00:00Z")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "effectiveDate")


async def test_addition_of_the_last_year_is_kept(site: Site) -> None:
    assert (await site.add(PRORATING, effectiveDate="9998-12-31T00:00:00Z")).status_code == 201


@pytest.mark.requirement("R39", "R40", "B19")
async def test_one_time_agreement_has_a_next_invoice_date_until_it_is_invoiced(site: Site) -> None:
    path = f"finance/agreements/{ONE_TIME}"
    assert (await site.get(path)).json()["nextInvoiceDate"] == "2025-01-01T00:00:00Z"
    assert (await site.post(f"{path}/invoice")).status_code == 201
    assert "nextInvoiceDate" not in (await site.get(path)).json()
