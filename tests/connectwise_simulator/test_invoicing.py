"""The billing engine: worked numbers by hand, in a site of this process."""

from decimal import Decimal

import pytest

from connectwise_simulator.billing.drafting import Draft, Refusal
from connectwise_simulator.records import rules
from tests.connectwise_simulator.office import Office, monthly

PRORATES = "prorate: true"


def refusal(office: Office, agreement: int = 1) -> str:
    found = office.due(agreement)
    assert isinstance(found, Refusal), found
    return found.reason


@pytest.mark.requirement("C2")
def test_seats_added_in_the_invoiced_period_are_billed_for_its_rest_on_the_next_invoice() -> None:
    """10 seats invoiced for March, 12 from the 17th on: 12 and the prorated 2, after that 12 only."""
    office = Office(monthly(PRORATES, "additions: [{product: SEAT, quantity: 10, price: 31, effective: 2025-06-01}]"))
    office.change("additions", 1, quantity=12)
    office.add("03-17", "03-31", quantity=2, unitPrice=31)
    assert office.amounts("04-01") == [("04-01", "04-30", 372), ("03-17", "03-31", 30)]  # 12 x 31; 2 x 31 x 15/31
    assert office.amounts("05-01") == [("05-01", "05-31", 372)]
    assert office.next_date() == "06-01"


@pytest.mark.requirement("C2")
def test_billed_a_period_ahead_the_rest_runs_to_the_end_of_the_last_invoiced_period() -> None:
    office = Office(monthly(PRORATES, "period_type: Future", then="2026-05-01"), today="2026-03-17")
    office.add("03-17", quantity=2, unitPrice=31)
    expected = [("03-17", "03-31", 30), ("04-01", "04-30", 62), ("05-01", "05-31", 62)]
    assert office.amounts("04-01") == expected  # May's invoice is due on 1 April
    assert refusal(office) == "No invoice is due before 2026-05-01."


def test_unit_is_not_rounded_where_a_whole_period_is_billed() -> None:
    office = Office(monthly(PRORATES))
    office.add("04-01", quantity=100, unitPrice=5.2456)
    assert office.amounts("04-01") == [("04-01", "04-30", Decimal("524.56"))]


@pytest.mark.parametrize(("digits", "amount"), [(0, "300.00"), (2, "262.00"), (4, "262.28")])
def test_prorated_unit_is_rounded_by_the_knob(digits: int, amount: str) -> None:
    """5.2456 x 15/30 = 2.6228: as 3, 2.62 or 2.6228 a unit."""
    office = Office(monthly(PRORATES), options=f"{{proration_digits: {digits}}}")
    office.add("04-16", quantity=100, unitPrice=5.2456)
    assert office.amounts("04-01") == [("04-16", "04-30", Decimal(amount))]


@pytest.mark.parametrize(("billed", "last", "amount"), [("true", "04-15", 15), ("false", "04-14", 14)])
def test_cancelled_day_is_billed_by_the_knob(billed: str, last: str, amount: int) -> None:
    office = Office(monthly(PRORATES), options=f"{{cancelled_day_is_billed: {billed}}}")
    office.add("04-01", "04-15", unitPrice=30)
    assert office.amounts("04-01") == [("04-01", last, amount)]


def test_without_proration_any_day_of_a_period_is_billed_in_full_and_once() -> None:
    office = Office(monthly())
    office.add("04-20", unitPrice=30)
    one_fee = office.add("05-05", "05-05", unitPrice=7)
    assert office.amounts("04-01") == [("04-01", "04-30", 30)]
    assert office.amounts("05-01") == [("05-01", "05-31", 30), ("05-01", "05-31", 7)]
    assert [line["additionId"] for line in office.invoice("06-01")["lines"]] == [one_fee - 1]


def test_without_proration_a_missed_period_stays_missed() -> None:
    office = Office(monthly("additions: [{product: SEAT, effective: 2026-03-17, cancelled: 2026-03-31}]"))
    assert office.amounts("04-01") == []


def test_included_quantity_is_not_billed() -> None:
    office = Office(monthly())
    office.add("04-01", quantity=10, lessIncluded=2, unitPrice=5)
    office.add("04-01", quantity=3, lessIncluded=5, unitPrice=5)
    assert [(x["quantity"], x["amount"]) for x in office.invoice("04-01")["lines"]] == [(8, 40), (0, 0)]


def test_more_included_than_there_is_may_be_credited() -> None:
    office = Office(monthly(), options="{included_beyond_quantity_is_credited: true}")
    addition = office.add("04-01", quantity=3, lessIncluded=5, unitPrice=5)
    assert office.record("additions", addition)["billedQuantity"] == -2
    assert office.invoice("04-01")["total"] == -10


@pytest.mark.requirement("B16")
def test_only_billable_additions_cost_the_customer_anything() -> None:
    office = Office(monthly(PRORATES))
    for choice in ("Billable", "NoCharge", "DoNotBill"):
        office.add("04-01", quantity=2, unitPrice=30, billCustomer=choice)
    made = office.invoice("04-01")
    shown = [(x["billCustomer"], x["unitPrice"], x["amount"]) for x in made["lines"]]
    assert shown == [("Billable", 30, 60), ("NoCharge", 0, 0), ("DoNotBill", 0, 0)]
    assert made["total"] == 60


def test_days_that_were_not_billed_on_purpose_are_not_caught_up() -> None:
    office = Office(monthly(PRORATES))
    shadow = office.add("04-01", unitPrice=30, billCustomer="DoNotBill")
    office.invoice("04-01")
    office.change("additions", shadow, billCustomer="Billable")
    assert office.amounts("05-01") == [("05-01", "05-31", 30)]


def test_own_amount_and_the_prorated_first_bill() -> None:
    fee = "more: {billAmount: 100, prorateFirstBill: 48.39, invoiceDescription: Care}"
    office = Office(monthly(fee, start="2026-03-17", then="2026-03-17"), today="2026-03-17")
    made = office.invoice()
    assert [(x["description"], x["first"], x["last"], x["amount"]) for x in made["lines"]] == [
        ("Care", "2026-03-17", "2026-03-31", Decimal("48.39"))
    ]
    assert office.amounts("04-01") == [("04-01", "04-30", 100)]


@pytest.mark.requirement("B8")
def test_children_stand_on_their_parents_invoice() -> None:
    child = monthly("parent: A1", "more: {billAmount: 9}", number=2, then="2026-03-01")
    office = Office(monthly(PRORATES, "more: {billAmount: 100}"), child)
    office.add("04-16", unitPrice=30)
    office.add("04-16", unitPrice=30, agreement=2)  # the child does not prorate
    assert refusal(office, 2) == "A child agreement is invoiced with its parent."
    made = office.invoice("04-01")
    assert [(x["agreementId"], x["amount"]) for x in made["lines"]] == [(1, 100), (1, 15), (2, 9), (2, 30)]
    assert (office.next_date(1), office.next_date(2)) == ("05-01", "05-01")


def test_lines_follow_the_sequence_of_additions() -> None:
    office = Office(monthly())
    first, second = office.add("04-01"), office.add("04-01")
    for addition, place in ((first, 9), (second, 1)):
        before = office.record("additions", addition)
        office.site.put(office.actor, "additions", before, {**before, "sequenceNumber": Decimal(place)})
    assert [line["additionId"] for line in office.invoice("04-01")["lines"]] == [second, first]


@pytest.mark.parametrize(
    ("cycle", "base", "start", "first", "last", "following"),
    [
        ("Monthly", "CalendarYear", "2026-03-17", "2026-03-17", "2026-03-31", "2026-04-01"),
        ("Monthly", "ContractYear", "2026-03-17", "2026-03-17", "2026-04-16", "2026-04-17"),
        ("Monthly", "ContractYear", "2026-01-31", "2026-02-28", "2026-03-30", "2026-03-31"),
        ("BiMonthly", "CalendarYear", "2026-01-01", "2026-03-01", "2026-04-30", "2026-05-01"),
        ("Quarterly", "CalendarYear", "2026-01-01", "2026-04-01", "2026-06-30", "2026-07-01"),
        ("Quarterly", "ContractYear", "2026-02-15", "2026-05-15", "2026-08-14", "2026-08-15"),
        ("SemiAnnual", "CalendarYear", "2026-01-01", "2026-01-01", "2026-06-30", "2026-07-01"),
        ("Yearly", "ContractYear", "2024-02-29", "2026-02-28", "2027-02-27", "2027-02-28"),
        ("Weekly", "CalendarYear", "2026-01-01", "2026-03-05", "2026-03-11", "2026-03-12"),
        ("BiWeekly", "ContractYear", "2026-01-01", "2026-02-26", "2026-03-11", "2026-03-12"),
    ],
)
def test_an_invoice_bills_one_period_of_its_cycle(
    cycle: str, base: str, start: str, first: str, last: str, following: str
) -> None:
    words = (f"billing_cycle: {cycle}", f"invoicing_cycle: {base}")
    office = Office(monthly(*words, start=start, then=first), today="2026-12-31")
    made = office.invoice()
    assert (made["first"], made["last"]) == (first, last)
    assert office.record("agreements", 1)["nextInvoiceDate"][:10] == following


@pytest.mark.parametrize(
    ("knob", "due"),
    [("at_start", "2026-04-01"), ("at_end", "2026-05-01"), ("period_ahead", "2026-03-01")],
)
def test_invoice_falls_due_by_the_knob_of_its_period_type(knob: str, due: str) -> None:
    office = Office(monthly("period_type: Both"), options=f"{{both_is_billed: {knob}, invoice_before_due: allow}}")
    draft = office.due()
    assert isinstance(draft, Draft)
    assert (draft.due.isoformat(), str(draft.period and draft.period.first)) == (due, "2026-04-01")


def test_no_first_invoice_falls_due_before_billing_starts() -> None:
    office = Office(monthly("period_type: Future", start="2026-03-17", then="2026-03-17"))
    assert refusal(office) == "No invoice is due before 2026-03-17."
    assert [office.invoice("03-17")["first"], office.invoice()["first"]] == ["2026-03-17", "2026-04-01"]


def test_nothing_is_due_before_its_day() -> None:
    office = Office(monthly())
    assert refusal(office) == "No invoice is due before 2026-04-01."
    office.go_to("04-01")
    assert isinstance(office.due(), Draft)


@pytest.mark.parametrize("end", ["end: 2026-04-20", "cancelled: 2026-04-20"])
def test_an_agreement_that_ends_is_billed_to_its_last_day(end: str) -> None:
    office = Office(monthly(PRORATES, end))
    office.add("04-01", unitPrice=30)
    assert office.amounts("04-01") == [("04-01", "04-20", 20)]
    assert refusal(office) == "The agreement ends on 2026-04-20 and is invoiced to its end."


@pytest.mark.parametrize(("knob", "is_made"), [("refuse", False), ("bill_what_is_left", True)])
def test_ended_agreement_is_invoiced_by_the_knob(knob: str, is_made: bool) -> None:
    office = Office(monthly(PRORATES, "end: 2026-04-20"), options=f"{{ended_agreements: {knob}}}")
    office.add("04-01", unitPrice=30)
    office.go_to("05-01")
    assert isinstance(office.due(), Draft) is is_made


def test_in_arrears_the_last_period_is_invoiced_after_the_end() -> None:
    office = Office(monthly(PRORATES, "end: 2026-04-20"), options="{current_is_billed: at_end}")
    office.add("04-01", unitPrice=30)
    office.go_to("04-30")
    assert refusal(office) == "No invoice is due before 2026-05-01."
    assert office.amounts("05-01") == [("04-01", "04-20", 20)]


def test_one_time_agreement_bills_everything_that_has_begun_once_and_in_full() -> None:
    office = Office(monthly("one_time: true", PRORATES, "more: {billAmount: 50}"))
    office.add("03-16", "03-20", quantity=2, unitPrice=31)
    office.add("06-01", unitPrice=31)  # not begun
    assert office.amounts("04-01") == [("04-01", "04-01", 50), ("03-16", "03-20", 62)]
    assert office.next_date() is None
    assert refusal(office) == "The agreement is billed one time and has been invoiced."


@pytest.mark.requirement("B19")
def test_one_time_agreement_may_bill_again_what_came_later() -> None:
    office = Office(monthly("one_time: true", "more: {billAmount: 50}"), options="{one_time_agreements: again}")
    office.add("03-16", unitPrice=31)
    assert office.invoice("04-01")["total"] == 81
    assert refusal(office) == "The agreement has been invoiced, and no addition came after that."
    office.add("04-02", unitPrice=7)
    assert office.amounts("04-02") == [("04-02", "04-02", 7)]


def test_missed_days_are_billed_at_once_where_the_agreement_says_so() -> None:
    office = Office(monthly(PRORATES, "more: {invoiceProratedAdditionsFlag: true}"))
    office.add("03-17", unitPrice=31)
    assert office.amounts("03-20") == [("03-17", "03-31", 15)]
    assert office.next_date() == "04-01"
    assert refusal(office) == "No invoice is due before 2026-04-01."
    assert office.amounts("04-01") == [("04-01", "04-30", 31)]


def test_automatic_invoices_are_made_on_the_days_they_fell_due() -> None:
    office = Office(monthly("more: {autoInvoiceFlag: true, billAmount: 10}", "cancelled: 2026-06-15"))
    office.go_to("08-10")
    assert [(i["date"][:10], i["total"]) for i in office.invoices()] == [
        ("2026-04-01", 10),
        ("2026-05-01", 10),
        ("2026-06-01", 10),
    ]
    last = office.world.history.after(0, 100, None, "invoices")[-1]
    assert (last.member, last.told) == ("clock", "clock")


def test_agreement_that_is_not_automatic_waits() -> None:
    office = Office(monthly())
    office.go_to("08-10")
    assert office.invoices() == []


@pytest.mark.requirement("B12", "B19")
@pytest.mark.parametrize(("knob", "kind"), [("invoice", "Agreement"), ("credit_memo", "CreditMemo")])
def test_invoice_below_zero_is_what_the_knob_says(knob: str, kind: str) -> None:
    office = Office(monthly(), options=f"{{negative_total: {knob}}}")
    office.add("04-01", "04-30", quantity=-1, unitPrice=30)
    made = office.invoice("04-01")
    assert (made["type"], made["total"]) == (kind, -30)


def test_days_cancelled_after_they_were_billed_stay_billed() -> None:
    office = Office(monthly(PRORATES))
    addition = office.add("04-01", unitPrice=30)
    office.invoice("04-01")
    office.cancel(addition, "04-10")
    assert office.amounts("05-01") == []


def test_days_cancelled_after_they_were_billed_are_credited_by_the_knob() -> None:
    office = Office(monthly(PRORATES), options="{cancelled_days_are_credited: true}")
    addition = office.add("04-01", quantity=2, unitPrice=30)
    office.invoice("04-01")
    office.change("additions", addition, unitPrice=99)  # the credit is at the price of then
    office.cancel(addition, "04-10")
    assert office.amounts("05-01") == [("04-11", "04-30", -40)]  # 2 x 30 x 20/30
    assert office.amounts("06-01") == []


def test_a_backdated_start_bills_the_days_before_and_no_day_twice() -> None:
    office = Office(monthly(PRORATES))
    addition = office.add("04-16", unitPrice=30)
    assert office.amounts("04-01") == [("04-16", "04-30", 15)]
    office.change("additions", addition, effectiveDate="2026-04-11T00:00:00Z")
    assert office.amounts("05-01") == [("04-11", "04-15", 5), ("05-01", "05-31", 30)]


def test_a_price_change_counts_from_the_next_period_on() -> None:
    office = Office(monthly(PRORATES))
    addition = office.add("04-01", unitPrice=30)
    office.invoice("04-01")
    office.change("additions", addition, unitPrice=40, quantity=2)
    assert office.amounts("05-01") == [("05-01", "05-31", 80)]
    assert office.invoices()[0]["total"] == 30


def test_what_was_invoiced_before_the_scenario_is_not_invoiced_again() -> None:
    office = Office(monthly(PRORATES, "additions: [{product: SEAT, price: 30, effective: 2025-06-01}]"))
    assert office.amounts("04-01") == [("04-01", "04-30", 30)]


def test_an_edited_next_invoice_date_says_that_others_invoiced_until_then() -> None:
    office = Office(monthly(PRORATES, "more: {billAmount: 10}"))
    office.add("04-01", unitPrice=30)
    agreement = office.record("agreements", 1)
    office_edit(office, agreement, "2026-05-01T00:00:00Z")
    office.add("04-16", unitPrice=31)
    may = ("05-01", "05-31")
    assert office.amounts("05-01") == [(*may, 10), (*may, 30), ("04-16", "04-30", Decimal("15.5")), (*may, 31)]
    office_edit(office, office.record("agreements", 1), "2026-05-01T00:00:00Z")
    assert office.amounts() == []  # set back, and nothing is billed twice


def test_a_date_set_back_bills_no_period_twice_without_proration_either() -> None:
    office = Office(monthly())
    office.add("04-01", unitPrice=30)
    office.invoice("04-01")
    office_edit(office, office.record("agreements", 1), "2026-04-01T00:00:00Z")
    office.add("04-10", unitPrice=7)
    assert office.amounts() == [("04-01", "04-30", 7)]


def office_edit(office: Office, agreement: dict[str, object], day: str) -> None:
    rules.rewrite(office.site, office.actor, "agreements", agreement, {"nextInvoiceDate": day})


def test_first_invoice_follows_the_bill_start_until_it_is_made() -> None:
    office = Office(monthly())
    values = {"name": "New", "type": {"id": 1}, "company": {"id": 10}, "contact": {"id": 1}}
    values |= {"billingCycle": {"id": 1}, "billStartDate": "2026-03-10T00:00:00Z"}
    made = rules.store(office.site, office.actor, "agreements", values, None)
    office.change("agreements", made["id"], billStartDate="2026-04-01T00:00:00Z")
    assert office.next_date(made["id"]) == "04-01"
    office.invoice("04-01", made["id"])
    office.change("agreements", made["id"], billStartDate="2026-03-01T00:00:00Z")
    assert office.next_date(made["id"]) == "05-01"


def test_a_number_given_by_hand_is_not_given_again() -> None:
    office = Office(monthly())
    by_hand = {"type": "Standard", "company": {"id": 10}, "invoiceNumber": "2"}
    rules.store(office.site, office.actor, "invoices", by_hand, None)
    assert office.invoice("04-01")["invoiceNumber"] == "3"


def test_an_invoice_by_hand_is_none_of_the_agreements() -> None:
    office = Office(monthly("one_time: true", "more: {billAmount: 50}"))
    by_hand = {"type": "Agreement", "company": {"id": 10}, "applyToType": "Agreement", "applyToId": 1}
    rules.store(office.site, office.actor, "invoices", by_hand, None)
    assert office.invoice("04-01")["total"] == 50


def test_an_automatic_invoice_that_a_rule_refuses_is_not_made() -> None:
    office = Office(monthly("more: {autoInvoiceFlag: true, billAmount: 10}"))
    closed = office.change("companyStatuses", 1, disallowSavingFlag=True)
    assert closed["disallowSavingFlag"]
    office.go_to("04-01")
    assert (office.invoices(), office.next_date()) == ([], "04-01")
