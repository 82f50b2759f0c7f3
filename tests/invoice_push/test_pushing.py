"""The whole way to additions at a simulated ConnectWise, whose history is the judge."""

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from contracts import topics
from contracts.values import NO_RUN, ChargeKind, Currency, Motion, SiteId, to_cents
from devstack.layout import CHECKOUT
from invoice_push import store
from invoice_push.domain.proof import bridge, by_document
from tests.billing_intake.desk import Desk as Intake
from tests.factories import facts
from tests.factories.grounds import until
from tests.factories.site import CHILD, EURO, MONTHLY, ONE_TIME, SECOND
from tests.invoice_push.desk import Desk, total

EXAMPLE = CHECKOUT / "examples" / "partner-center" / "nce-recon.csv"
LINES = [
    facts.billed(1),
    facts.billed(2, "-160.90", kind=ChargeKind.QUANTITY, quantity=Decimal(10)),
    facts.billed(3, "193.08", kind=ChargeKind.QUANTITY, quantity=Decimal(12)),
    facts.billed(4, "10.00", quantity=Decimal(3), list_unit=Decimal("4.25")),
    facts.billed(5, "211.20", motion=Motion.SEAT_ANNUAL, kind=ChargeKind.RENEW, quantity=Decimal(1)),
]


async def on_the_one_time_agreement(desk: Desk) -> None:
    await desk.agreement(ONE_TIME, name="Cloud One-Time", one_time=True, cycle="One-Time", prorate=False)
    await desk.mapped(Motion.SEAT_ANNUAL, ONE_TIME)


@pytest.mark.requirement("R99", "R100", "R104", "B3")
async def test_lines_become_additions_for_exactly_their_money(desk: Desk) -> None:
    await on_the_one_time_agreement(desk)
    await desk.tell(topics.PROGRAMS, ("program-1", facts.program(price_rule=facts.rule("10", allow=True))))
    await desk.billed(*LINES)
    await desk.pushed()
    lines = await desk.lines()
    assert {line.state for line in lines} == {"synced"}
    there = {one["id"]: one for one in desk.site.additions()}
    assert len(there) == len(LINES)
    for line in lines:
        assert line.addition_id is not None
        addition = there[line.addition_id]
        assert to_cents(addition["extCost"]) == line.source_cost == line.written_cost
        assert to_cents(addition["extPrice"]) == line.written_price
        assert addition["invoiceDescription"].startswith(f"Business Premium: cycleCharge {line.quantity}, 2026-10-15")
        assert addition["prorateCurrentPeriodFlag"] is False
    proof = await desk.proof()
    assert [(row.part, row.lines, row.cost) for row in proof.rows] == [("pushed", 5, total(LINES))]
    assert proof.price == sum(line.written_price for line in lines)
    assert {one["agreementId"] for one in there.values()} == {MONTHLY, ONE_TIME}


async def test_the_example_file_is_recorded_as_it_was_told(desk: Desk, intake: Intake) -> None:
    await intake.imported(EXAMPLE.read_bytes())
    told, sealed = await intake.told_lines(), await intake.told_sealed()
    await desk.tell(topics.INVOICE_LINES, *((line.customer_key, line) for line in told))
    await desk.tell(topics.INVOICE_SEALED, *((one.document_id, one) for one in sealed))
    await desk.resolve()
    async with desk.db.transaction([desk.tenant]) as tx:
        documents = await store.documents_of_run(tx, desk.tenant, NO_RUN, "", 10)
        sums = by_document(await store.sums(tx, desk.tenant, [one.document_id for one in documents]))
    assert [(one.currency, one.cost_total) for one in documents] == [(one.currency, one.cost_total) for one in sealed]
    assert [bridge(one, sums[one.document_id]).unexplained for one in documents] == [0, 0]
    assert sum(one.lines for found in sums.values() for one in found) == sum(one.lines for one in sealed) == len(told)


async def test_what_was_queued_for_one_site_is_never_sent_to_another(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    there = (SiteId("site-elsewhere"), desk.site.url, desk.site.company)
    elsewhere = facts.connection(desk.tenant, *there, connection_id="connection-2")
    gone = elsewhere.model_copy(update={"removed": True, "private_key": None})
    ours = facts.connection(desk.tenant, desk.site.site_id, *there[1:])
    await desk.tell(topics.CONNECTIONS, ("connection-1", gone), ("connection-2", elsewhere))
    async with desk.delivering():

        async def is_paused() -> bool:
            return "site-elsewhere now" in (await desk.pauses()).get(f"agreement-{MONTHLY}", "")

        await until(is_paused)
        assert desk.site.written() == []
        await desk.tell(topics.CONNECTIONS, ("connection-2", gone), ("connection-1", ours))
        await desk.resumed()
        await until(desk.is_settled)
    assert len(desk.site.written()) == 1


@pytest.mark.requirement("R103")
async def test_nothing_is_written_before_approval(desk: Desk) -> None:
    await desk.billed(facts.billed())
    async with desk.delivering():
        await desk.resolve()
        assert await desk.operations() == {}
    assert desk.site.written() == []
    assert (await desk.line()).state == "ready"


@pytest.mark.requirement("R104")
async def test_approving_twice_writes_once(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await desk.approved()
    await desk.delivered()
    await desk.pushed()
    assert len(desk.site.written()) == 1
    assert [one.state for one in await desk.settled()] == ["synced"]


@pytest.mark.requirement("R103")
async def test_approval_of_a_run_writes_that_runs_lines_only(desk: Desk) -> None:
    await desk.billed(facts.billed(1))
    await desk.tell(topics.INVOICE_LINES, (facts.CUSTOMER, facts.billed(2, run_id="run-2")))
    await desk.resolve()
    await desk.pushed()
    assert [line.state for line in await desk.lines()] == ["synced", "ready"]


async def test_steps_and_facts_say_what_was_written(desk: Desk) -> None:
    await desk.billed(facts.billed(1), facts.billed(2))
    await desk.approved()
    await desk.resolve()
    await desk.delivered()
    assert [(one.state, one.done, one.total) for one in await desk.steps("write")] == [
        ("waiting", 0, 0),
        ("running", 0, 2),
        ("done", 2, 2),
    ]
    assert (await desk.steps("write"))[-1].message == "2 written"
    assert {(one.state, one.agreement_id) for one in await desk.settled()} == {("synced", MONTHLY)}
    assert sorted(one.addition_id or 0 for one in await desk.settled()) == sorted(
        one["id"] for one in desk.site.additions()
    )


@pytest.mark.requirement("B8")
@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ({"nextInvoiceDate": "2027-01-01T00:00:00Z"}, "next invoice date was 2026-12-01, is 2027-01-01"),
        ({"prorateFlag": False}, "proration was True, is False"),
        ({"company": {"id": 102}}, "company was 101, is 102"),
        ({"currency": {"name": "Euro"}}, "currency was USD, is EUR"),
    ],
)
async def test_an_agreement_that_changed_since_it_was_planned_is_a_conflict_and_nothing_is_sent(
    desk: Desk, edited: dict[str, Any], said: str
) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await desk.site.edit("agreements", MONTHLY, **edited)
    await desk.delivered()
    assert await desk.stands() == ("failed", "changed", f"the agreement changed since it was planned: {said}")
    assert desk.site.written() == []
    assert [(one.state, one.reason) for one in await desk.settled()] == [("failed", "changed")]
    assert [row.part for row in (await desk.proof()).rows] == ["failed"]
    assert (await desk.steps("write"))[-1].message == "0 written, 1 failed"


@pytest.mark.requirement("B8")
async def test_a_childs_parent_is_part_of_what_was_planned_on(desk: Desk) -> None:
    await desk.agreement(
        CHILD,
        next_invoice=date(2026, 11, 1),
        parent_id=MONTHLY,
        parent_next_invoice=date(2026, 12, 1),
        parent_prorate=True,
    )
    await desk.mapped(agreement_id=CHILD)
    await desk.billed(facts.billed(1))
    await desk.pushed()
    [addition] = desk.site.additions(CHILD)
    assert addition["effectiveDate"][:10] == "2026-12-01"
    await desk.tell(topics.INVOICE_LINES, (facts.CUSTOMER, facts.billed(2)))
    await desk.resolve()
    await desk.approved()
    await desk.site.edit("agreements", MONTHLY, prorateFlag=False)
    await desk.delivered()
    assert "parent's proration was True, is False" in (await desk.lines())[1].detail
    assert len(desk.site.written()) == 1


@pytest.mark.requirement("B8")
async def test_what_an_agreements_change_had_stopped_is_written_once_by_its_next_plan(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await desk.site.edit("agreements", MONTHLY, prorateFlag=False)
    await desk.delivered()
    await desk.agreement(prorate=False)
    await desk.billed(facts.billed(document_version=2, cost="200.00"))
    assert desk.site.written() == []
    await desk.pushed()
    assert (await desk.stands())[:2] == ("synced", "")
    assert len(desk.site.written()) == 1
    assert (await desk.proof()).cost == 200


@pytest.mark.requirement("R116")
async def test_nothing_is_written_to_a_cancelled_agreement(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await desk.site.edit(
        "agreements", MONTHLY, cancelledFlag=True, dateCancelled="2026-11-01T00:00:00Z", agreementStatus="Cancelled"
    )
    await desk.delivered()
    assert await desk.stands() == ("failed", "stale", "the agreement is Cancelled")
    assert desk.site.written() == []


@pytest.mark.requirement("R116")
async def test_what_was_stale_is_written_once_after_a_new_mapping_and_a_retry(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await desk.site.edit(
        "agreements", MONTHLY, cancelledFlag=True, dateCancelled="2026-11-01T00:00:00Z", agreementStatus="Cancelled"
    )
    await desk.delivered()
    await desk.agreement(SECOND, name="Second")
    await desk.mapped(agreement_id=SECOND)
    await desk.retried()
    await desk.pushed()
    [addition] = desk.site.additions()
    assert addition["agreementId"] == SECOND
    assert (await desk.stands())[0] == "synced"


@pytest.mark.requirement("R104")
async def test_what_connectwise_refuses_is_said_in_its_words_and_can_be_retried(desk: Desk) -> None:
    await desk.site.edit("catalog", 501, inactiveFlag=True)
    await desk.billed(facts.billed())
    await desk.pushed()
    state, reason, detail = await desk.stands()
    assert (state, reason) == ("failed", "InvalidObject")
    assert "PREMIUM is inactive" in detail
    await desk.site.edit("catalog", 501, inactiveFlag=False)
    await desk.retried()
    assert (await desk.stands())[0] == "ready"
    await desk.pushed()
    assert (await desk.stands())[0] == "synced"
    assert len(desk.site.written()) == 1


async def test_a_euro_line_goes_to_the_euro_agreement(desk: Desk) -> None:
    await desk.agreement(EURO, name="Euro", currency="EUR")
    await desk.mapped(agreement_id=EURO)
    await desk.billed(facts.billed(currency=Currency("EUR")))
    await desk.pushed()
    assert [one["agreementId"] for one in desk.site.additions()] == [EURO]


@pytest.mark.requirement("R6")
async def test_a_key_that_is_revoked_in_the_middle_pauses_the_tenant_until_a_new_one_comes(desk: Desk) -> None:
    await desk.site.fault("slow", path="additions", method="POST", delay=0.02)
    await desk.billed(*(facts.billed(number) for number in range(12)))
    await desk.approved()

    async def some_are_written() -> bool:
        return len(desk.site.written()) >= 3

    async def is_paused() -> bool:
        return "" in await desk.pauses()

    async with desk.delivering():
        await until(some_are_written)
        await desk.site.key(revoked=True)
        await until(is_paused)
        assert not await desk.is_settled()
        written = len(desk.site.written())
        await desk.site.key(public="fresh", private="fresh", role="sync")
        await desk.connected(public_key="fresh", private="fresh")
        await until(desk.is_settled)
    assert written < 12
    assert await desk.pauses() == {}
    assert max(Counter(desk.site.written()).values()) == 1
    assert len(desk.site.written()) == 12


@pytest.mark.requirement("R13", "R14")
async def test_a_role_without_the_right_to_add_pauses_the_agreement_and_names_the_right(desk: Desk) -> None:
    await desk.site.key(role="reader")
    await desk.agreement(SECOND, name="Second")
    await desk.mapped(Motion.AZURE, SECOND)
    await desk.billed(facts.billed(1), facts.billed(2, "10.00", motion=Motion.AZURE, quantity=Decimal(1)))
    await desk.approved()

    async def are_paused() -> bool:
        return len(await desk.pauses()) == 2

    async with desk.delivering():
        await until(are_paused)
        paused = await desk.pauses()
        assert sorted(paused) == ["agreement-1", "agreement-4"]
        assert all("security role lacks Finance > Agreements: Add" in said for said in paused.values())
        assert desk.site.written() == []
        await desk.site.key(role="sync")
        await desk.resumed()
        await until(desk.is_settled)
    assert len(desk.site.written()) == 2


@pytest.mark.requirement("R1", "R35")
async def test_a_setup_that_is_not_ready_stops_writing_and_goes_on_when_it_is(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()
    await desk.tell(topics.SETUP, (desk.tenant, facts.setup(features=(), status="not_ready")))
    async with desk.delivering():
        await until(desk.is_owned)
        assert (desk.site.calls(), await desk.is_settled()) == (0, False)
        await desk.tell(topics.SETUP, (desk.tenant, facts.setup()))
        await until(desk.is_settled)
    assert len(desk.site.written()) == 1


@pytest.mark.parametrize(
    "kind", ["reset_after", "504_after", "html", "truncated", "wrong_id", "silent_after", "500_before", "reset_before"]
)
async def test_an_answer_that_is_lost_writes_once(desk: Desk, kind: str) -> None:
    await desk.site.fault(kind, method="POST", path="additions", nth=2)
    await desk.billed(*(facts.billed(number) for number in range(4)))
    await desk.pushed()
    assert {line.state for line in await desk.lines()} == {"synced"}
    assert Counter(desk.site.written()) == dict.fromkeys(desk.site.written(), 1)
    assert len(desk.site.written()) == 4


@pytest.mark.parametrize("tell", ["504", "reset", "silence"])
async def test_what_is_applied_after_its_answer_is_found_and_not_written_again(desk: Desk, tell: str) -> None:
    await desk.site.fault("apply_late", method="POST", path="additions", nth=1, delay=0.8, tell=tell)
    await desk.billed(facts.billed(1), facts.billed(2))
    await desk.pushed()
    assert {line.state for line in await desk.lines()} == {"synced"}
    assert sorted(Counter(desk.site.written()).values()) == [1, 1]


async def test_two_processes_write_once(desk: Desk) -> None:
    await desk.billed(*(facts.billed(number) for number in range(20)))
    await desk.approved()
    async with desk.delivering(), desk.delivering():
        await until(desk.is_settled)
    assert len(desk.site.written()) == len(set(desk.site.written())) == 20


@pytest.mark.parametrize("after", [1, 3, 7])
async def test_a_delivery_that_is_killed_in_the_middle_is_finished_by_the_next_one_exactly_once(
    desk: Desk, after: int
) -> None:
    await desk.site.fault("slow_answer", method="POST", path="additions", delay=0.05)
    lines = [facts.billed(number) for number in range(10)]
    await desk.billed(*lines)
    await desk.approved()

    async def enough() -> bool:
        return len(desk.site.written()) >= after

    async with desk.delivering() as worker:
        await until(enough)
        await worker.kill()
    assert len(desk.site.written()) < len(lines)
    await desk.delivered()
    assert Counter(desk.site.written()) == dict.fromkeys(desk.site.written(), 1)
    assert len(desk.site.written()) == len(lines)
    assert [row.part for row in (await desk.proof()).rows] == ["pushed"]
    assert to_cents(desk.site.cost()) == total(lines)
