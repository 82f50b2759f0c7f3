"""Lines on PostgreSQL: recorded once, looked at again when anything they need changes, told in steps."""

from datetime import date
from decimal import Decimal

import pytest

from contracts import topics
from contracts.events import PriceRule
from contracts.values import Currency, Motion, RunId
from invoice_push import store
from tests.factories import facts
from tests.invoice_push.desk import Desk

LATER = RunId("run-2")


async def test_lines_are_recorded_as_they_came(desk: Desk) -> None:
    line = facts.billed(period_start=None, effective_unit=Decimal("18.4800000000000000001"), trial=True)
    await desk.billed(line)
    kept = await desk.line()
    assert (kept.effective_unit, kept.period_start, kept.trial) == (line.effective_unit, None, True)
    assert (kept.identity, kept.source_cost, kept.row) == (line.identity, Decimal("184.80"), 2)


async def test_a_line_that_comes_again_is_the_same_line(desk: Desk) -> None:
    await desk.billed(facts.billed(), facts.billed())
    await desk.billed(facts.billed())
    assert (await desk.line()).state == "ready"


@pytest.mark.requirement("R87", "B5")
async def test_a_mapping_that_comes_later_frees_its_lines(desk: Desk) -> None:
    other = facts.billed(1, customer_key="microsoft-nce:partner-1:customer-2", motion=Motion.SEAT_ANNUAL)
    await desk.billed(other)
    assert await desk.stands() == ("held", "customer not mapped", "seat_annual")
    await desk.mapped(Motion.SEAT_ANNUAL, 2, customer_key=other.customer_key)
    await desk.resolve()
    assert await desk.stands() == ("held", "agreement not known", "2")
    await desk.agreement(2, name="Cloud One-Time", one_time=True, cycle="One-Time")
    await desk.resolve()
    assert await desk.stands() == ("ready", "", "")


@pytest.mark.requirement("B5")
async def test_a_mapping_of_the_lines_own_contract_is_before_one_of_any(desk: Desk) -> None:
    await desk.agreement(4)
    await desk.mapped(Motion.SEAT_MONTHLY, 4, mapping_id="own", billing_contract="contract-1")
    await desk.billed(facts.billed(1, billing_contract="contract-1"), facts.billed(2, billing_contract="contract-2"))
    assert [line.agreement_id for line in await desk.lines()] == [4, 1]


@pytest.mark.requirement("B5")
async def test_a_mapping_that_is_removed_holds_its_lines_again(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.mapped(removed=True)
    await desk.resolve()
    assert (await desk.stands())[:2] == ("held", "customer not mapped")
    assert (await desk.line()).draft is None


@pytest.mark.requirement("B6")
async def test_lines_before_go_live_are_ignored_until_its_date_is_put_right(desk: Desk) -> None:
    await desk.mapped(go_live=date(2026, 11, 1))
    await desk.billed(facts.billed())
    assert await desk.stands() == ("ignored", "before go-live", "starts 2026-10-15, go-live 2026-11-01")
    assert [(row.part, row.cost) for row in (await desk.proof()).rows] == [("ignored", Decimal("184.80"))]
    await desk.mapped(go_live=date(2026, 10, 15))
    await desk.resolve()
    assert (await desk.stands())[0] == "ready"


@pytest.mark.requirement("B17")
async def test_a_line_in_another_currency_is_held(desk: Desk) -> None:
    await desk.billed(facts.billed(currency=Currency("EUR")))
    assert await desk.stands() == ("held", "other currency than the agreement's", "EUR on Cloud Monthly in USD")


@pytest.mark.requirement("B2")
async def test_without_a_price_rule_lines_wait_for_one(desk: Desk) -> None:
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program(price_rule=None)))
    await desk.billed(facts.billed())
    assert await desk.stands() == ("held", "no sell price", "")
    rule = PriceRule(markup_percent=Decimal("12.5"))
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program(price_rule=rule)))
    await desk.resolve()
    assert ((await desk.line()).draft or {})["unit_price"] == "20.7900"


@pytest.mark.requirement("R87")
async def test_a_catalog_item_that_comes_later_frees_its_lines(desk: Desk) -> None:
    product = facts.PRODUCT.replace("P1Y", "P1M")
    await desk.billed(facts.billed(product_key=product))
    assert (await desk.stands())[:2] == ("held", "catalog item being made")
    assert [step.state for step in await desk.steps("lines")] == ["running"]
    held = facts.item(product, None, state="held", reason="two items have this SKU")
    await desk.tell(topics.CATALOG_ITEMS, (product, held))
    await desk.resolve()
    assert await desk.stands() == ("held", "catalog item held", "two items have this SKU")
    await desk.tell(topics.CATALOG_ITEMS, (product, facts.item(product, 502)))
    await desk.resolve()
    assert ((await desk.line()).draft or {})["item_id"] == 502
    assert [(step.state, step.done, step.total) for step in await desk.steps("lines")] == [
        ("running", 0, 1),
        ("done", 1, 1),
        ("done", 1, 1),
    ]


@pytest.mark.requirement("B14")
async def test_a_switch_holds_and_frees(desk: Desk) -> None:
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program(motions=(Motion.AZURE,))))
    await desk.billed(facts.billed())
    assert await desk.stands() == ("held", "switched off", "seat_monthly")
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program()))
    await desk.resolve()
    assert (await desk.stands())[0] == "ready"


@pytest.mark.requirement("B7")
async def test_a_moved_next_invoice_date_moves_what_is_not_queued(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.agreement(next_invoice=date(2027, 1, 1))
    await desk.resolve()
    assert ((await desk.line()).draft or {})["effective"] == "2027-01-01"


async def test_a_line_that_is_no_longer_in_its_document_is_gone(desk: Desk) -> None:
    lines = [facts.billed(1), facts.billed(2)]
    await desk.billed(*lines)
    again = facts.billed(1, document_version=2, run_id=LATER, cost="200.00")
    await desk.billed(again, removed_identities=(lines[1].identity,))
    kept = await desk.line()
    assert (kept.identity, kept.source_cost, kept.run_id, kept.state) == (
        lines[0].identity,
        Decimal(200),
        LATER,
        "ready",
    )
    assert (await desk.proof()).cost == 200


async def test_a_line_of_an_old_version_that_arrives_after_the_new_one_is_not_billed(desk: Desk) -> None:
    gone, stays = facts.billed(1), facts.billed(2)
    newer = facts.sealed([stays], document_version=2, removed_identities=(gone.identity,))
    await desk.tell(topics.INVOICE_SEALED, (newer.document_id, newer))
    await desk.tell(topics.INVOICE_LINES, *((line.customer_key, line) for line in (gone, stays)))
    await desk.resolve()
    assert (await desk.line()).identity == stays.identity
    back = facts.billed(1, document_version=3)
    await desk.tell(topics.INVOICE_LINES, (back.customer_key, back))
    assert len(await desk.lines()) == 2


async def test_an_older_version_of_a_line_changes_nothing(desk: Desk) -> None:
    await desk.billed(facts.billed(cost="200.00", document_version=2))
    await desk.tell(topics.INVOICE_LINES, (facts.CUSTOMER, facts.billed(cost="184.80")))
    assert (await desk.line()).source_cost == 200


async def test_steps_say_how_many_lines_are_where_and_only_when_that_changes(desk: Desk) -> None:
    lines = [
        facts.billed(1),
        facts.billed(2, "0"),
        facts.billed(3, customer_key="microsoft-nce:partner-1:customer-2"),
    ]
    await desk.billed(*lines)
    [step] = await desk.steps("lines")
    assert (step.state, step.done, step.total, step.message) == ("done", 3, 3, "1 ready, 1 held, 1 ignored")
    assert step.counts == {"ready": 1, "held": 1, "ignored": 1, "pushed": 0, "failed": 0, "waiting": 0}
    [write] = await desk.steps("write")
    assert (write.state, write.total) == ("waiting", 0)
    await desk.agreement(name="Renamed")
    await desk.resolve()
    assert len(await desk.steps("lines")) == len(await desk.steps("write")) == 1


async def test_a_file_without_anything_new_is_said_to_be_that(desk: Desk) -> None:
    await desk.billed(facts.billed())
    again = facts.sealed([facts.billed()], run_id=LATER)
    await desk.tell(topics.INVOICE_SEALED, (again.document_id, again))
    await desk.resolve()
    assert [(one.run_id, one.state, one.message) for one in await desk.steps("lines")][1:] == [
        (LATER, "done", "nothing new")
    ]


async def test_more_lines_than_a_page_are_all_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoice_push.resolver.PAGE", 3)
    await desk.billed(*(facts.billed(number) for number in range(10)))
    assert {line.state for line in await desk.lines()} == {"ready"}


async def test_what_is_asked_during_a_look_is_looked_at_after_it(desk: Desk) -> None:
    await desk.tell(topics.INVOICE_LINES, (facts.CUSTOMER, facts.billed()))
    async with desk.db.all_tenants() as tx:
        [due] = [one for one in await store.due_tenants(tx) if one.tenant_id == desk.tenant]
    await desk.agreement(next_invoice=date(2027, 1, 1))
    await desk.resolver.resolve_tenant(due)
    async with desk.db.all_tenants() as tx:
        assert desk.tenant in [one.tenant_id for one in await store.due_tenants(tx)]


async def test_another_tenants_lines_are_not_seen(desk: Desk) -> None:
    await desk.billed(facts.billed())
    async with desk.db.transaction(["t-somebody-else"]) as tx:  # type: ignore[list-item]
        assert await store.lines(tx, 0, "", "", "", "", 10) == []
        assert await store.line(tx, facts.billed().identity) is None
