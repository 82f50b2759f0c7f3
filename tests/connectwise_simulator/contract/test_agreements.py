"""Section 3.3 as the API shows it; the billing engine's own tests say what lands on invoices."""

from typing import Any

import pytest

from tests.connectwise_simulator.conftest import Site
from tests.connectwise_simulator.contract.conftest import MakeSite

PRORATING, ONE_TIME, ADVANCE = 1, 2, 3
NEXT = "2026-04-01T00:00:00Z"


async def _agreement(site: Site, **members: Any) -> dict[str, Any]:
    body = {"name": "New", "type": {"name": "Cloud Subscriptions"}, "company": {"id": 10}, "contact": {"id": 100}}
    answer = await site.post("finance/agreements", json={**body, **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_agreement_that_worked_live_works_here(site: Site) -> None:
    """3.3: the members of a live creation."""
    made = await _agreement(
        site,
        startDate="2026-03-01T00:00:00Z",
        billStartDate="2026-03-01T00:00:00Z",
        noEndingDateFlag=True,
        billingCycle={"name": "Monthly"},
        billingTerms={"id": 1},
    )
    assert (made["agreementStatus"], made["billingCycle"]["name"]) == ("Active", "Monthly")
    assert made["employeeCompRate"] == "Actual"  # the type's


async def test_bill_start_is_the_sites_own_today_where_it_is_left_out(site: Site) -> None:
    """3.3: which then refuses an addition of the day before."""
    made = await _agreement(site, startDate="2026-03-09T00:00:00Z")
    assert made["billStartDate"] == "2026-03-10T00:00:00Z"
    answer = await site.add(made["id"], effectiveDate="2026-03-09T00:00:00Z")
    assert "effectiveDate cannot be less than the agreement billing start date" in answer.text


async def test_addition_that_worked_live_works_here_with_prices_of_the_catalog(site: Site) -> None:
    """3.3: product, quantity, billCustomer and effectiveDate; no cancelledDate is open-ended."""
    added = (await site.add(PRORATING, effectiveDate=NEXT, quantity=3)).json()
    assert (added["unitPrice"], added["unitCost"], added["product"]["identifier"]) == (22.5, 17.125, "SEAT")
    assert "cancelledDate" not in added


async def test_extended_amounts_come_from_the_billed_quantity(site: Site) -> None:
    """3.3: total quantity is quantity less included; margin is price less cost."""
    added = (await site.add(PRORATING, effectiveDate=NEXT, quantity=12, lessIncluded=2, unitPrice=2.5)).json()
    assert (added["billedQuantity"], added["extPrice"], added["extCost"]) == (10, 25, 171.25)
    assert added["margin"] == 25 - 171.25


async def test_bundle_cannot_be_an_addition(site: Site) -> None:
    """3.3: Bundle-class products."""
    assert (await site.add(PRORATING, effectiveDate=NEXT, product={"id": 52})).status_code == 400


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"startDate": "2026-03-01T00:00:00Z"}, "Active"),
        ({"startDate": "2026-03-10T00:00:00Z"}, "Active"),
        ({"startDate": "2026-03-11T00:00:00Z"}, "Inactive"),
        ({"startDate": "2025-01-01T00:00:00Z", "endDate": "2026-03-09T00:00:00Z"}, "Expired"),
        (
            {"startDate": "2025-01-01T00:00:00Z", "cancelledFlag": True, "dateCancelled": "2026-03-01T00:00:00Z"},
            "Cancelled",
        ),
    ],
)
async def test_agreements_status_is_computed_from_its_dates(site: Site, members: dict[str, Any], status: str) -> None:
    """3.3: active when the start is today or past; what is written is the dates and the flag."""
    assert (await _agreement(site, **members))["agreementStatus"] == status


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"effectiveDate": "2026-04-01T00:00:00Z"}, "Inactive"),
        ({"effectiveDate": "2026-03-10T00:00:00Z"}, "Active"),
        ({"effectiveDate": "2025-01-01T00:00:00Z", "cancelledDate": "2026-03-31T00:00:00Z"}, "Active"),
        ({"effectiveDate": "2025-01-01T00:00:00Z", "cancelledDate": "2026-03-01T00:00:00Z"}, "Cancelled"),
    ],
)
async def test_additions_status_is_computed_from_its_dates(site: Site, members: dict[str, str], status: str) -> None:
    """3.3: Active, Inactive, Cancelled."""
    assert (await site.add(ONE_TIME, **members)).json()["additionStatus"] == status


async def test_invoiced_period_is_refused_unless_the_agreement_prorates(site_with: MakeSite) -> None:
    """2.7, 3.3: the message of a period that has been invoiced; the next invoice date is the boundary."""
    site = await site_with()
    generated = await site.post(f"finance/agreements/{ADVANCE}/invoice")
    assert generated.status_code == 201, generated.text
    agreement = (await site.get(f"finance/agreements/{ADVANCE}")).json()
    inside = await site.add(ADVANCE, effectiveDate="2026-04-15T00:00:00Z")
    assert inside.status_code == 400
    assert inside.json()["message"] == "addition object is invalid"
    assert inside.json()["errors"][0]["message"] == (
        "Since this period has already been invoiced there will not be an invoice generated for additional products "
        "for this period. Please prorate the agreement or update the start date to on or after the Next Invoice Date."
    )
    assert agreement["nextInvoiceDate"] > NEXT


async def test_invoiced_addition_can_be_patched(site_with: MakeSite) -> None:
    """3.3: quantity and price of what is on an invoice; it counts for the next."""
    site = await site_with(invoice_before_due="allow")
    added = (await site.add(PRORATING, effectiveDate="2026-03-01T00:00:00Z")).json()
    assert (await site.post(f"finance/agreements/{PRORATING}/invoice")).status_code == 201
    change = [{"op": "replace", "path": "quantity", "value": 9}]
    answer = await site.patch(f"finance/agreements/{PRORATING}/additions/{added['id']}", json=change)
    assert (answer.status_code, answer.json()["quantity"]) == (200, 9)


@pytest.mark.parametrize(("knob", "status"), [("refuse", 409), ("allow", 204)])
async def test_invoiced_addition_is_kept_or_deleted(site_with: MakeSite, knob: str, status: int) -> None:
    """3.3: whether it can be deleted is in no source (knob delete_invoiced_additions)."""
    site = await site_with(invoice_before_due="allow", delete_invoiced_additions=knob)
    added = (await site.add(PRORATING, effectiveDate="2026-03-01T00:00:00Z")).json()
    assert (await site.post(f"finance/agreements/{PRORATING}/invoice")).status_code == 201
    answer = await site.delete(f"finance/agreements/{PRORATING}/additions/{added['id']}")
    assert answer.status_code == status


async def test_generated_invoice_is_answered_as_a_bare_number(site_with: MakeSite) -> None:
    """3.1: POST agreements/{id}/invoice."""
    site = await site_with(invoice_before_due="allow")
    await site.add(PRORATING, effectiveDate="2026-03-01T00:00:00Z")
    answer = await site.post(f"finance/agreements/{PRORATING}/invoice")
    assert answer.status_code == 201
    assert answer.text.isdigit()
    invoice = (await site.get(f"finance/invoices/{answer.text}")).json()
    assert (invoice["type"], invoice["agreement"]["id"], invoice["applyToType"]) == (
        "Agreement",
        PRORATING,
        "Agreement",
    )


async def test_copy_is_a_new_agreement_with_the_additions(site_with: MakeSite) -> None:
    """3.1: POST agreements/{id}/copy; additions and their serial numbers come along."""
    site = await site_with(invoice_before_due="allow")
    await site.add(PRORATING, effectiveDate=NEXT, serialNumber="marker")
    answer = await site.post(f"finance/agreements/{PRORATING}/copy", json={})
    assert answer.status_code == 201, answer.text
    copy = answer.json()
    assert copy["id"] != PRORATING
    [row] = (await site.get(f"finance/agreements/{copy['id']}/additions")).json()
    assert row["serialNumber"] == "marker"


async def test_recap_tells_the_invoice_dates(site: Site) -> None:
    """3.1: finance/agreementrecap, with the trailing slash that is published."""
    rows = (await site.get("finance/agreementrecap/", params={"conditions": f"id = {ADVANCE}"})).json()
    assert [row["id"] for row in rows] == [ADVANCE]
    assert rows[0]["nextInvoiceDate"].startswith("2026-04-01")


@pytest.mark.parametrize(
    "dates",
    [
        {"cancelledFlag": True, "dateCancelled": "2001-01-01T00:00:00Z"},
        {"startDate": "2030-01-01T00:00:00Z"},
        {"billStartDate": "2030-01-01T00:00:00Z"},
    ],
)
async def test_odd_dates_of_a_running_agreement_are_taken_and_it_can_still_be_read(
    site_with: MakeSite, dates: dict[str, Any]
) -> None:
    """3.3: no source names a rule but for additions; an end before the start is refused [assumed]."""
    site = await site_with()
    await site.add(PRORATING, effectiveDate=NEXT)
    agreement = f"finance/agreements/{PRORATING}"
    answer = await site.patch(agreement, json=[{"op": "add", "path": k, "value": v} for k, v in dates.items()])
    assert answer.status_code == 200, answer.text
    assert dates.items() <= answer.json().items()
    paths = ("", "/additions", "/recurringParameters/1", f"/../../agreementrecap/{PRORATING}")
    for path in paths:
        assert (await site.get(f"{agreement}{path}")).status_code == 200, path
    await site.control("GET", f"sites/{site.company}/agreements/{PRORATING}/next-invoice")
    await site.control("POST", "clock", json={"site": site.company, "days": 40})
    assert (await site.get(agreement)).status_code == 200
    over = [{"op": "replace", "path": "endDate", "value": "2000-01-01T00:00:00Z"}]
    assert (await site.patch(agreement, json=over)).status_code == 400
