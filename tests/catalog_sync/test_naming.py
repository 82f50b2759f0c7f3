"""Identifiers and names of new items."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_sync.domain import items
from catalog_sync.domain.items import Defaults, Product, draft, free_identifier, identifiers, name, refusal
from contracts.values import BillingPlan, Currency, ProductKey

DEFAULTS = Defaults(1, 2, 3, 4)
skus = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789:-", min_size=1, max_size=120)
plans = st.sampled_from([plan for plan in BillingPlan if plan is not BillingPlan.UNKNOWN])


def product(
    sku: str = "CFQ7TTC0LCHC:0002",
    plan: BillingPlan = BillingPlan.MONTHLY,
    term: str = "P1Y",
    currency: str = "USD",
    called: str = "Business Premium",
) -> Product:
    key = str(ProductKey(sku, term, plan, "", "", Currency(currency)))
    return Product(key, sku, called, term, plan, Currency(currency), Decimal(22), Decimal(18))


products = st.builds(
    product,
    sku=skus,
    plan=plans,
    term=st.sampled_from(["", "P1M", "P1Y", "P3Y"]),
    currency=st.sampled_from(["USD", "EUR"]),
    called=st.text(max_size=90),
)


@pytest.mark.requirement("R61", "R71", "R72")
@pytest.mark.parametrize(
    ("plan", "identifier"),
    [
        (BillingPlan.MONTHLY, "PC_X:1-M"),
        (BillingPlan.ANNUAL, "PC_X:1-A"),
        (BillingPlan.TRIENNIAL, "PC_X:1-3A"),
        (BillingPlan.USAGE, "PC_X:1"),
        (BillingPlan.ONE_TIME, "PC_X:1"),
    ],
)
def test_the_identifier_is_the_sku_and_its_billing_plan(plan: BillingPlan, identifier: str) -> None:
    assert free_identifier(product("X:1", plan), set()) == identifier


@pytest.mark.requirement("R71")
def test_products_that_differ_in_term_or_currency_say_so() -> None:
    taken = {"pc_x:1-m"}
    assert free_identifier(product("X:1"), taken) == "PC_X:1-M-P1Y"
    assert free_identifier(product("X:1", currency="EUR"), {*taken, "pc_x:1-m-p1y"}) == "PC_X:1-M-EUR"


@pytest.mark.requirement("R61")
@given(st.lists(products, max_size=12, unique_by=lambda one: one.product_key))
def test_no_two_products_get_one_identifier(found: list[Product]) -> None:
    taken: set[str] = set()
    for one in found:
        identifier = free_identifier(one, taken)
        assert identifier.lower() not in taken
        assert len(identifier) <= items.LONGEST_IDENTIFIER
        taken.add(identifier.lower())


@given(skus, skus, plans)
def test_two_skus_never_share_an_identifier_however_long(one: str, other: str, plan: BillingPlan) -> None:
    common = "A" * 80
    first = next(identifiers(product(common + one, plan)))
    second = next(identifiers(product(common + other, plan)))
    assert (first == second) == (one == other)
    assert len(first) <= items.LONGEST_IDENTIFIER


@pytest.mark.requirement("R59")
@given(products)
def test_the_name_fits_and_holds_the_sku_where_that_fits(one: Product) -> None:
    said = name(one)
    assert 1 <= len(said) <= items.LONGEST_NAME
    assert one.sku[: items.LONGEST_NAME] in said


@pytest.mark.requirement("B15")
@pytest.mark.parametrize(("home", "priced"), [(None, False), ("EUR", False), ("USD", True)])
def test_amounts_are_written_in_the_home_currency_only(home: str | None, priced: bool) -> None:
    made = draft(product(), "PC_X", DEFAULTS, taxable=False, home_currency=Currency(home) if home else None)
    assert (made.price, made.cost) == ((Decimal(22), Decimal(18)) if priced else (None, None))


def test_a_long_sku_is_no_vendor_sku() -> None:
    assert draft(product("S" * 51), "PC_S", DEFAULTS, taxable=False, home_currency=None).vendor_sku is None


@pytest.mark.parametrize("sku", ["A*", "A\\", 'A"', "A'", "A\nB", "A\u200b", "", " "])
def test_a_sku_that_no_filter_can_hold_is_refused(sku: str) -> None:
    assert refusal(product(sku)) is not None


def test_an_unknown_plan_is_refused() -> None:
    assert refusal(product(plan=BillingPlan.UNKNOWN)) is not None
    assert refusal(product()) is None
