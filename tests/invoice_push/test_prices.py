"""What a customer pays and what it costs: exact, by a rule, never at cost by default."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.values import ChargeKind, Motion, to_cents
from invoice_push.domain.prices import Priced, priced
from invoice_push.domain.resolution import resolve
from invoice_push.domain.values import Draft, Held, PriceRule, Ready, Reason
from tests.invoice_push.around import LIST, around, line, program

money = st.decimals("0.01", "99999.99", places=2)
seats = st.integers(1, 5000).map(Decimal)
units = st.decimals("0.01", "9999", places=4)
markups = st.decimals("0", "200", places=2)
kinds = st.sampled_from([kind for kind in ChargeKind if kind not in (ChargeKind.UNKNOWN, ChargeKind.CREDIT)])
motions = st.sampled_from([motion for motion in Motion if motion is not Motion.UNKNOWN])


def of(rule: PriceRule | None = LIST, **changes: Any) -> Priced:
    found = priced(line(**changes), rule)
    assert isinstance(found, Priced), found
    return found


def held(rule: PriceRule | None = LIST, **changes: Any) -> Held:
    found = priced(line(**changes), rule)
    assert isinstance(found, Held), found
    return found


def marked_up(percent: str, basis: str = "list", *, allow: bool = False) -> PriceRule:
    return PriceRule(basis, Decimal(percent), allow_below_cost=allow)


@pytest.mark.requirement("B2")
def test_without_a_rule_nobody_is_billed() -> None:
    assert held(None).reason is Reason.NO_SELL_PRICE


@pytest.mark.requirement("R101")
def test_a_unit_price_keeps_four_places_so_that_the_extended_price_is_right_to_the_cent() -> None:
    found = of(quantity=Decimal(100), list_unit=Decimal("5.2456"), cost=Decimal("500.00"))
    assert (found.quantity, found.unit_price) == (Decimal(100), Decimal("5.2456"))
    assert found.quantity * found.unit_price == Decimal("524.56")  # and not 100 x 5.25


def test_the_markup_is_on_the_list_price_and_credit_stays_margin() -> None:
    found = of(marked_up("25"), cost=Decimal("150.00"))
    assert (found.unit_cost, found.unit_price) == (Decimal(15), Decimal("23.1"))


def test_the_markup_is_on_what_a_unit_costs_where_the_rule_says_so() -> None:
    assert of(marked_up("20", "effective"), cost=Decimal("150.00")).unit_price == 18


def test_a_list_price_in_another_currency_is_converted_at_the_documents_rate() -> None:
    found = of(list_unit=Decimal(10), fx_rate=Decimal("0.9"), cost=Decimal("80.00"))
    assert found.unit_price == 9


@pytest.mark.requirement("R100")
@pytest.mark.parametrize("kind", [ChargeKind.QUANTITY, ChargeKind.CANCEL, ChargeKind.CONVERT])
def test_a_prorated_line_is_priced_on_its_prorated_amount(kind: ChargeKind) -> None:
    found = of(marked_up("10"), kind=kind, quantity=Decimal(12), cost=Decimal("193.08"))
    assert (found.unit_cost, found.unit_price) == (Decimal("16.09"), Decimal("17.699"))


@pytest.mark.requirement("B13", "C25")
def test_usage_is_one_piece_at_its_whole_amount() -> None:
    found = of(
        marked_up("10"),
        motion=Motion.AZURE,
        kind=ChargeKind.USAGE,
        quantity=Decimal("3.1618"),
        list_unit=Decimal(4),
        cost=Decimal("11.00"),
    )
    assert (found.quantity, found.unit_cost) == (Decimal(1), Decimal(11))
    assert found.unit_price == Decimal("13.9119")  # 3.1618 x 4 and ten percent


@pytest.mark.requirement("B2")
def test_a_price_below_cost_is_held_with_both_figures_unless_allowed() -> None:
    assert held(cost=Decimal("184.81")).reason is Reason.BELOW_COST
    assert held(cost=Decimal("190.00")).detail == "18.4800 for what costs 19.000000"
    assert of(marked_up("0", allow=True), cost=Decimal("190.00")).unit_price == Decimal("18.48")


@given(seats, money)
def test_a_price_is_never_below_cost_by_rounding_alone(quantity: Decimal, cost: Decimal) -> None:
    found = priced(line(quantity=quantity, cost=cost), marked_up("1", "effective"))
    assume(cost >= Decimal("0.01") * quantity)
    assert isinstance(found, Priced)


def test_at_cost_is_possible_where_a_rule_says_so_also_where_cost_by_quantity_does_not_end() -> None:
    found = of(marked_up("0", "effective"), quantity=Decimal(3), cost=Decimal("10.00"))
    assert (found.unit_price, found.unit_cost) == (Decimal("3.3333"), Decimal("3.333333"))


def test_a_charge_without_a_quantity_is_held() -> None:
    assert held(quantity=Decimal(0)).reason is Reason.NO_QUANTITY


@given(quantity=seats, listed=units, markup=markups, cost=money, kind=kinds, motion=motions)
def test_a_credit_is_the_mirror_of_its_charge(
    quantity: Decimal, listed: Decimal, markup: Decimal, cost: Decimal, kind: ChargeKind, motion: Motion
) -> None:
    rule = PriceRule("list", markup, allow_below_cost=True)
    charge = line(quantity=quantity, list_unit=listed, cost=cost, kind=kind, motion=motion)
    forth = priced(charge, rule)
    assert isinstance(forth, Priced)
    for back in (replace(charge, cost=-cost), replace(charge, cost=-cost, quantity=-quantity)):
        assert priced(back, rule) == Priced(forth.quantity, -forth.unit_cost, -forth.unit_price)


@given(quantity=seats, cost=money, sign=st.sampled_from([1, -1]))
def test_the_cost_leg_is_the_suppliers_amount_within_half_a_cent_a_seat(
    quantity: Decimal, cost: Decimal, sign: int
) -> None:
    found = of(marked_up("0", allow=True), quantity=quantity, cost=cost * sign)
    residue = abs(found.quantity * found.unit_cost - cost * sign)
    assert residue <= quantity * Decimal("0.005")
    assert to_cents(found.quantity * found.unit_cost) == cost * sign  # and to the cent in all sizes there are


@given(quantity=seats, listed=units, cost=money, markup=markups, basis=st.sampled_from(["list", "effective"]))
def test_whatever_is_ready_is_billed_at_least_at_cost(
    quantity: Decimal, listed: Decimal, cost: Decimal, markup: Decimal, basis: str
) -> None:
    rule = PriceRule(basis, markup, allow_below_cost=False)
    said = resolve(line(quantity=quantity, list_unit=listed, cost=cost), around(program=program(price_rule=rule)))
    if isinstance(said, Ready):
        assert said.draft.price >= cost
    else:
        assert isinstance(said, Held)
        assert said.reason in (Reason.BELOW_COST, Reason.NO_SELL_PRICE)


def test_half_a_cent_is_rounded_up_as_everywhere() -> None:
    said = resolve(line(quantity=Decimal(1), list_unit=Decimal("200.125")), around())
    assert isinstance(said, Ready)
    assert isinstance(said.draft, Draft)
    assert said.draft.price == Decimal("200.13")
