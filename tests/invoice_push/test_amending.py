"""A supplier changes what was billed already: only the difference is written, and never twice."""

from decimal import Decimal
from typing import Any

import pytest

from contracts import topics
from contracts.events import InvoiceLineReceived
from contracts.values import RunId
from invoice_push import readings
from invoice_push.readings import Stray
from tests.factories import facts
from tests.factories.grounds import until
from tests.factories.site import MONTHLY, PREMIUM, Site
from tests.factories.site import SECOND as ELSEWHERE
from tests.invoice_push.desk import Desk

pytestmark = pytest.mark.requirement("B1", "B3", "B12")

SECOND, THIRD = RunId("run-2"), RunId("run-3")


def amended(cost: str, version: int = 2, run: RunId = SECOND, **changes: Any) -> InvoiceLineReceived:
    """The only line in a later version of its document, with eleven seats or what is said."""
    seats = changes.pop("quantity", Decimal(cost) / Decimal("18.48"))
    return facts.billed(cost=cost, document_version=version, run_id=run, quantity=seats, **changes)


async def written(desk: Desk) -> None:
    """Ten seats for 184.80, sold for 203.28."""
    await desk.billed(facts.billed())
    await desk.pushed()


async def rows(desk: Desk) -> list[tuple[str, str, Decimal]]:
    """The proof in short; it is asked for, so it adds up."""
    return [(row.part, row.reason, row.cost) for row in (await desk.proof()).rows]


def money(desk: Desk) -> list[tuple[Any, ...]]:
    """Of all additions quantity, unit cost and unit price."""
    return [(one["quantity"], one["unitCost"], one["unitPrice"]) for one in desk.site.additions()]


@pytest.mark.requirement("R103")
async def test_one_seat_more_is_one_seat_on_the_same_agreement_after_approval(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("203.28"))
    assert await rows(desk) == [
        ("pushed", "", Decimal("184.80")),
        ("ready", "waiting for approval", Decimal("18.48")),
    ]
    [one] = await desk.corrections()
    assert (one.component, one.run_id, one.quantity, one.cost, one.price) == (
        "difference-1",
        SECOND,
        Decimal(1),
        Decimal("18.48"),
        Decimal("20.33"),
    )
    assert len(desk.site.written()) == 1
    await desk.pushed(SECOND)
    first, second = desk.site.additions()
    assert (second["agreementId"], second["product"]["id"]) == (first["agreementId"], first["product"]["id"])
    assert money(desk)[1] == (1, Decimal("18.48"), Decimal("20.328"))
    assert second["invoiceDescription"].startswith("Correction: Business Premium: cycleCharge 11 instead of 10, 2026")
    proof = await desk.proof()
    assert [(row.part, row.cost) for row in proof.rows] == [("pushed", Decimal("203.28"))]
    assert proof.price == Decimal("223.61")
    assert [(one.state, one.addition_id) for one in await desk.corrections()] == [("synced", second["id"])]
    assert [(one.state, one.run_id) for one in await desk.settled()] == [("synced", facts.RUN), ("synced", SECOND)]


async def test_a_run_counts_what_it_corrects(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("203.28"))
    lines = [one for one in await desk.steps("lines") if one.run_id == SECOND]
    assert (lines[-1].state, lines[-1].total, lines[-1].counts["ready"]) == ("done", 1, 1)
    await desk.pushed(SECOND)
    assert [(one.state, one.done) for one in await desk.steps("write") if one.run_id == SECOND][-1] == ("done", 1)


async def test_another_unit_amount_is_one_piece_for_exactly_the_difference(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("200.05", quantity=Decimal(11), list_unit=Decimal("18.20")))
    await desk.pushed(SECOND)
    assert money(desk)[1] == (1, Decimal("15.25"), Decimal("16.94"))  # 11 x 18.20 + 10 % = 220.22
    assert await rows(desk) == [("pushed", "", Decimal("200.05"))]


async def test_the_same_version_again_and_the_same_content_again_are_nothing(desk: Desk) -> None:
    await written(desk)
    await desk.billed(facts.billed())
    await desk.billed(facts.billed(document_version=2, run_id=SECOND, description="other words"))
    assert await desk.corrections() == []
    await desk.pushed(SECOND)
    assert len(desk.site.written()) == 1


async def test_what_is_below_zero_waits_for_a_person_who_lets_it_pass(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("166.32"))
    await desk.pushed(SECOND)
    assert len(desk.site.written()) == 1
    [held] = await desk.corrections()
    assert (held.state, held.reason, held.quantity, held.cost, held.price) == (
        "held",
        "below zero",
        Decimal(-1),
        Decimal("-18.48"),
        Decimal("-20.33"),
    )
    assert "assumed and not verified" in held.detail
    assert await rows(desk) == [("pushed", "", Decimal("184.80")), ("held", "below zero", Decimal("-18.48"))]
    assert await desk.credits_allowed(SECOND) == 1
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program()))  # looked at again: it stays allowed
    await desk.resolve()
    await desk.pushed(SECOND)
    assert money(desk)[1] == (1, Decimal("-18.48"), Decimal("-20.328"))
    assert await rows(desk) == [("pushed", "", Decimal("166.32"))]


async def test_what_was_let_pass_was_that_amount_and_no_other(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("166.32"))
    await desk.credits_allowed(SECOND)
    await desk.billed(amended("147.84", 3, SECOND))
    await desk.pushed(SECOND)
    assert [(one.number, one.state, one.cost) for one in await desk.corrections()] == [(1, "held", Decimal("-36.96"))]
    assert len(desk.site.written()) == 1


async def test_the_rounding_of_many_units_is_shown_as_that_and_amended_like_any(desk: Desk) -> None:
    many: dict[str, Any] = {"quantity": Decimal(30_000), "list_unit": Decimal("0.05")}
    await desk.billed(facts.billed(cost="1000.01", **many))
    await desk.pushed()
    assert await rows(desk) == [("pushed", "", Decimal("1000.02")), ("pushed", "rounding to cents", Decimal("-0.01"))]
    line = amended("999.51", **many)
    await desk.tell(topics.INVOICE_LINES, (line.customer_key, line))
    await desk.tell(topics.INVOICE_SEALED, (line.document_id, facts.sealed([line])))
    assert (await rows(desk))[1] == ("held", "amended after it was written", Decimal("-0.51"))


async def test_a_line_that_is_withdrawn_is_reversed_with_the_money_it_was_billed_for(desk: Desk) -> None:
    await written(desk)
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program(price_rule=facts.rule("50"))))
    await desk.withdrawn(facts.billed(run_id=SECOND), document_version=2)
    await desk.credits_allowed(SECOND)
    await desk.pushed(SECOND)
    assert money(desk)[1] == (10, Decimal("-18.48"), Decimal("-20.328"))
    assert [one.component for one in await desk.corrections()] == ["reversal-1"]
    assert await rows(desk) == [("pushed", "", Decimal("0.00"))]
    assert (await desk.proof()).price == 0


async def test_a_line_that_comes_back_is_billed_again_once(desk: Desk) -> None:
    await written(desk)
    await desk.withdrawn(facts.billed(run_id=SECOND), document_version=2)
    await desk.credits_allowed(SECOND)
    await desk.pushed(SECOND)
    await desk.billed(facts.billed(document_version=3, run_id=THIRD))
    await desk.pushed(THIRD)
    assert list(await desk.coverage()) == ["charge", "difference-2", "reversal-1"]
    assert await rows(desk) == [("pushed", "", Decimal("184.80"))]


async def test_amended_back_before_it_was_written_nothing_is_written(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("203.28"))
    await desk.billed(facts.billed(document_version=3, run_id=THIRD))
    await desk.pushed(SECOND)
    await desk.pushed(THIRD)
    assert len(desk.site.written()) == 1
    assert [(one.state, one.run_id) for one in await desk.corrections()] == [
        ("superseded", SECOND),
        ("ignored", THIRD),
    ]
    assert [one.total for one in await desk.steps("lines") if one.run_id == THIRD][-1] == 1


async def test_amended_back_after_it_was_written_the_difference_is_taken_back(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("203.28"))
    await desk.pushed(SECOND)
    await desk.billed(facts.billed(document_version=3, run_id=THIRD))
    await desk.credits_allowed(THIRD)
    await desk.pushed(THIRD)
    first, second = await desk.corrections()
    assert (second.component, second.cost, second.price) == ("difference-2", -first.cost, -first.price)
    assert await rows(desk) == [("pushed", "", Decimal("184.80"))]


async def test_what_is_queued_is_taken_back_and_written_as_it_is_charged_now(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await desk.billed(amended("203.28"))
    line = await desk.line()
    assert (line.state, line.run_id, line.generation) == ("ready", SECOND, 2)
    assert await desk.coverage() == {}
    await desk.delivered()
    assert desk.site.written() == []
    await desk.pushed(SECOND)
    assert money(desk) == [(11, Decimal("18.48"), Decimal("20.328"))]
    assert await desk.coverage() == {"charge": Decimal("203.28")}


async def test_what_is_queued_and_withdrawn_is_never_written_until_it_comes_back(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await desk.withdrawn(facts.billed(run_id=SECOND), document_version=2)
    assert (await desk.stands(), await desk.coverage()) == (("ignored", "zero", ""), {})
    await desk.delivered()
    assert desk.site.written() == []
    await desk.billed(facts.billed(document_version=3, run_id=THIRD))
    await desk.pushed(THIRD)
    assert len(desk.site.written()) == 1


async def test_what_was_refused_and_withdrawn_is_written_when_it_comes_back(desk: Desk) -> None:
    await desk.site.edit("catalog", 501, inactiveFlag=True)
    await written(desk)
    await desk.withdrawn(facts.billed(run_id=SECOND), document_version=2)
    await desk.site.edit("catalog", 501, inactiveFlag=False)
    await desk.billed(facts.billed(document_version=3, run_id=THIRD))
    await desk.pushed(THIRD)
    assert (await desk.stands())[0] == "synced"
    assert len(desk.site.written()) == 1


async def test_a_queued_correction_is_taken_back_for_a_newer_one(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("203.28"))
    await desk.approved(SECOND)
    await desk.billed(amended("221.76", 3, THIRD))
    assert [(one.component, one.state, one.cost) for one in await desk.corrections()] == [
        ("difference-1", "superseded", Decimal("18.48")),
        ("difference-2", "ready", Decimal("36.96")),
    ]
    await desk.pushed(THIRD)
    assert await desk.coverage() == {"charge": Decimal("184.80"), "difference-2": Decimal("36.96")}
    assert await rows(desk) == [("pushed", "", Decimal("221.76"))]


async def test_a_version_that_came_before_the_approval_and_was_not_looked_at_yet_is_not_forgotten(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("203.28"))
    newest = amended("221.76", 3, THIRD)
    await desk.tell(topics.INVOICE_LINES, (newest.customer_key, newest))
    await desk.approved(SECOND)
    await desk.resolve()
    await desk.pushed(THIRD)
    assert sum((await desk.coverage()).values()) == Decimal("221.76")
    assert len(desk.site.written()) == 2


async def test_an_amendment_waits_for_what_is_in_doubt_and_corrects_what_that_became(desk: Desk) -> None:
    await desk.site.fault("apply_late", method="POST", path="additions", nth=1, delay=0.6, tell="504")
    await desk.billed(facts.billed())
    await desk.approved()

    async def is_in_doubt() -> bool:
        return bool((await desk.operations()).get("ambiguous"))

    async with desk.delivering():
        await until(is_in_doubt)
        await desk.billed(amended("203.28"))
        assert (await desk.line()).state == "queued"
        assert await desk.corrections() == []
        assert [one.counts["waiting"] for one in await desk.steps("lines") if one.run_id == SECOND][-1] == 1
        await until(desk.is_settled)
    await desk.resolve()
    await desk.pushed(SECOND)
    assert [one["extCost"] for one in desk.site.additions()] == [Decimal("184.80"), Decimal("18.48")]


async def test_an_amendment_of_what_was_refused_is_written_whole(desk: Desk) -> None:
    await desk.site.edit("catalog", 501, inactiveFlag=True)
    await written(desk)
    assert (await desk.line()).state == "failed"
    await desk.site.edit("catalog", 501, inactiveFlag=False)
    await desk.billed(amended("203.28"))
    await desk.pushed(SECOND)
    assert money(desk) == [(11, Decimal("18.48"), Decimal("20.328"))]


async def test_a_correction_that_is_refused_fails_and_is_retried_under_another_number(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("203.28"))
    await desk.approved(SECOND)
    await desk.site.edit("catalog", 501, inactiveFlag=True)
    await desk.delivered()
    assert [(one.state, one.reason) for one in await desk.corrections()] == [("failed", "InvalidObject")]
    assert await rows(desk) == [
        ("pushed", "", Decimal("184.80")),
        ("failed", "InvalidObject", Decimal("18.48")),
    ]
    await desk.site.edit("catalog", 501, inactiveFlag=False)
    await desk.retried(SECOND)
    await desk.pushed(SECOND)
    assert [(one.component, one.state) for one in await desk.corrections()] == [
        ("difference-1", "superseded"),
        ("difference-2", "synced"),
    ]
    assert len(desk.site.written()) == 2


async def test_a_correction_that_has_no_price_or_no_open_period_is_held_with_its_cost(desk: Desk) -> None:
    await written(desk)
    await desk.agreement(MONTHLY, next_invoice=None)
    await desk.billed(amended("203.28"))
    assert await rows(desk) == [("pushed", "", Decimal("184.80")), ("held", "no open period", Decimal("18.48"))]
    await desk.agreement(MONTHLY)
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program(price_rule=None)))
    await desk.resolve()
    assert (await rows(desk))[1] == ("held", "no sell price", Decimal("18.48"))
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program()))
    await desk.resolve()
    await desk.pushed(SECOND)
    assert await rows(desk) == [("pushed", "", Decimal("203.28"))]


@pytest.mark.requirement("B17")
async def test_a_correction_is_held_while_its_agreement_is_in_another_currency(desk: Desk) -> None:
    await written(desk)
    await desk.agreement(MONTHLY, currency="EUR")
    await desk.billed(amended("203.28"))
    await desk.pushed(SECOND)
    assert (await rows(desk))[1] == ("held", "other currency than the agreement's", Decimal("18.48"))
    assert len(desk.site.written()) == 1


async def test_a_correction_is_held_while_its_site_is_out_of_reach(desk: Desk) -> None:
    await written(desk)
    first, other = desk.site, Site(desk.site.world, desk.site.url)
    gone = facts.connection(desk.tenant, first.site_id, first.url, first.company, enabled=False, removed=True)
    await desk.tell(topics.CONNECTIONS, (gone.connection_id, gone))
    await desk.billed(amended("203.28"))
    held = ("held", "no ConnectWise connection", Decimal("18.48"))
    assert (await rows(desk))[1] == held
    desk.site = other  # its ids name other agreements and products
    await desk.connected()
    await desk.pushed(SECOND)
    assert (await rows(desk))[1] == held
    assert [one.detail for one in await desk.corrections()] == [
        f"it was written to site {first.site_id}, the tenant is connected to {other.site_id}"
    ]
    desk.site = first
    await desk.connected()
    await desk.resolve()
    await desk.pushed(SECOND)
    assert (len(first.written()), other.written()) == (2, [])


async def there_since_a_backup(desk: Desk) -> Stray:
    """What this database has as pending was written after the backup that it was restored from."""
    async with desk.db.transaction([desk.tenant]) as tx:
        [mark] = await tx.column("select marker from operation where state = 'pending'")
    addition_id = await desk.site.add(
        MONTHLY,
        product={"id": PREMIUM},
        billCustomer="Billable",
        quantity=10,
        effectiveDate="2026-12-01T00:00:00Z",
        serialNumber=mark,
    )
    return Stray(MONTHLY, addition_id, mark)


async def test_what_an_older_backup_has_as_pending_is_not_billed_again_as_amended(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await there_since_a_backup(desk)
    await desk.billed(amended("203.28"))
    await desk.pushed(SECOND)
    state, reason, detail = await desk.stands()
    assert (state, reason) == ("failed", "conflict")
    assert detail.startswith("addition 1 is of an earlier try")
    assert len(desk.site.written()) == 1


async def test_nor_on_another_agreement(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    found = await there_since_a_backup(desk)
    async with desk.db.transaction([desk.tenant]) as tx:  # as the reading after the restore does
        await readings.keep_strays(tx, desk.tenant, [MONTHLY], [found])
    await desk.agreement(ELSEWHERE)
    await desk.mapped(agreement_id=ELSEWHERE)
    await desk.billed(amended("203.28"))
    await desk.pushed(SECOND)
    state, reason, detail = await desk.stands()
    assert (state, reason) == ("failed", "conflict")
    assert detail.startswith("addition 1 on agreement 1 has this line's marker")
    assert len(desk.site.written()) == 1


async def test_nor_is_a_correction_that_it_has_as_pending(desk: Desk) -> None:
    await written(desk)
    await desk.billed(amended("203.28"))
    await desk.approved(SECOND)
    await there_since_a_backup(desk)
    await desk.billed(amended("221.76", 3, THIRD))
    await desk.pushed(THIRD)
    assert [(one.component, one.state, one.reason) for one in await desk.corrections()] == [
        ("difference-1", "superseded", ""),
        ("difference-2", "failed", "conflict"),
    ]
    assert len(desk.site.written()) == 2


async def test_a_whole_document_that_is_withdrawn_is_reversed_line_by_line(desk: Desk) -> None:
    lines = [facts.billed(number) for number in range(3)]
    await desk.billed(*lines)
    await desk.pushed()
    await desk.withdrawn(*lines, document_version=2, run_id=SECOND)
    assert await desk.credits_allowed(SECOND) == 3
    await desk.pushed(SECOND)
    assert desk.site.cost() == 0
    assert (await desk.proof()).cost == 0
