"""What a row means: amounts, dates, motions, kinds, and which charge it is."""

import io
import random
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_intake.domain.canonical import CanonicalLine
from billing_intake.domain.totals import differing
from billing_intake.importer import _batches
from contracts.values import ChargeKind, Motion, ProductKey
from tests.factories.recon import COLUMNS, charged, recon, seat

READER_COLUMNS = {name: number for number, name in enumerate(COLUMNS)}

# What makes a charge another charge; by the house's section 11 neither amounts nor places are among it.
IDENTIFYING = (
    "PartnerId",
    "InvoiceNumber",
    "CustomerId",
    "SubscriptionId",
    "OrderId",
    "ProductId",
    "SkuId",
    "AvailabilityId",
    "MeterDescription",
    "ChargeType",
    "TermAndBillingCycle",
    "BillingFrequency",
)
NOT_IDENTIFYING = (
    "CustomerName",
    "CustomerDomainName",
    "SkuName",
    "OrderDate",
    "UnitPrice",
    "EffectiveUnitPrice",
    "Quantity",
    "BillableQuantity",
    "TaxTotal",
    "Total",
    "PriceAdjustmentDescription",
    "ReferenceId",
    "ProductQualifiers",
)


def lines(*rows: dict[str, str]) -> list[CanonicalLine]:
    found = [one for batch in _batches(io.BytesIO(recon(rows))) for one in batch]
    assert all(isinstance(one, CanonicalLine) for one in found), found
    return [one for one in found if isinstance(one, CanonicalLine)]


def line(**columns: str) -> CanonicalLine:
    [found] = lines(seat(**columns))
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'-160.90", "-160.90"),
        (" 12 ", "12"),
        ("0E-20", "0"),
        ("-0.00", "0"),
        ("1.5e2", "150"),
        (".5", "0.5"),
        ("+3", "3"),
        ("184.800000000000000000", "184.80"),
    ],
)
def test_numbers_are_exact_however_they_are_written(text: str, value: str) -> None:
    found = line(Subtotal=text, TaxTotal="0", Total=text).cost
    assert found == Decimal(value)
    assert str(found)[:2] != "-0"


def test_units_keep_all_their_digits() -> None:
    assert line(EffectiveUnitPrice="16.095483870967741935").effective_unit == Decimal("16.095483870967741935")


def test_what_is_empty_of_the_lesser_amounts_is_zero() -> None:
    found = line(TaxTotal="", UnitPrice="", EffectiveUnitPrice="", PCToBCExchangeRate="", Total="184.80")
    assert (found.tax, found.list_unit, found.effective_unit, found.fx_rate) == (
        Decimal(0),
        Decimal(0),
        Decimal(0),
        Decimal(1),
    )


def test_names_keep_their_commas_and_quotes() -> None:
    assert line(CustomerName='Alder, "Finch" & Söhne').customer_name == 'Alder, "Finch" & Söhne'


def test_control_characters_in_names_become_blanks() -> None:
    assert line(CustomerName="Alder\nFinch\x1b[2J").customer_name == "Alder Finch [2J"


def test_the_last_day_of_a_charge_is_converted_once() -> None:
    found = line(ChargeStartDate="2026-10-15T00:00:00Z", ChargeEndDate="2026-11-14T23:59:59Z")
    assert (found.period_start, found.period_end) == (date(2026, 10, 15), date(2026, 11, 15))
    assert line(ChargeStartDate="2026-10-15", ChargeEndDate="2026-10-15").period_end == date(2026, 10, 16)


def test_a_charge_without_dates_has_none() -> None:
    found = line(ChargeStartDate="", ChargeEndDate="")
    assert (found.period_start, found.period_end) == (None, None)


@pytest.mark.requirement("B4")
@pytest.mark.parametrize(
    ("columns", "motion"),
    [
        ({"BillingFrequency": "Monthly", "TermAndBillingCycle": "Annual term, Monthly billing"}, Motion.SEAT_MONTHLY),
        ({"BillingFrequency": "Monthly", "TermAndBillingCycle": "Three-Year commitment"}, Motion.SEAT_MONTHLY),
        ({"BillingFrequency": "ANNUAL", "TermAndBillingCycle": "One-Month commitment"}, Motion.SEAT_ANNUAL),
        ({"BillingFrequency": "Triennial"}, Motion.SEAT_ANNUAL),
        ({"BillingFrequency": "One-Time"}, Motion.ONE_TIME),
        ({"BillingFrequency": "OneTime", "ProductCategory": "Azure"}, Motion.ONE_TIME),
        ({"BillingFrequency": "", "ProductCategory": "Azure"}, Motion.AZURE),
        ({"BillingFrequency": "", "MeterDescription": "vCPU hours"}, Motion.AZURE),
        ({"BillingFrequency": "", "SubscriptionDescription": "Azure plan"}, Motion.AZURE),
        ({"BillingFrequency": "", "TermAndBillingCycle": "1 Month Trial"}, Motion.SEAT_MONTHLY),
        ({"BillingFrequency": "", "TermAndBillingCycle": "One-Year commitment"}, Motion.UNKNOWN),
        ({"BillingFrequency": "Fortnightly"}, Motion.UNKNOWN),
    ],
)
def test_motion_follows_the_billing_plan_never_the_term(columns: dict[str, str], motion: Motion) -> None:
    assert line(**columns).motion is motion


def test_one_sku_in_two_billing_plans_is_two_products() -> None:
    monthly, annual = line(BillingFrequency="Monthly"), line(BillingFrequency="Annual")
    assert monthly.product_key != annual.product_key
    assert ProductKey.parse(monthly.product_key).term == ProductKey.parse(annual.product_key).term == "P1Y"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("New", ChargeKind.NEW),
        ("CYCLECHARGE", ChargeKind.CYCLE),
        ("removeQuantity", ChargeKind.QUANTITY),
        ("cancelImmediate", ChargeKind.CANCEL),
        ("customerCredit", ChargeKind.CREDIT),
        ("extendTerm", ChargeKind.RENEW),
    ],
)
def test_charge_types_are_known_in_any_case(raw: str, kind: ChargeKind) -> None:
    assert line(ChargeType=raw).kind is kind


def test_an_unknown_charge_type_is_kept_and_said() -> None:
    found = line(ChargeType="loyaltyAdjust")
    assert (found.kind, found.raw_kind, found.cost) == (ChargeKind.UNKNOWN, "loyaltyAdjust", Decimal("184.80"))
    assert found.warnings == ("unknown charge type loyaltyAdjust",)


def test_a_total_that_is_not_its_parts_is_said_and_not_mended() -> None:
    found = line(Subtotal="10", TaxTotal="1", Total="12")
    assert found.cost == 10
    assert found.warnings == ("Total 12 is not Subtotal 10 + TaxTotal 1",)


@pytest.mark.parametrize("quantity", ["10", "-10"])
def test_the_sign_is_the_amounts_whatever_quantity_and_type_say(quantity: str) -> None:
    back = line(ChargeType="addQuantity", Subtotal="-160.90", TaxTotal="0", Total="-160.90", BillableQuantity=quantity)
    again = line(ChargeType="addQuantity", Subtotal="160.90", TaxTotal="0", Total="160.90", BillableQuantity=quantity)
    assert (back.cost, again.cost) == (Decimal("-160.90"), Decimal("160.90"))
    assert back.identity != again.identity


def test_billable_quantity_is_before_quantity() -> None:
    assert line(Quantity="1", BillableQuantity="3.1618").quantity == Decimal("3.1618")
    assert line(Quantity="7", BillableQuantity="").quantity == 7


@pytest.mark.parametrize("column", IDENTIFYING)
def test_another_charge_has_another_identity(column: str) -> None:
    assert line(**{column: "another"}).identity != line().identity


@pytest.mark.parametrize(
    "columns", [{"ChargeStartDate": "2026-10-14"}, {"ChargeEndDate": "2026-11-15"}, {"Currency": "EUR"}]
)
def test_other_dates_or_currency_are_another_charge(columns: dict[str, str]) -> None:
    assert line(**columns).identity != line().identity


@given(st.data())
def test_identity_is_not_made_of_amounts_names_or_places(data: st.DataObject) -> None:
    number = st.integers(1, 10_000).map(str)
    changes = {column: data.draw(number) for column in data.draw(st.sets(st.sampled_from(NOT_IDENTIFYING)))}
    changes["Subtotal"] = data.draw(number)
    before = [seat(OrderId=f"other-{n}") for n in range(data.draw(st.integers(0, 3)))]
    assert lines(*before, seat(**changes))[-1].identity == line().identity


@given(st.sampled_from(IDENTIFYING), st.sampled_from(IDENTIFYING), st.text("ab:,|-0", max_size=4))
def test_parts_of_an_identity_never_run_into_each_other(one: str, other: str, text: str) -> None:
    if one == other:
        return
    left = line(**{one: f"x{text}", other: "y"})
    right = line(**{one: "x", other: f"{text}y"})
    assert (left.identity == right.identity) == (text == "")


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2)), max_size=8), st.randoms())
def test_shuffling_a_file_changes_neither_identities_nor_their_order(
    charges: list[tuple[int, int, int]], chance: random.Random
) -> None:
    rows = [charged(str(cost), OrderId=f"o{order}", OrderDate=f"2026-10-0{day + 1}") for cost, order, day in charges]
    mixed = rows[:]
    chance.shuffle(mixed)

    def known(found: list[CanonicalLine]) -> list[tuple[str, str]]:
        return sorted((one.identity, one.order) for one in found)

    assert known(lines(*rows)) == known(lines(*mixed))


@pytest.mark.requirement("B1")
def test_totals_tie_to_the_cent() -> None:
    found = {"G1": Decimal("201.20"), "USD": Decimal("201.20")}
    assert differing({"G1": Decimal("201.20")}, found) == []
    [refusal] = differing({"G1": Decimal("201.21")}, found)
    assert refusal.rule == "total_differs"
    assert refusal.message.endswith("the lines add up to 201.20, the invoice says 201.21; difference -0.01")
    [refusal] = differing({"G2": Decimal(1)}, found)
    assert refusal.message == "no document G2 is in this file; there are: G1, USD"
