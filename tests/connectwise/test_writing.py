"""Creations and patches, on a real socket: one POST, verified results, certain outcomes."""

import asyncio
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from connectwise import (
    AdditionChange,
    CatalogItemChange,
    CustomFieldValue,
    NewAddition,
    NewCatalogItem,
    NotApplied,
    Ref,
)
from connectwise.models.values import shows
from httpkit import ApiError, NotAdmitted, Outcome
from tests.connectwise.site import BASE, INFO, calls, connected
from tests.httpkit.peer import Behaviour, bytes_then_close, in_turn, reply, reset, silence

MARKER = "K5XW6ZLTON2GK3DMMFRGK4TJNZSXG4ZA"


def addition(**more: Any) -> NewAddition:
    return NewAddition(
        product=Ref(id=5),
        quantity=Decimal("17.600000"),
        effective_date=date(2025, 1, 31),
        serial_number=MARKER,
        **more,
    )


@pytest.mark.requirement("R99")
async def test_addition_is_created_by_one_post() -> None:
    answer = {"id": 77, "serialNumber": MARKER, "quantity": 17.6}
    async with connected(reply(201, answer, headers={"x-cw-request-id": "r-1"})) as (psa, there):
        created = await psa.additions(3).create(addition(unit_price=Decimal("0.10")))
    assert (created.id, created.request_id) == (77, "r-1")
    (asked,) = calls(there)
    assert (asked.method, asked.target) == ("POST", f"{BASE}/finance/agreements/3/additions")
    assert asked.body == (
        b'{"product":{"id":5},"quantity":17.600000,"billCustomer":"Billable","unitPrice":0.10,'
        b'"effectiveDate":"2025-01-31T00:00:00Z","serialNumber":"' + MARKER.encode() + b'"}'
    )


@pytest.mark.parametrize(
    "behaviour",
    [
        reply(201, raw=b""),
        reply(201, raw=b"<html>done</html>"),
        reply(201, {"id": 77}),
        reply(201, {"id": 77, "serialNumber": "ANOTHER"}),
        reply(201, {"serialNumber": MARKER}),
        reply(201, []),
        reply(500, {"code": "ConnectWiseApi", "message": "A timeout has occured. Please try again."}),
        bytes_then_close(b'HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{"id": 77'),
        reset,
    ],
)
async def test_creation_without_a_clear_answer_is_ambiguous_and_not_repeated(behaviour: Behaviour) -> None:
    async with connected(behaviour) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).create(addition())
    assert caught.value.outcome is Outcome.AMBIGUOUS
    assert len(calls(there)) == 1


async def test_creation_on_a_moved_api_is_not_repeated() -> None:
    async with connected(reply(404, {}), in_turn(reply(200, INFO), reply(200, {"Codebase": "v2025_2"}))) as (
        psa,
        there,
    ):
        await psa._calls._discovery.base_path()
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).create(addition())
        assert await psa._calls._discovery.base_path() == "/v2025_2/apis/3.0"
    assert (caught.value.outcome, caught.value.code) == (Outcome.NOT_FOUND, "api_moved")
    assert len(calls(there)) == 1


async def test_creation_is_not_sent_while_the_api_cannot_be_found() -> None:
    async with connected(reply(201, {}), reply(503, {})) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).create(addition())
    assert caught.value.outcome is Outcome.NOT_SENT
    assert calls(there) == []


async def test_creation_waits_no_longer_than_it_may() -> None:
    async with connected(silence) as (psa, there):
        psa._api._limiter.throttled(sent_at=asyncio.get_running_loop().time(), retry_after=60.0)
        psa._calls._discovery._base_path = BASE
        with pytest.raises(NotAdmitted) as caught:
            await psa.additions(3).create(addition(), admit_within=0.05)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert calls(there) == []


async def test_rejection_names_the_field() -> None:
    body = {
        "code": "InvalidObject",
        "message": "addition object is invalid",
        "errors": [{"code": "X", "message": "effectiveDate cannot be less", "field": "effectiveDate"}],
    }
    async with connected(reply(400, body, headers={"x-cw-request-id": "r-9"})) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).create(addition())
    assert (caught.value.outcome, caught.value.code, caught.value.request_id) == (
        Outcome.REJECTED,
        "InvalidObject",
        "r-9",
    )
    assert [error.field for error in caught.value.field_errors] == ["effectiveDate"]


async def test_patch_replaces_members_and_verifies_them() -> None:
    after = {"id": 77, "quantity": 3, "cancelledDate": "2025-02-28T00:00:00Z", "taxableFlag": False}
    async with connected(reply(200, after)) as (psa, there):
        change = AdditionChange(quantity=Decimal("3.00"), cancelled_date=date(2025, 2, 28), taxable_flag=False)
        patched = await psa.additions(3).patch(77, change)
    assert patched.quantity == 3
    (asked,) = calls(there)
    assert (asked.method, asked.path) == ("PATCH", f"{BASE}/finance/agreements/3/additions/77")
    assert json.loads(asked.body) == [
        {"op": "replace", "path": "quantity", "value": 3.0},
        {"op": "replace", "path": "cancelledDate", "value": "2025-02-28T00:00:00Z"},
        {"op": "replace", "path": "taxableFlag", "value": False},
    ]


@pytest.mark.parametrize(
    ("after", "fields"),
    [
        ({"id": 77, "quantity": 2}, ("quantity", "taxableFlag")),
        ({"id": 77, "quantity": 3, "taxableFlag": True}, ("taxableFlag",)),
        ({"id": 78, "quantity": 3}, ("taxableFlag",)),
        ({"id": 78, "quantity": 3, "taxableFlag": False}, ("id",)),
    ],
)
async def test_success_without_the_change_is_not_believed(after: dict[str, Any], fields: tuple[str, ...]) -> None:
    async with connected(reply(200, after)) as (psa, _):
        with pytest.raises(NotApplied) as caught:
            await psa.additions(3).patch(77, AdditionChange(quantity=3, taxable_flag=False))
    assert caught.value.outcome is Outcome.AMBIGUOUS
    assert caught.value.fields == fields


async def test_cleared_member_is_absent_afterwards() -> None:
    async with connected(in_turn(reply(200, {"id": 77}), reply(200, {"id": 77, "cancelledDate": "x"}))) as (psa, there):
        await psa.additions(3).patch(77, AdditionChange(cancelled_date=None))
        with pytest.raises(ApiError):
            await psa.additions(3).patch(77, AdditionChange(cancelled_date=None))
    assert json.loads(calls(there)[0].body) == [{"op": "replace", "path": "cancelledDate", "value": None}]


@pytest.mark.parametrize("second", [reply(401, {}), reply(409, {}), reply(404, {})])
async def test_patch_whose_attempt_was_lost_stays_in_doubt_whatever_the_next_one_says(second: Behaviour) -> None:
    async with connected(in_turn(reset, second)) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.additions(3).patch(77, AdditionChange(quantity=2))
    assert caught.value.outcome is Outcome.AMBIGUOUS
    assert isinstance(caught.value.__cause__, ApiError)
    assert len(calls(there)) == 2


async def test_patch_is_repeated_unless_the_caller_asks_for_one_attempt() -> None:
    async with connected(in_turn(reset, reply(200, {"id": 77, "quantity": 3}))) as (psa, there):
        await psa.additions(3).patch(77, AdditionChange(quantity=3))
    assert len(calls(there)) == 2
    async with connected(reset) as (psa, there):
        with pytest.raises(ApiError):
            await psa.additions(3).patch(77, AdditionChange(quantity=3), attempts=1)
    assert len(calls(there)) == 1


async def test_empty_change_is_refused() -> None:
    async with connected(reply(200, {})) as (psa, there):
        with pytest.raises(ValueError, match="changes something"):
            await psa.additions(3).patch(77, AdditionChange())
    assert there.asked == []


async def test_reference_is_replaced_whole() -> None:
    after = {"id": 4, "unitOfMeasure": {"id": 2, "name": "Each"}, "price": 1.5}
    async with connected(reply(200, after)) as (psa, there):
        await psa.catalog.patch(4, CatalogItemChange(unit_of_measure=Ref(id=2), price=Decimal("1.5")))
    assert json.loads(calls(there)[0].body)[0] == {"op": "replace", "path": "unitOfMeasure", "value": {"id": 2}}


async def test_catalog_item_is_recognised_by_its_reference() -> None:
    item = NewCatalogItem(
        identifier="CFQ7:0001",
        description="Plan",
        customer_description="Plan",
        subcategory=Ref(id=1),
        type=Ref(id=2),
        integration_x_ref=MARKER,
    )
    async with connected(reply(201, {"id": 4, "integrationXRef": "other"})) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.catalog.create(item)
    assert caught.value.code == "foreign_answer"


@pytest.mark.parametrize(
    "members",
    [
        {"margin": Decimal(1)},
        {"ext_price": Decimal(1)},
        {"description": "computed by the site"},
        {"serial_number": "x" * 51},
        {"invoice_description": "x" * 6001},
        {"quantity": 0.1},
        {"quantity": True},
    ],
)
def test_read_only_long_or_inexact_members_are_refused_before_any_call(members: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AdditionChange(**members)


def test_line_breaks_become_blanks_as_the_site_shows_them() -> None:
    new = addition(invoice_description="two\r\nlines\tand\x00more")
    assert new.wire()["invoiceDescription"] == "two lines and more"


@pytest.mark.parametrize("text", ["Café\xa0Noir", "全角\u3000社", "👩\u200d💻 Ada"])
def test_blanks_and_joiners_of_a_script_are_written_as_they_are(text: str) -> None:
    assert addition(invoice_description=text).wire()["invoiceDescription"] == text
    assert not shows("Café Noir", "Café\xa0Noir")


def test_draft_survives_storage_as_json() -> None:
    new = addition(unit_price=Decimal("1.230000"))
    again = NewAddition.model_validate_json(new.model_dump_json(exclude_unset=True))
    assert again.wire() == new.wire()


async def test_invoice_is_made_by_one_post_without_a_body() -> None:
    async with connected(reply(201, 4711)) as (psa, there):
        assert await psa.agreements.invoice(3) == 4711
    assert [(asked.method, asked.target, asked.body) for asked in calls(there)] == [
        ("POST", f"{BASE}/finance/agreements/3/invoice", b"")
    ]


@pytest.mark.parametrize("answer", [reply(201, {"id": 4711}), reply(201, True), reply(201, raw=b""), reset])
async def test_invoice_without_an_id_is_ambiguous_and_not_repeated(answer: Behaviour) -> None:
    async with connected(answer) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.agreements.invoice(3)
    assert caught.value.outcome is Outcome.AMBIGUOUS
    assert len(calls(there)) == 1


@pytest.mark.parametrize("answer", [reply(201, {"id": 3}), reply(201, {}), reply(500, {}), reset])
async def test_copy_that_is_no_new_agreement_is_ambiguous_and_not_repeated(answer: Behaviour) -> None:
    async with connected(answer) as (psa, there):
        with pytest.raises(ApiError) as caught:
            await psa.agreements.copy(3)
    assert caught.value.outcome is Outcome.AMBIGUOUS
    assert len(calls(there)) == 1


def test_number_in_a_custom_field_may_come_back_as_a_number() -> None:
    """A draft that was kept as JSON has its decimals as text."""
    kept = CustomFieldValue.model_validate_json(CustomFieldValue(id=1, value=Decimal("1.50")).model_dump_json())
    assert shows([{"id": 1, "value": Decimal("1.5")}], [kept.wire()])
    assert not shows([{"id": 1, "value": Decimal("1.6")}], [kept.wire()])
    assert not shows([{"id": 1, "value": True}], [{"id": 1, "value": "1"}])
