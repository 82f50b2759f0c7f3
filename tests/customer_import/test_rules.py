"""What fits what, and what makes a mapping hold: without a database."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.values import Motion
from customer_import.domain import table
from customer_import.domain.agreements import MAPPABLE, Agreement, advice, closed, unfit
from customer_import.domain.mappings import Company, Customer, Known, Named, Target, checked, mapping_id, named
from customer_import.domain.refusals import MappingsRefused

MONTHLY = Agreement(
    1, 101, "Monthly", "Active", "Monthly", one_time=False, invoicing_cycle="CalendarYear", prorate=True
)
ONE_TIME = Agreement(2, 101, "One-Time", "Active", "NotRecurring", one_time=True, invoicing_cycle="", prorate=False)
KNOWN = Known(
    (Customer("m:p:c1", "C1", "One"), Customer("m:p:c2", "c2", "Two"), Customer("m:q:c2", "c2", "Two again")),
    (Company(101, "Alder", "Alder & Finch"), Company(102, "Birch", "Birch")),
    (
        MONTHLY,
        ONE_TIME,
        replace(MONTHLY, agreement_id=3, name="Old", status="Cancelled"),
        replace(MONTHLY, agreement_id=4, name="Birch Monthly", company_id=102),
        replace(MONTHLY, agreement_id=5, name="Twin"),
        replace(MONTHLY, agreement_id=6, name="Twin"),
        replace(MONTHLY, agreement_id=7, status="Expired"),
    ),
)
ROW = Named(2, "c1", "", "seat_monthly", "alder", "monthly", "2026-10-01")


@pytest.mark.requirement("R36", "R39", "R40", "C3")
@pytest.mark.parametrize("motion", MAPPABLE)
def test_each_motion_fits_exactly_one_kind_of_agreement(motion: Motion) -> None:
    recurring = motion in (Motion.SEAT_MONTHLY, Motion.AZURE)
    assert (unfit(motion, MONTHLY) is None) == recurring
    assert (unfit(motion, ONE_TIME) is None) != recurring
    assert unfit(motion, replace(MONTHLY, cycle="Yearly")) is not None


@pytest.mark.requirement("B4")
def test_unknown_motion_fits_nothing() -> None:
    assert unfit(Motion.UNKNOWN, MONTHLY)
    assert unfit(Motion.USAGE_COUNT, ONE_TIME)


@pytest.mark.requirement("R34", "R35")
@pytest.mark.parametrize("status", ["Cancelled", "Expired", "Inactive", "", "Something New"])
def test_only_an_active_agreement_is_open(status: str) -> None:
    assert closed(MONTHLY) is None
    assert closed(replace(MONTHLY, status=status)) is not None


@pytest.mark.requirement("R37", "R38", "C2")
def test_guide_is_quoted_where_it_asks_for_more() -> None:
    assert advice(Motion.AZURE, MONTHLY) == ()
    assert advice(Motion.SEAT_ANNUAL, ONE_TIME) == ()
    said = advice(Motion.SEAT_MONTHLY, replace(MONTHLY, invoicing_cycle="ContractYear", prorate=False))
    assert [line[-5:] for line in said] == ["(R37)", "(R38)"]


@pytest.mark.requirement("B5", "R80")
def test_names_are_found_in_any_case() -> None:
    assert named([ROW], KNOWN) == [Target(2, "m:p:c1", "", Motion.SEAT_MONTHLY, 101, 1, date(2026, 10, 1))]


@pytest.mark.requirement("B5", "R34", "R36", "R39", "R80")
@pytest.mark.parametrize(
    ("change", "rule", "column", "value"),
    [
        ({"customer_id": "nobody"}, "unknown_customer", "customer_id", "nobody"),
        ({"customer_id": "c2"}, "ambiguous_customer", "customer_id", "c2"),
        ({"motion": "seat_weekly"}, "unknown_motion", "motion", "seat_weekly"),
        ({"motion": "usage_count"}, "unknown_motion", "motion", "usage_count"),
        ({"company": "Nowhere"}, "unknown_company", "company", "Nowhere"),
        ({"agreement": "Nothing"}, "unknown_agreement", "agreement", "Nothing"),
        ({"agreement": "Birch Monthly"}, "other_company", "agreement", "Birch Monthly"),
        ({"agreement": "Twin"}, "ambiguous_agreement", "agreement", "Twin"),
        ({"agreement": "Old"}, "closed_agreement", "agreement", "Old"),
        ({"motion": "seat_annual"}, "unfit_agreement", "agreement", "Monthly"),
        ({"go_live": "10/1/2026"}, "unreadable_date", "go_live", "10/1/2026"),
    ],
)
def test_row_that_does_not_hold_is_refused_with_its_place(
    change: dict[str, str], rule: str, column: str, value: str
) -> None:
    with pytest.raises(MappingsRefused) as refused:
        named([ROW, replace(ROW, row=3, billing_contract="x", **change)], KNOWN)
    [refusal] = refused.value.refusals
    assert (refusal.rule, refusal.row, refusal.column, refusal.value) == (rule, 3, column, value)
    assert refusal.message.startswith(f"row 3, column {column}: ")


@pytest.mark.requirement("B5")
def test_every_wrong_row_is_told_in_order() -> None:
    rows = [
        replace(ROW, row=4, company="X"),
        replace(ROW, row=2, agreement="Old"),
        replace(ROW, row=3, customer_id="Y"),
    ]
    with pytest.raises(MappingsRefused) as refused:
        named(rows, KNOWN)
    assert [refusal.row for refusal in refused.value.refusals] == [2, 3, 4]


@pytest.mark.requirement("B5")
def test_one_key_in_two_rows_is_refused_whatever_it_says() -> None:
    with pytest.raises(MappingsRefused) as refused:
        named([ROW, replace(ROW, row=3)], KNOWN)
    assert [(r.rule, r.row) for r in refused.value.refusals] == [("mapped_twice", 3)]
    assert len(named([ROW, replace(ROW, row=3, billing_contract="other")], KNOWN)) == 2


@pytest.mark.requirement("B5")
def test_ids_are_checked_like_names() -> None:
    good = Target(1, "m:p:c1", "", Motion.SEAT_MONTHLY, 101, 1, date(2026, 10, 1))
    checked([good], KNOWN)
    for wrong, rule in (
        (replace(good, customer_key="m:p:none"), "unknown_customer"),
        (replace(good, company_id=999), "unknown_company"),
        (replace(good, agreement_id=999), "unknown_agreement"),
        (replace(good, company_id=102), "other_company"),
        (replace(good, agreement_id=7), "closed_agreement"),
        (replace(good, agreement_id=2), "unfit_agreement"),
    ):
        with pytest.raises(MappingsRefused) as refused:
            checked([wrong], KNOWN)
        assert rule in {refusal.rule for refusal in refused.value.refusals}


@given(st.lists(st.text(max_size=8), min_size=4, max_size=4))
def test_different_keys_have_different_ids(parts: list[str]) -> None:
    one = mapping_id(parts[0], parts[1], Motion.AZURE)
    other = mapping_id(parts[2], parts[3], Motion.AZURE)
    assert (one == other) == (parts[:2] == parts[2:])
    assert "/" not in one
    assert one.count("|") == 2


HEADER = b"customer_id,customer_name,billing_contract,motion,company,agreement,go_live\n"


def test_file_is_read_by_its_header() -> None:
    content = b"\xef\xbb\xbfgo_live,agreement,Company,motion,customer_id\n2026-10-01, Monthly ,Alder,azure,c1\n\n,,,,\n"
    assert table.rows(content) == [Named(2, "c1", "", "azure", "Alder", "Monthly", "2026-10-01")]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (b"\n\n", "empty_file"),
        (HEADER, "empty_file"),
        (HEADER + b"\xff\xfe,,,,,,\n", "wrong_encoding"),
        (HEADER + b"c1,\0,,,,,\n", "nul_byte"),
        (HEADER + b'c1,"open,,,,,\n', "not_csv"),
        (HEADER + b"c1,x\n", "wrong_width"),
        (b"customer_id,motion,company,agreement\nc1,azure,Alder,Monthly\n", "missing_column"),
        (HEADER.replace(b"customer_name", b"motion") + b"c1,,,,,,\n", "column_twice"),
        (HEADER.replace(b"billing_contract", b"contract") + b"c1,,,,,,\n", "unknown_column"),
        (b"customer_id;motion;company;agreement;go_live\nc1;azure;Alder;Monthly;2026-10-01\n", "missing_column"),
        (b"PK\x03\x04\x14\x00", "nul_byte"),
    ],
)
def test_what_is_no_such_table_is_refused_whole(content: bytes, rule: str) -> None:
    with pytest.raises(MappingsRefused) as refused:
        table.rows(content)
    assert rule in {refusal.rule for refusal in refused.value.refusals}


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_a_refusal(content: bytes) -> None:
    with suppress(MappingsRefused):
        assert table.rows(HEADER + content)


def test_long_file_is_judged_in_time_that_grows_with_its_length() -> None:
    count = 5_000
    customers = [Customer(f"m:p:{number}", str(number), "") for number in range(count)]
    agreements = [replace(MONTHLY, agreement_id=number, name=f"A{number}") for number in range(count)]
    rows = [replace(ROW, row=n + 2, customer_id=str(n), agreement=f"a{n}") for n in range(count)]
    assert len(named(rows, Known(customers, KNOWN.companies, agreements))) == count
