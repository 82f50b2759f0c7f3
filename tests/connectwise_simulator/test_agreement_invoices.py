"""Agreement invoices over the API: who may make them, what is answered, what can be read."""

from typing import Any

import pytest

from tests.connectwise_simulator.conftest import Site

PRORATING, ONE_TIME, ADVANCE, CHILD, CANCELLED, EXPIRED = 1, 2, 3, 4, 5, 6
NEXT = "2026-04-01T00:00:00Z"
CREATED, NO_CONTENT = 201, 204


def address(agreement: int) -> str:
    return f"finance/agreements/{agreement}/invoice"


async def go_to(site: Site, day: str) -> None:
    await site.control("POST", "clock", json={"site": site.company, "set": day})


async def invoiced(site: Site, agreement: int = PRORATING, day: str = "2026-04-01") -> int:
    await go_to(site, day)
    answer = await site.post(address(agreement))
    assert answer.status_code == CREATED, answer.text
    return int(answer.text)


async def kept(site: Site, agreement: int = PRORATING) -> Any:
    return await site.control("GET", f"sites/{site.company}/invoices?agreement={agreement}")


async def test_invoice_is_answered_with_its_bare_number_and_can_be_read(site: Site) -> None:
    added = (await site.add(PRORATING, effectiveDate=NEXT, quantity=3, unitPrice="10.10")).json()
    number = await invoiced(site)
    invoice = (await site.get(f"finance/invoices/{number}")).json()
    assert invoice["type"] == "Agreement"
    assert (invoice["agreement"], invoice["applyToId"]) == ({"id": PRORATING, "name": "Prorating"}, PRORATING)
    assert (invoice["date"], invoice["dueDate"]) == (NEXT, "2026-05-01T00:00:00Z")  # Net 30
    assert (invoice["total"], invoice["subtotal"], invoice["balance"]) == (30.3, 30.3, 30.3)
    assert invoice["status"]["name"] == "New"
    assert (await site.get(f"finance/agreements/{PRORATING}")).json()["nextInvoiceDate"] == "2026-05-01T00:00:00Z"
    (only,) = await kept(site)
    assert (only["first"], only["last"], only["total"]) == ("2026-04-01", "2026-04-30", 30.3)
    assert only["lines"] == [
        {
            "agreementId": PRORATING,
            "additionId": added["id"],
            "product": {"id": 50, "identifier": "SEAT", "serializedFlag": False},
            "description": "Seat",
            "billCustomer": "Billable",
            "quantity": 3,
            "unitPrice": 10.1,
            "fullPrice": 10.1,
            "first": "2026-04-01",
            "last": "2026-04-30",
            "days": 30,
            "periodDays": 30,
            "amount": 30.3,
            "creditFlag": False,
        }
    ]


async def test_line_shows_the_additions_own_text(site: Site) -> None:
    await site.add(PRORATING, effectiveDate=NEXT, invoiceDescription="Seats of April")
    await invoiced(site)
    assert [line["description"] for line in (await kept(site))[0]["lines"]] == ["Seats of April"]


@pytest.mark.parametrize(
    ("agreement", "field", "words"),
    [
        (PRORATING, "nextInvoiceDate", "No invoice is due before 2026-04-01."),
        (CHILD, "parentAgreement", "A child agreement is invoiced with its parent."),
        (CANCELLED, "agreementStatus", "The agreement is cancelled."),
        (EXPIRED, "agreementStatus", "The agreement is expired."),
    ],
)
async def test_what_cannot_be_invoiced_is_refused_with_field_and_reason(
    site: Site, agreement: int, field: str, words: str
) -> None:
    answer = await site.post(address(agreement))
    assert answer.status_code == 400
    assert answer.json() == {
        "code": "InvalidObject",
        "message": "agreement object is invalid",
        "errors": [{"code": "InvalidObject", "message": words, "resource": "agreement", "field": field}],
    }
    assert await site.effects() == []


async def test_invoice_of_nothing_is_not_found(site: Site) -> None:
    assert (await site.post(address(999))).status_code == 404
    assert (await site.get(address(PRORATING))).status_code == 405


@pytest.mark.requirement("B20")
async def test_roles_without_invoicing_neither_make_nor_read_invoices(site: Site) -> None:
    await invoiced(site)
    async with site.as_member("sync") as sync:
        assert (await sync.post(address(ADVANCE))).status_code == 403
        assert (await sync.get("finance/invoices")).status_code == 403
        assert (await sync.get("finance/billingStatuses")).status_code == 200


@pytest.mark.parametrize(
    ("levels", "status"),
    [("{Agreement Invoicing: A}", 201), ("{Agreement Invoicing: I}", 403), ("{Agreement Invoicing: {add: My}}", 403)],
)
async def test_right_of_agreement_invoicing(site: Site, scenario_text: str, levels: str, status: int) -> None:
    company = f"{site.company}-role"
    roles = f"roles:\n      biller: {{levels: {levels}}}\n"
    text = scenario_text.replace("COMPANY", company).replace("roles:\n", roles).replace("role: sync}", "role: biller}")
    await site.control("POST", "sites", content=text)
    async with Site(site.root, company, "sync") as biller:
        await go_to(biller, "2026-04-01")
        assert (await biller.post(address(PRORATING))).status_code == status


async def test_customised_role_invoices_its_agreement_types_only(site: Site, scenario_text: str) -> None:
    company = f"{site.company}-types"
    narrow = "cloud-only: {based_on: admin, agreement_types: [Cloud Subscriptions]}"
    text = scenario_text.replace("COMPANY", company)
    text = text.replace("cloud-only: {based_on: sync, agreement_types: [Cloud Subscriptions]}", narrow)
    await site.control("POST", "sites", content=text)
    async with Site(site.root, company, "cloud") as cloud:
        await go_to(cloud, "2026-04-01")
        assert (await cloud.post(address(PRORATING))).status_code == 403
        assert (await cloud.post(address(ADVANCE))).status_code == 201


async def test_preview_shows_the_next_invoice_and_writes_nothing(site: Site) -> None:
    await site.add(PRORATING, effectiveDate="2026-04-16T00:00:00Z", quantity=2, unitPrice=30)
    before = len(await site.effects())
    path = f"sites/{site.company}/agreements/{PRORATING}/next-invoice"
    early = await site.control("GET", path)
    assert (early["due"], early["is_due"], early["total"]) == ("2026-04-01", False, 30)
    await go_to(site, "2026-04-01")
    shown = await site.control("GET", path)
    assert shown["is_due"]
    assert len(await site.effects()) == before
    await invoiced(site)
    (made,) = await kept(site)
    assert [made[name] for name in ("first", "last", "total", "lines")] == [
        shown[name] for name in ("first", "last", "total", "lines")
    ]
    child = await site.control("GET", f"sites/{site.company}/agreements/{CHILD}/next-invoice")
    assert child == {"refused": "A child agreement is invoiced with its parent."}
    unknown = await site.get(f"{site.root}/_simulator/sites/{site.company}/agreements/999/next-invoice")
    assert unknown.status_code == 404


async def test_only_the_newest_invoice_can_be_deleted_and_its_period_is_open_again(site: Site) -> None:
    await site.add(PRORATING, effectiveDate=NEXT, unitPrice=30)
    first, second = await invoiced(site), await invoiced(site, day="2026-05-01")
    assert (await site.delete(f"finance/invoices/{first}")).status_code == 409
    assert (await site.delete(f"finance/invoices/{second}")).status_code == NO_CONTENT
    agreement = (await site.get(f"finance/agreements/{PRORATING}")).json()
    assert agreement["nextInvoiceDate"] == "2026-05-01T00:00:00Z"
    again = await invoiced(site, day="2026-05-01")
    assert again > second
    assert [invoice["total"] for invoice in await kept(site)] == [30, 30]


async def test_next_invoice_date_that_is_no_date_is_refused_in_the_office_too(site: Site) -> None:
    order = {"table": "agreements", "id": PRORATING, "values": {"nextInvoiceDate": "soon"}}
    answer = await site.post(f"{site.root}/_simulator/sites/{site.company}/edit", json=order)
    assert answer.status_code == 422
    assert (await site.get(f"finance/agreements/{PRORATING}")).json()["nextInvoiceDate"] == NEXT


async def test_invoices_are_found_by_agreement_and_by_date(site: Site) -> None:
    first, second = await invoiced(site), await invoiced(site, ADVANCE)
    assert await site.ids("finance/invoices", conditions=f"agreement/id={ADVANCE}") == [second]
    assert await site.ids("finance/invoices", conditions="date>=[2026-04-01T00:00:00Z]") == [first, second]
    assert (await site.get("finance/invoices/count")).json() == {"count": 2}


async def test_amounts_of_an_invoice_are_not_taken_from_a_client(site: Site) -> None:
    await site.add(PRORATING, effectiveDate=NEXT, unitPrice=30)
    path = f"finance/invoices/{await invoiced(site)}"
    orders = [{"op": "replace", "path": name, "value": 5} for name in ("total", "balance", "agreementAmount")]
    orders.append({"op": "replace", "path": "reference", "value": "March run"})
    changed = (await site.patch(path, json=orders)).json()
    assert (changed["total"], changed["balance"], changed["reference"]) == (30, 30, "March run")


async def test_invoice_by_hand_needs_type_and_company(site: Site) -> None:
    assert (await site.post("finance/invoices", json={"company": {"id": 10}})).status_code == 400
    made = (await site.post("finance/invoices", json={"type": "Miscellaneous", "company": {"id": 10}})).json()
    assert (made["invoiceNumber"], made["date"], made["total"]) == ("1", "2026-03-10T00:00:00Z", 0)
    assert (await site.delete(f"finance/invoices/{made['id']}")).status_code == NO_CONTENT


async def test_invoiced_addition_stays_though_its_agreement_has_no_next_date(site: Site) -> None:
    added = (await site.add(ONE_TIME, effectiveDate="2026-03-01T00:00:00Z")).json()
    path = f"finance/agreements/{ONE_TIME}/additions/{added['id']}"
    await invoiced(site, ONE_TIME)
    assert (await site.delete(path)).status_code == 409


async def test_recap_shows_the_last_and_the_next_invoice(site: Site) -> None:
    await site.add(PRORATING, effectiveDate=NEXT, quantity=2, unitPrice=30)
    await invoiced(site)
    await go_to(site, "2026-06-10")
    recap = (await site.get(f"finance/agreementrecap/{PRORATING}")).json()
    assert recap["id"] == PRORATING
    assert (recap["lastInvoiceAmount"], recap["lastInvoiceDate"], recap["lastInvoiceNumber"]) == ("60.00", NEXT, "1")
    assert (recap["nextInvoiceAmount"], recap["nextInvoiceDate"]) == (60, "2026-05-01T00:00:00Z")
    assert recap["unbilledPeriods"] == 2  # May and June
    assert (await site.get("finance/agreementrecap/999")).status_code == 404


async def test_recap_of_an_invoice_whose_number_and_date_were_taken_away(site: Site) -> None:
    await site.add(PRORATING, effectiveDate=NEXT, quantity=2, unitPrice=30)
    number = await invoiced(site)
    gone = [{"op": "remove", "path": name} for name in ("invoiceNumber", "date")]
    assert (await site.patch(f"finance/invoices/{number}", json=gone)).status_code == 200
    recap = (await site.get(f"finance/agreementrecap/{PRORATING}")).json()
    assert recap["lastInvoiceAmount"] == "60.00"
    assert not {"lastInvoiceNumber", "lastInvoiceDate"} & recap.keys()


@pytest.mark.parametrize(
    ("table", "member", "number", "status"),
    [
        ("finance/billingTerms", "dueDays", 5_000_000, 400),
        ("finance/billingTerms", "dueDays", -1, 400),
        ("finance/billingTerms", "dueDays", 3_000_000_000, 500),  # no int32
        ("finance/currencies", "numberOfDecimals", 40, 400),
    ],
)
async def test_number_that_no_invoice_could_be_made_with_is_refused(
    site: Site, table: str, member: str, number: int, status: int
) -> None:
    refused = await site.patch(f"{table}/1", json=[{"op": "replace", "path": member, "value": number}])
    assert refused.status_code == status
    assert member in refused.text


async def test_recaps_are_listed_filtered_and_seen_by_agreement_type(site: Site) -> None:
    assert await site.ids("finance/agreementrecap/") == [1, 2, 3, 4, 5, 6]
    page = (await site.get("finance/agreementrecap/", params={"pageSize": "2", "page": "2"})).json()
    assert [row["id"] for row in page] == [3, 4]
    found = (await site.get("finance/agreementrecap/", params={"conditions": 'name="Advance"'})).json()
    assert [row["id"] for row in found] == [ADVANCE]
    newest = (await site.get("finance/agreementrecap/", params={"orderBy": "id desc", "pageSize": "1"})).json()
    assert [row["id"] for row in newest] == [EXPIRED]
    async with site.as_member("cloud") as cloud:
        seen = (await cloud.get("finance/agreementrecap/")).json()
        assert [row["id"] for row in seen] == [ADVANCE, CHILD]
        assert (await cloud.get(f"finance/agreementrecap/{PRORATING}")).status_code == 403


async def test_recurring_parameters_add_up_a_period(site: Site) -> None:
    await site.add(ADVANCE, effectiveDate=NEXT, quantity=2, unitPrice=30)
    await site.add(CHILD, effectiveDate=NEXT, unitPrice=7)
    await site.patch(f"finance/agreements/{ADVANCE}", json=[{"op": "add", "path": "billAmount", "value": 100}])
    await go_to(site, "2026-04-01")
    found = (await site.get(f"finance/agreements/{ADVANCE}/recurringParameters/1")).json()
    assert (found["billingCycle"], found["cycleBase"]) == ({"id": 1, "name": "Monthly"}, {"name": "CalendarYear"})
    amounts = [found[name] for name in ("aGRAmount", "additionsAmount", "childrenAmount", "totalAmount")]
    assert amounts == [100, 60, 7, 167]
    pod = await site.get(f"finance/agreements/{ADVANCE}/recurringParameters/recurring_pod")  # a pod's id is a text
    assert pod.json() == found


async def test_price_of_the_catalog_reaches_additions_where_the_item_says_so(site: Site) -> None:
    added = (await site.add(PRORATING, effectiveDate=NEXT)).json()
    path, item = f"finance/agreements/{PRORATING}/additions/{added['id']}", "procurement/catalog/50"
    prices = [{"op": "replace", "path": "price", "value": 25}, {"op": "replace", "path": "cost", "value": 18}]
    await site.patch(item, json=prices)
    assert (await site.get(path)).json()["unitPrice"] == 22.5
    await site.patch(item, json=[{"op": "replace", "path": "autoUpdateUnitPriceFlag", "value": True}])
    assert (await site.get(path)).json()["unitPrice"] == 22.5  # it follows changes, it does not catch up
    await site.patch(item, json=[{"op": "replace", "path": "price", "value": 26}, prices[1]])
    changed = (await site.get(path)).json()
    assert (changed["unitPrice"], changed["extPrice"], changed["unitCost"]) == (26, 26, 17.125)
    await site.patch(item, json=[{"op": "replace", "path": "autoUpdateUnitCostFlag", "value": True}])
    await site.patch(item, json=[{"op": "replace", "path": "cost", "value": 19}])
    assert (await site.get(path)).json()["unitCost"] == 19


@pytest.mark.parametrize(("knob", "cancelled"), [("false", None), ("true", "2026-04-20T00:00:00Z")])
async def test_cancelling_an_agreement_reaches_its_additions(
    site: Site, scenario_text: str, knob: str, cancelled: str | None
) -> None:
    company = f"{site.company}-cascade"
    options = f"options: {{cancel_additions_with_agreement: {knob}}}\n    companies:"
    text = scenario_text.replace("COMPANY", company).replace("companies:", options)
    await site.control("POST", "sites", content=text)
    async with Site(site.root, company) as office:
        added = (await office.add(PRORATING, effectiveDate=NEXT)).json()
        order = [
            {"op": "replace", "path": "cancelledFlag", "value": True},
            {"op": "add", "path": "dateCancelled", "value": "2026-04-20T00:00:00Z"},
        ]
        assert (await office.patch(f"finance/agreements/{PRORATING}", json=order)).status_code == 200
        path = f"finance/agreements/{PRORATING}/additions/{added['id']}"
        assert (await office.get(path)).json().get("cancelledDate") == cancelled
        await go_to(office, "2026-04-21")
        shown = (await office.get(path)).json()
        assert (shown["agreementStatus"], shown["additionStatus"]) == ("Cancelled", "Cancelled")


async def test_cancelled_without_a_date_is_cancelled_today(site: Site) -> None:
    order = [{"op": "replace", "path": "cancelledFlag", "value": True}]
    changed = (await site.patch(f"finance/agreements/{PRORATING}", json=order)).json()
    assert (changed["dateCancelled"], changed["agreementStatus"]) == ("2026-03-10T00:00:00Z", "Cancelled")
