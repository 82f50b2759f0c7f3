from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import CustomerChanged, ProductChanged
from contracts.values import BillingPlan, Currency, CustomerKey, Period, ProductKey, to_cents

anything = st.text(max_size=20)
customer_keys = st.builds(CustomerKey, anything, anything, anything)
product_keys = st.builds(
    ProductKey, anything, anything, st.sampled_from(BillingPlan), anything, anything, st.builds(Currency, anything)
)


@given(customer_keys)
def test_a_customer_key_is_read_back_from_its_text(key: CustomerKey) -> None:
    assert CustomerKey.parse(str(key)) == key


@given(product_keys)
def test_a_product_key_is_read_back_from_its_text(key: ProductKey) -> None:
    assert ProductKey.parse(str(key)) == key


@given(customer_keys, customer_keys)
def test_two_customers_never_share_a_key(one: CustomerKey, other: CustomerKey) -> None:
    assert (str(one) == str(other)) == (one == other)


@pytest.mark.parametrize("text", ["", "a:b", "a:b:c:d"])
def test_a_text_of_other_parts_is_no_customer_key(text: str) -> None:
    with pytest.raises(ValueError, match="is not a customer key"):
        CustomerKey.parse(text)


@pytest.mark.requirement("R71")
def test_another_term_is_another_product() -> None:
    monthly = ProductKey("CFQ7:0001", "P1M", BillingPlan.MONTHLY, "commercial", "", Currency("EUR"))
    yearly = ProductKey("CFQ7:0001", "P1Y", BillingPlan.MONTHLY, "commercial", "", Currency("EUR"))
    assert str(monthly) != str(yearly)


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1)), st.integers(0, 400))
def test_the_last_day_of_a_source_belongs_to_the_period(start: date, days: int) -> None:
    last = start + timedelta(days=days)
    period = Period.inclusive(start, last)
    assert (period.last_day, period.end - period.start) == (last, timedelta(days=days + 1))


def test_a_period_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        Period(date(2025, 9, 1), date(2025, 8, 31))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_money_travels_as_the_same_number_without_an_exponent(amount: Decimal) -> None:
    said = ProductChanged(
        key="k",
        sku="s",
        name="n",
        plan=BillingPlan.MONTHLY,
        currency=Currency("EUR"),
        unit_price=amount,
        unit_cost=amount,
    ).model_dump(mode="json")
    assert Decimal(said["unit_price"]) == amount
    assert set(said["unit_price"]) <= set("-.0123456789")


@pytest.mark.parametrize(
    ("amount", "cents"), [("0.005", "0.01"), ("-0.005", "-0.01"), ("2.675", "2.68"), ("1", "1.00")]
)
def test_half_a_cent_is_rounded_away_from_zero(amount: str, cents: str) -> None:
    assert to_cents(Decimal(amount)) == Decimal(cents)


def test_an_event_cannot_be_changed() -> None:
    said = CustomerChanged(key="k", name="n")
    with pytest.raises(ValueError, match="frozen"):
        said.name = "other"  # type: ignore[misc]
