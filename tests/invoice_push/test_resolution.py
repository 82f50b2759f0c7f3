"""Where a line goes: every reason that stops it, in order, each with what frees it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.values import ChargeKind, Motion, Period
from invoice_push.domain.resolution import resolve
from invoice_push.domain.values import Expected, Held, Ignored, PriceRule, Ready, Reason, Resolution, Target
from tests.invoice_push.around import agreement, around, item, line, program

EARLY = Target(1, date(2026, 10, 16))
AT_A_LOSS = PriceRule("list", Decimal(-10), allow_below_cost=False)

# In the order in which they are asked, so that the first one that is wrong is the one that is said.
STOPS: list[tuple[str, dict[str, Any], dict[str, Any], Reason]] = [
    ("B11", {"cost": Decimal(0)}, {}, Reason.ZERO),
    ("B4", {"kind": ChargeKind.UNKNOWN, "raw_kind": "loyaltyAdjust"}, {}, Reason.UNKNOWN_KIND),
    ("B4", {"motion": Motion.UNKNOWN}, {}, Reason.UNKNOWN_MOTION),
    ("R1", {}, {"connected": False}, Reason.NO_CONNECTION),
    ("B14", {}, {"program": None}, Reason.NO_PROGRAM),
    ("B14", {}, {"program": program(enabled=False)}, Reason.SWITCHED_OFF),
    ("B14", {}, {"program": program(billing=False)}, Reason.SWITCHED_OFF),
    ("B14", {}, {"program": program(motions=frozenset({Motion.AZURE}))}, Reason.SWITCHED_OFF),
    ("R87", {}, {"target": None}, Reason.NO_MAPPING),
    ("B6", {}, {"target": EARLY}, Reason.BEFORE_GO_LIVE),
    ("B12", {"kind": ChargeKind.CREDIT}, {}, Reason.UNLINKED_CREDIT),
    ("R87", {}, {"agreement": None}, Reason.NO_AGREEMENT),
    ("R116", {}, {"agreement": agreement(status="Cancelled")}, Reason.AGREEMENT_CLOSED),
    ("R116", {}, {"agreement": agreement(status="")}, Reason.AGREEMENT_CLOSED),
    ("B17", {}, {"agreement": agreement(currency="EUR")}, Reason.OTHER_CURRENCY),
    ("B17", {}, {"agreement": agreement(currency="")}, Reason.OTHER_CURRENCY),
    ("R78", {}, {"agreement": agreement(one_time=True)}, Reason.AGREEMENT_UNFIT),
    ("R78", {"motion": Motion.SEAT_ANNUAL}, {}, Reason.AGREEMENT_UNFIT),
    ("B2", {"quantity": Decimal(0)}, {}, Reason.NO_QUANTITY),
    ("B2", {}, {"program": program(price_rule=None)}, Reason.NO_SELL_PRICE),
    ("B2", {}, {"program": program(price_rule=AT_A_LOSS)}, Reason.BELOW_COST),
    ("B7", {}, {"agreement": agreement(next_invoice=None)}, Reason.NO_OPEN_PERIOD),
    ("R87", {}, {"item": None}, Reason.ITEM_PENDING),
    ("R87", {}, {"item": item(state="held", item_id=None, reason="which of two")}, Reason.ITEM_HELD),
    ("C13", {}, {"item": item(inactive=True)}, Reason.ITEM_INACTIVE),
]


def reason_of(said: Resolution) -> Reason | None:
    return None if isinstance(said, Ready) else said.reason


@pytest.mark.parametrize(
    ("lines", "surroundings", "reason"),
    [pytest.param(*stop[1:], id=stop[3], marks=pytest.mark.requirement(stop[0])) for stop in STOPS],
)
def test_what_stops_a_line_is_said_with_what_frees_it(
    lines: dict[str, Any], surroundings: dict[str, Any], reason: Reason
) -> None:
    said = resolve(line(**lines), around(**surroundings))
    assert reason_of(said) is reason
    is_ignored = reason in (Reason.ZERO, Reason.BEFORE_GO_LIVE)
    assert isinstance(said, Ignored if is_ignored else Held)
    assert is_ignored or reason.remedy


@given(st.data())
def test_the_first_rule_that_stops_a_line_is_the_one_that_is_said(data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.lists(st.integers(0, len(STOPS) - 1), min_size=2, max_size=2, unique=True)))
    _, lines, surroundings, reason = STOPS[first]
    _, later_lines, later_surroundings, later_reason = STOPS[second]
    if reason is later_reason:  # two ways to be unfit may undo each other
        return
    said = resolve(line(**{**later_lines, **lines}), around(**{**later_surroundings, **surroundings}))
    assert reason_of(said) is reason


def test_details_name_what_is_wrong() -> None:
    def detail(said: Resolution) -> str:
        assert not isinstance(said, Ready)
        return said.detail

    assert detail(resolve(line(), around(target=None))) == "seat_monthly"
    assert detail(resolve(line(), around(target=EARLY))) == "starts 2026-10-15, go-live 2026-10-16"
    assert detail(resolve(line(), around(agreement=agreement(currency="EUR")))) == "USD on Cloud Monthly in EUR"
    assert detail(resolve(line(), around(agreement=agreement(status="Expired")))) == "Cloud Monthly is Expired"
    assert detail(resolve(line(trial=True, cost=Decimal(0)), around())) == "trial"


@pytest.mark.requirement("R99", "R101", "B7", "B8", "B16")
def test_a_ready_line_is_drafted_whole() -> None:
    said = resolve(line(), around(item=item(taxable=True)))
    assert isinstance(said, Ready)
    draft = said.draft
    assert (draft.agreement_id, draft.item_id, draft.quantity) == (1, 501, Decimal(10))
    assert (draft.cost, draft.price) == (Decimal("184.80"), Decimal("184.80"))
    assert (draft.effective, draft.cancelled) == (date(2026, 12, 1), date(2026, 12, 31))
    assert (draft.taxable, draft.bill_customer) == (True, "Billable")
    assert draft.description == "Business Premium: cycleCharge 10, 2026-10-15 to 2026-11-14"
    assert draft.expects == Expected(101, "USD", date(2026, 12, 1), prorate=True)


def test_the_go_live_day_itself_is_billed() -> None:
    assert isinstance(resolve(line(), around(target=Target(1, date(2026, 10, 15)))), Ready)


def test_a_line_without_dates_is_not_before_go_live() -> None:
    said = resolve(line(period=None), around(target=Target(1, date(2030, 1, 1))))
    assert isinstance(said, Ready)
    assert said.draft.description == "Business Premium: cycleCharge 10"


@pytest.mark.requirement("R78")
@pytest.mark.parametrize("motion", [Motion.SEAT_ANNUAL, Motion.ONE_TIME])
def test_annual_and_one_time_charges_go_to_one_time_agreements(motion: Motion) -> None:
    said = resolve(line(motion=motion), around(agreement=agreement(one_time=True, cycle="One-Time")))
    assert isinstance(said, Ready)
    assert said.draft.effective == said.draft.cancelled == date(2026, 12, 1)


def test_only_what_frees_itself_is_waited_for() -> None:
    assert [reason for reason in Reason if reason.frees_itself] == [Reason.ITEM_PENDING]


def test_every_reason_to_hold_has_a_remedy() -> None:
    ignored = {Reason.ZERO, Reason.BEFORE_GO_LIVE, Reason.NOTHING}
    assert {reason for reason in Reason if not reason.remedy} == ignored


@given(
    st.decimals("-1000", "1000", places=2),
    st.decimals("-50", "50", places=0),
    st.sampled_from(ChargeKind),
    st.sampled_from(Motion),
    st.booleans(),
    st.dates(date(2026, 1, 1), date(2027, 1, 1)),
)
def test_every_line_stands_in_exactly_one_state(
    cost: Decimal, quantity: Decimal, kind: ChargeKind, motion: Motion, one_time: bool, day: date
) -> None:
    charge = line(cost=cost, quantity=quantity, kind=kind, motion=motion, period=Period(day, day))
    said = resolve(charge, around(agreement=agreement(one_time=one_time)))
    if isinstance(said, Ready):
        assert said.draft.cost == cost
        assert said.draft.quantity > 0
        assert (said.draft.price > 0) == (cost > 0)
