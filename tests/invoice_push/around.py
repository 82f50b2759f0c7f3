"""Lines and what is around them, as the rules see them: ready unless something is changed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.values import ChargeKind, LineIdentity, Motion, Period
from invoice_push.domain.values import Agreement, Item, Line, PriceRule, Program, Surroundings, Target

LIST = PriceRule("list", Decimal(0), allow_below_cost=False)


def line(**changes: Any) -> Line:
    """Ten seats for a month at 18.48."""
    usual = Line(
        identity=LineIdentity("line-1"),
        kind=ChargeKind.CYCLE,
        motion=Motion.SEAT_MONTHLY,
        period=Period(date(2026, 10, 15), date(2026, 11, 15)),
        quantity=Decimal(10),
        list_unit=Decimal("18.48"),
        effective_unit=Decimal("18.48"),
        fx_rate=Decimal(1),
        cost=Decimal("184.80"),
        currency="USD",
        trial=False,
        product_name="Business Premium",
        raw_kind="cycleCharge",
    )
    return replace(usual, **changes)


def agreement(**changes: Any) -> Agreement:
    """Billed monthly in advance; the next invoice is December's."""
    usual = Agreement(
        agreement_id=1,
        name="Cloud Monthly",
        company_id=101,
        status="Active",
        cycle="Monthly",
        one_time=False,
        prorate=True,
        currency="USD",
        bill_start=date(2026, 1, 1),
        end=None,
        next_invoice=date(2026, 12, 1),
        parent_id=None,
        parent_next_invoice=None,
        parent_prorate=None,
    )
    return replace(usual, **changes)


def program(**changes: Any) -> Program:
    """Everything on, the list price."""
    return replace(Program(enabled=True, billing=True, motions=frozenset(Motion), price_rule=LIST), **changes)


def item(**changes: Any) -> Item:
    """A linked one."""
    return replace(Item("linked", 501, inactive=False, taxable=False, reason=""), **changes)


def around(**changes: Any) -> Surroundings:
    """All that makes a line ready."""
    usual = Surroundings(
        connected=True,
        program=program(),
        target=Target(1, date(2026, 10, 1)),
        agreement=agreement(),
        item=item(),
    )
    return replace(usual, **changes)
