"""A change with an expectation is sent only while the record is as expected."""

import asyncio

import pytest

from connectwise import AdditionChange, AgreementChange, CatalogItemChange, Drifted
from httpkit import ApiError, NotAdmitted, Outcome
from tests.connectwise.rehearsal import MONTHLY, SEAT, Rehearsal
from tests.connectwise.site import calls, connected
from tests.httpkit.peer import Asked, in_turn, reply

AS_EXPECTED = {"id": 77, "quantity": 3.0, "effectiveDate": "2026-01-01T00:00:00Z", "product": {"id": 5, "name": "x"}}
AFTER = {**AS_EXPECTED, "quantity": 4}


async def test_record_as_expected_is_changed_after_a_fresh_read() -> None:
    async with connected(in_turn(reply(200, AS_EXPECTED), reply(200, AFTER))) as (psa, there):
        expected = AdditionChange(quantity=3, cancelled_date=None)
        await psa.additions(3).patch(77, AdditionChange(quantity=4), expected=expected)
    assert [asked.method for asked in calls(there)] == ["GET", "PATCH"]


async def test_drifted_record_is_not_written() -> None:
    found = {"id": 77, "quantity": 5, "cancelledDate": "2026-02-01T00:00:00Z"}
    async with connected(reply(200, found, headers={"x-cw-request-id": "r-1"})) as (psa, there):
        expected = AdditionChange(quantity=3, cancelled_date=None, taxable_flag=None)
        with pytest.raises(Drifted) as caught:
            await psa.additions(3).patch(77, AdditionChange(quantity=4), expected=expected)
    assert [asked.method for asked in calls(there)] == ["GET"]
    assert caught.value.fields == ("quantity", "cancelledDate")
    assert caught.value.expected == {"quantity": 3, "cancelledDate": None}
    assert caught.value.found == {"quantity": 5, "cancelledDate": "2026-02-01T00:00:00Z"}
    assert (caught.value.outcome, caught.value.code, caught.value.request_id) == (Outcome.REJECTED, "drifted", "r-1")


async def test_change_with_an_expectation_is_not_repeated() -> None:
    """Somebody may have changed the record since it was read."""
    async with connected(in_turn(reply(200, AS_EXPECTED), reply(500, {}), reply(200, AFTER))) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).patch(77, AdditionChange(quantity=4), expected=AdditionChange(quantity=3))
    assert caught.value.outcome is Outcome.AMBIGUOUS
    assert [asked.method for asked in calls(there)] == ["GET", "PATCH"]


async def test_record_that_cannot_be_read_is_not_written() -> None:
    for answer in (reply(404, {}), reply(200, {"id": 78, "quantity": 3})):
        async with connected(answer) as (psa, there):
            with pytest.raises(ApiError):
                await psa.additions(3).patch(77, AdditionChange(quantity=4), expected=AdditionChange(quantity=3))
        assert {asked.method for asked in calls(there)} == {"GET"}


async def test_read_counts_against_the_wait_for_the_budget() -> None:
    async def slow(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await reply(200, AS_EXPECTED)(asked, writer)

    async with connected(slow) as (psa, there):
        expected = AdditionChange(quantity=3)
        with pytest.raises(NotAdmitted):
            await psa.additions(3).patch(77, AdditionChange(quantity=4), expected=expected, admit_within=0.02)
    assert {asked.method for asked in calls(there)} == {"GET"}


async def test_edit_made_in_the_office_meanwhile_is_seen(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    (addition,) = await psa.additions(MONTHLY).list()
    agreement, item = await psa.agreements.get(MONTHLY), await psa.catalog.get(SEAT)
    for table, record_id, values in (
        ("additions", addition.id, {"quantity": 9}),
        ("agreements", MONTHLY, {"name": "Renamed"}),
        ("catalog", SEAT, {"price": 30}),
    ):
        edit = {"table": table, "id": record_id, "values": values}
        await rehearsal.control("POST", f"/sites/{rehearsal.company}/edit", edit)
    with pytest.raises(Drifted, match="quantity"):
        await psa.additions(MONTHLY).patch(
            addition.id, AdditionChange(unit_price=1), expected=AdditionChange.of(addition)
        )
    with pytest.raises(Drifted, match="name"):
        await psa.agreements.patch(MONTHLY, AgreementChange(bill_amount=1), expected=AgreementChange.of(agreement))
    with pytest.raises(Drifted, match="price"):
        await psa.catalog.patch(SEAT, CatalogItemChange(cost=1), expected=CatalogItemChange.of(item))
    assert rehearsal.asked("PATCH") == 0


async def test_texts_that_people_typed_are_as_expected() -> None:
    """Lines of their own and fields left empty, which we would write otherwise."""
    item = {"id": 5, "description": "Seat", "customerDescription": "", "vendorSku": "", "integrationXRef": "a\r\nb\n"}
    async with connected(in_turn(reply(200, item), reply(200, item), reply(200, {**item, "price": 2}))) as (psa, there):
        expected = CatalogItemChange.of(await psa.catalog.get(5))
        await psa.catalog.patch(5, CatalogItemChange(price=2), expected=expected)
    assert [asked.method for asked in calls(there)] == ["GET", "GET", "PATCH"]


async def test_whole_record_that_nobody_touched_is_as_expected(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    (addition,) = await psa.additions(MONTHLY).list()
    agreement, item = await psa.agreements.get(MONTHLY), await psa.catalog.get(SEAT)
    await psa.additions(MONTHLY).patch(addition.id, AdditionChange(quantity=4), expected=AdditionChange.of(addition))
    await psa.agreements.patch(MONTHLY, AgreementChange(name="A"), expected=AgreementChange.of(agreement))
    await psa.catalog.patch(SEAT, CatalogItemChange(cost=1), expected=CatalogItemChange.of(item))
    assert rehearsal.asked("PATCH") == 3
