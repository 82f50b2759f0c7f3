"""Files to documents, lines and facts on PostgreSQL: all of a file or nothing, and only what is new is told."""

import asyncio
import json
import random
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_intake import importer, store
from billing_intake.importer import Importer
from contracts import topics
from contracts.values import BillingPlan, ProductKey
from storage import Transaction
from tests.billing_intake.desk import Desk, cost
from tests.factories.recon import charged, recon, seat

FEW = [seat(OrderId=f"order-{number}") for number in range(3)]
USD = "microsoft-nce:partner-1:G000000001:USD"
EUR = "microsoft-nce:partner-1:G000000001:EUR"


async def test_a_file_becomes_documents_lines_and_facts_in_exact_money(desk: Desk) -> None:
    rows = [
        seat(),
        charged("0.000001", OrderId="tiny", EffectiveUnitPrice="0.020949638479167800"),
        charged("-160.90", OrderId="back", ChargeType="addQuantity"),
    ]
    found = await desk.imported(recon(rows))
    assert (found.state, found.rows) == ("sealed", 3)
    told = await desk.told_lines()
    assert [line.cost for line in told] == [Decimal("184.80"), Decimal("0.000001"), Decimal("-160.90")]
    assert told[1].effective_unit == Decimal("0.0209496384791678")
    [sealed] = await desk.told_sealed()
    assert (sealed.lines, sealed.cost_total, sealed.tax_total) == (3, Decimal("23.900001"), Decimal("16.40"))
    assert sealed.cost_total == cost(told)
    assert {(line.document_version, line.run_id, line.file) for line in told} == {(1, found.import_id, "recon.csv")}


async def test_money_is_told_as_text(desk: Desk) -> None:
    await desk.imported(recon([charged("0E-20", UnitPrice="1e-7")]))
    async with desk.db.all_tenants() as tx:
        [value] = await tx.column(
            "select value from outbox where tenant_id = $1 and topic = $2", desk.tenant, topics.INVOICE_LINES.name
        )
    said = json.loads(value, parse_float=lambda text: pytest.fail(f"{text} is a number"))["data"]
    assert (said["cost"], said["list_unit"], said["row"]) == ("0", "0.0000001", 2)


@pytest.mark.requirement("B1")
async def test_the_same_file_again_is_nothing_and_says_so(desk: Desk) -> None:
    first = await desk.imported(recon(FEW))
    again = await desk.imported(recon(FEW[::-1]))
    assert again.state == "sealed"
    assert await desk.told_lines(again.import_id) == []
    [sealed] = await desk.told_sealed(again.import_id)
    assert (sealed.document_version, sealed.lines, sealed.removed_identities) == (1, 3, ())
    [document] = await desk.documents()
    assert (document.version, document.import_id) == (1, first.import_id)


@pytest.mark.requirement("B1")
async def test_a_corrected_file_is_a_new_version_and_only_the_difference_is_told(desk: Desk) -> None:
    await desk.imported(recon(FEW))
    before = await desk.told_lines()
    corrected = [FEW[2], seat(OrderId="new"), seat(OrderId="order-0", Subtotal="100", Total="116.40")]
    again = await desk.imported(recon(corrected))
    told = await desk.told_lines(again.import_id)
    assert [(line.row, line.cost, line.document_version) for line in told] == [(3, Decimal("184.80"), 2), (4, 100, 2)]
    assert told[1].identity == before[0].identity
    [sealed] = await desk.told_sealed(again.import_id)
    assert sealed.removed_identities == (before[1].identity,)
    assert (sealed.document_version, sealed.lines, sealed.cost_total) == (2, 3, Decimal("469.60"))
    assert [line.row for line in await desk.lines(USD)] == [2, 3, 4]


async def test_a_charge_that_comes_back_is_told_again(desk: Desk) -> None:
    await desk.imported(recon(FEW))
    await desk.imported(recon(FEW[:2]))
    back = await desk.imported(recon(FEW))
    [line] = await desk.told_lines(back.import_id)
    assert line.document_version == 3


async def test_more_lines_than_fit_into_a_record_may_disappear(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "MOST_REMOVED", 2)
    await desk.imported(recon([*FEW, *(seat(OrderId=f"gone-{number}") for number in range(5))]))
    again = await desk.imported(recon(FEW))
    parts = await desk.told_sealed(again.import_id)
    assert [len(part.removed_identities) for part in parts] == [2, 2, 1]
    assert len({identity for part in parts for identity in part.removed_identities}) == 5
    assert len({(part.document_version, part.lines, part.cost_total) for part in parts}) == 1


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_equal_charges_keep_their_ordinals_however_a_file_is_sorted(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (repeatable on purpose)
    rows = [
        charged(
            str(chance.randint(1, 3)),
            InvoiceNumber=f"G{seed}",
            UnitPrice=str(chance.randint(1, 3)),
            OrderDate=f"2026-10-0{chance.randint(1, 3)}",
        )
        for _ in range(8)
    ]
    await desk.imported(recon(rows))
    chance.shuffle(rows)
    again = await desk.imported(recon(rows))
    assert await desk.told_lines(again.import_id) == []
    [sealed] = await desk.told_sealed(again.import_id)
    assert sealed.document_version == 1


async def test_equal_charges_are_all_kept(desk: Desk) -> None:
    await desk.imported(recon([seat(), seat(), seat()]))
    told = await desk.told_lines()
    assert [line.identity.rpartition("-")[2] for line in told] == ["0", "1", "2"]
    assert cost(told) == Decimal("554.40")


@pytest.mark.requirement("B1")
async def test_one_number_in_two_currencies_is_two_documents(desk: Desk) -> None:
    await desk.imported(recon([seat(), seat(Currency="EUR", Subtotal="100", Total="116.40"), seat(OrderId="2")]))
    assert [(one.document_id, one.lines, one.cost_total) for one in await desk.documents()] == [
        (EUR, 1, 100),
        (USD, 2, Decimal("369.60")),
    ]
    assert {one.currency for one in await desk.told_sealed()} == {"EUR", "USD"}


@pytest.mark.requirement("B1")
@pytest.mark.parametrize("name", ["total", "G000000001", "USD"])
async def test_a_document_is_tied_by_its_total(desk: Desk, name: str) -> None:
    found = await desk.imported(recon(FEW), **{name: "603.60"})
    assert found.state == "sealed"
    assert [one.tied for one in await desk.documents()] == [True]
    assert [one.tied for one in await desk.told_sealed()] == [True]


@pytest.mark.requirement("B1")
async def test_a_document_that_was_not_tied_is_tied_by_the_same_file_with_its_total(desk: Desk) -> None:
    await desk.imported(recon(FEW))
    again = await desk.imported(recon(FEW), total="603.60")
    assert [one.tied for one in await desk.documents()] == [True]
    assert [one.tied for one in await desk.told_sealed()] == [False, True]
    assert await desk.told_lines(again.import_id) == []


@pytest.mark.requirement("B1")
async def test_another_total_refuses_everything_and_keeps_the_bytes(desk: Desk) -> None:
    content = recon([*FEW, seat(Currency="EUR")])
    found = await desk.imported(content, USD="603.61")
    assert (found.state, found.rows) == ("refused", 0)
    [refusal] = found.refusals
    assert refusal.rule == "total_differs"
    assert "add up to 603.60, the invoice says 603.61; difference -0.01" in refusal.message
    assert await desk.documents() == []
    assert await desk.told_everything() == []
    assert await desk.raw(found.import_id) == content


@pytest.mark.requirement("B1")
@pytest.mark.parametrize("name", ["total", "G000000001", "G2"])
async def test_a_total_of_no_certain_document_is_refused(desk: Desk, name: str) -> None:
    found = await desk.imported(recon([seat(), seat(Currency="EUR")]), **{name: "201.20"})
    assert (found.state, found.refusals[0].rule) == ("refused", "total_without_document")
    assert "USD" in found.refusals[0].message


async def test_a_refused_file_says_where_and_changes_nothing(desk: Desk) -> None:
    await desk.imported(recon(FEW))
    content = recon([*FEW, *(seat(Subtotal=f"x{number}") for number in range(100))])
    found = await desk.imported(content)
    assert found.state == "refused"
    assert len(found.refusals) == 50
    assert (found.refusals[0].row, found.refusals[0].column, found.refusals[0].value) == (5, "Subtotal", "x0")
    assert await desk.raw(found.import_id) == content
    [document] = await desk.documents()
    assert document.version == 1


@pytest.mark.parametrize(
    "content", [b"", b"{}", recon([]), b"\xff\xfebytes\x00"], ids=["empty", "json", "none", "utf16"]
)
async def test_whatever_came_is_kept_byte_for_byte(desk: Desk, content: bytes) -> None:
    found = await desk.imported(content)
    assert found.state == "refused"
    assert await desk.raw(found.import_id) == content


async def test_a_large_file_is_kept_byte_for_byte_in_pieces(desk: Desk) -> None:
    content = random.Random(7).randbytes(2_500_000)  # noqa: S311 (repeatable on purpose)
    found = await desk.imported(content)
    assert (found.state, found.bytes) == ("refused", 2_500_000)
    assert await desk.raw(found.import_id) == content


async def test_unknown_charge_types_are_counted_and_said(desk: Desk) -> None:
    found = await desk.imported(recon([seat(), charged("5", ChargeType="loyaltyAdjust")]))
    assert found.warnings == ["row 3: unknown charge type loyaltyAdjust"]
    [sealed] = await desk.told_sealed()
    assert sealed.cost_total == Decimal("189.80")
    assert (await desk.told_lines())[1].raw_kind == "loyaltyAdjust"


async def test_customers_and_products_are_told_once_each(desk: Desk) -> None:
    rows = [
        seat(OrderId="1"),
        seat(OrderId="2", CustomerName="Alder & Finch Ltd"),
        seat(OrderId="3", BillingFrequency="Annual"),
        charged("0", OrderId="4", ChargeType="removeQuantity", UnitPrice="18.48", EffectiveUnitPrice="0.6"),
    ]
    await desk.imported(recon(rows))
    [customer] = await desk.told(topics.CUSTOMERS)
    assert (customer.key, customer.name) == ("microsoft-nce:partner-1:customer-1", "Alder & Finch, Inc.")
    products = {ProductKey.parse(one.key).plan: one for one in await desk.told(topics.PRODUCTS)}
    assert sorted(products) == ["annual", "monthly"]
    assert products[BillingPlan.MONTHLY].unit_cost == Decimal("18.48")


async def test_a_products_amounts_are_in_its_own_currency(desk: Desk) -> None:
    await desk.imported(recon([seat(Currency="EUR", UnitPrice="10", EffectiveUnitPrice="9", PCToBCExchangeRate="0.9")]))
    [product] = await desk.told(topics.PRODUCTS)
    assert (product.currency, product.unit_price, product.unit_cost) == ("EUR", 9, Decimal("8.1"))


async def test_two_importers_read_a_file_once(desk: Desk) -> None:
    import_id = await desk.received(recon(FEW))
    await asyncio.gather(*(Importer(desk.db).read(desk.tenant, import_id) for _ in range(4)))
    assert (await desk.one(import_id)).state == "sealed"
    assert len(await desk.told_lines()) == 3
    assert len(await desk.told_sealed()) == 1


async def test_an_import_that_dies_half_way_leaves_nothing_and_is_made_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await desk.received(recon(FEW))
    saved = asyncio.Event()
    finish = store.finish

    async def never(tx: Transaction, *_: object) -> None:
        saved.set()
        await tx.value("select pg_sleep(60)")

    with monkeypatch.context() as dying:
        dying.setattr(store, "finish", never)
        reading = asyncio.ensure_future(Importer(desk.db).read(desk.tenant, import_id))
        await asyncio.wait_for(saved.wait(), 10)
        reading.cancel()
        await asyncio.wait([reading])
    assert store.finish is finish
    assert await desk.documents() == []
    assert await desk.told_everything() == []
    assert (await desk.one(import_id)).state == "received"
    await Importer(desk.db).read(desk.tenant, import_id)
    assert (await desk.one(import_id)).state == "sealed"
    assert len(await desk.told_lines()) == 3


async def test_what_waits_is_read_oldest_first_and_a_bad_file_stops_nothing(desk: Desk) -> None:
    waiting = [await desk.received(content) for content in (b"%PDF", recon(FEW), b"{}", recon(FEW))]
    stop = asyncio.Event()
    running = asyncio.ensure_future(Importer(desk.db).run(stop))

    try:
        await desk.read(waiting[-1])
    finally:
        stop.set()
        await running
    assert [(await desk.one(one)).state for one in waiting] == ["refused", "sealed", "refused", "sealed"]


async def test_tenants_do_not_see_each_others_files(desk: Desk) -> None:
    found = await desk.imported(recon(FEW))
    async with desk.db.transaction(["t-somebody-else"]) as tx:  # type: ignore[list-item]
        assert await store.one_import(tx, found.import_id) is None
        assert await store.documents(tx, "", 10) == []


def _wide(lines: int) -> Iterator[dict[str, str]]:
    return (seat(OrderId=f"order-{number}", SubscriptionId=f"{number:036d}") for number in range(lines))


async def test_memory_does_not_grow_with_the_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a batch holds decides, so smaller batches and files show the same in a fraction of the time.
    monkeypatch.setattr(importer, "BATCH", 250)
    peaks = []
    for lines in (500, 1_000, 10_000):
        import_id = await desk.received(recon(_wide(lines)))
        tracemalloc.start()
        await Importer(desk.db).read(desk.tenant, import_id)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (await desk.one(import_id)).rows == lines
    assert peaks[2] < peaks[1] * 2
