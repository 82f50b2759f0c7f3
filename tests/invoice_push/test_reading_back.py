"""ConnectWise read back after a run: it says what differs and repairs nothing."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.values import Motion, RunId, SiteId
from delivery import OperationKey, marker
from invoice_push.reconciling import is_marker
from invoice_push.store import Reconciliation
from tests.factories import facts
from tests.factories.site import MAILBOX, MONTHLY, PREMIUM, SECOND
from tests.invoice_push.desk import Desk

pytestmark = pytest.mark.requirement("B3")

LATER = RunId("run-2")


async def written(desk: Desk, lines: int = 2) -> list[dict[str, Any]]:
    """Lines on one agreement, written."""
    await desk.billed(*(facts.billed(number) for number in range(lines)))
    await desk.pushed()
    return desk.site.additions()


def copy_of(addition: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An addition as a person's copy of it says it."""
    names = ("quantity", "unitPrice", "unitCost", "billCustomer", "effectiveDate", "cancelledDate", "serialNumber")
    values = {name: str(addition[name]) if name == "quantity" else addition[name] for name in names}
    numbers = {name: float(values[name]) for name in ("quantity", "unitPrice", "unitCost")}
    return values | numbers | {"product": {"id": addition["product"]["id"]}} | changes


def kinds(found: Reconciliation) -> list[str]:
    return [one["kind"] for one in found.differences]


async def test_what_stands_as_it_was_written_is_proven_in_money(desk: Desk) -> None:
    await written(desk)
    [found] = await desk.read_back()
    assert found.differences == []
    assert (found.agreement_name, found.company_id) == ("Cloud Monthly", 101)
    assert (found.additions, found.cost, found.price) == (2, Decimal("369.60"), Decimal("406.56"))
    assert (found.expected, found.expected_cost, found.expected_price) == (2, found.cost, found.price)
    [step] = await desk.steps("reconcile")
    assert (step.state, step.done, step.message) == ("done", 1, "1 agreements read back, all as written")


async def test_reading_back_twice_says_the_same_once(desk: Desk) -> None:
    await written(desk)
    assert [one.additions for one in await desk.read_back()] == [one.additions for one in await desk.read_back()] == [2]
    assert len(await desk.steps("reconcile")) == 2


async def test_an_addition_that_somebody_deleted_is_missing(desk: Desk) -> None:
    first, second = await written(desk)
    await desk.site.delete(MONTHLY, first["id"])
    [found] = await desk.read_back()
    [difference] = found.differences
    assert (difference["kind"], difference["remote_id"]) == ("missing", first["id"])
    assert (found.additions, found.expected) == (1, 2)
    assert found.cost == round(second["extCost"], 2)
    [step] = await desk.steps("reconcile")
    assert (step.state, step.counts, step.message) == (
        "failed",
        {"differences": 1},
        "1 agreements read back, 1 differences",
    )
    assert len(desk.site.additions()) == 1


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("quantity", 11, "quantity 11 instead of 10"),
        ("unitPrice", 20, "unit price 20 instead of 20.3280"),
        ("unitCost", 1, "unit cost 1 instead of 18.480000"),
        ("cancelledDate", "2026-12-15T00:00:00Z", "cancelled date 2026-12-15 instead of 2026-12-31"),
        ("cancelledDate", None, "cancelled date None instead of 2026-12-31"),
        ("product", {"id": MAILBOX}, f"product {MAILBOX} instead of {PREMIUM}"),
    ],
)
async def test_an_addition_that_somebody_edited_has_drifted(desk: Desk, member: str, value: Any, says: str) -> None:
    [addition] = await written(desk, 1)
    await desk.site.edit("additions", addition["id"], **{member: value})
    [found] = await desk.read_back()
    assert [(one["kind"], one["remote_id"], one["detail"]) for one in found.differences] == [
        ("drifted", addition["id"], says)
    ]


@pytest.mark.requirement("B18")
async def test_a_copy_on_its_own_agreement_is_a_duplicate(desk: Desk) -> None:
    [addition] = await written(desk, 1)
    twin = await desk.site.add(MONTHLY, **copy_of(addition))
    [found] = await desk.read_back()
    [difference] = found.differences
    assert difference["kind"] == "duplicate"
    assert str(twin) in difference["detail"]
    assert (found.additions, found.expected, found.cost) == (2, 1, 2 * found.expected_cost)


@pytest.mark.requirement("B18")
async def test_a_copy_on_another_agreement_is_said_to_be_that_once(desk: Desk) -> None:
    await desk.agreement(SECOND, name="Second")
    await desk.mapped(Motion.AZURE, SECOND)
    azure = facts.billed(2, "10.00", motion=Motion.AZURE, quantity=Decimal(1))
    await desk.billed(facts.billed(1), azure)
    await desk.pushed()
    [addition] = desk.site.additions(MONTHLY)
    copied = await desk.site.add(SECOND, **copy_of(addition))
    here, there = await desk.read_back()
    assert [(one["kind"], one["remote_id"], one["detail"]) for one in here.differences] == [
        ("copied", copied, "a copy of ours on agreement-4")
    ]
    assert there.differences == []
    assert (there.additions, there.expected) == (1, 1)


async def test_a_marker_that_no_operation_knows_is_unknown_and_other_numbers_are_nobodys_business(desk: Desk) -> None:
    [addition] = await written(desk, 1)
    ours = marker(SiteId("site"), OperationKey("of a lost database"))
    for serial in (ours, "SN-2026-000017", "x" * 32, "ü" * 32):
        await desk.site.add(MONTHLY, **copy_of(addition, serialNumber=serial))
    [found] = await desk.read_back()
    assert kinds(found) == ["unknown"]


async def test_only_the_agreements_of_the_run_are_read(desk: Desk) -> None:
    await written(desk, 1)
    assert await desk.read_back(LATER) == []
    [step] = await desk.steps("reconcile")
    assert (step.run_id, step.state, step.total) == (LATER, "done", 0)


async def test_nothing_is_changed_by_reading_back(desk: Desk) -> None:
    [addition] = await written(desk, 1)
    await desk.site.edit("additions", addition["id"], quantity=11)
    effects = len(desk.site.effects())
    await desk.read_back()
    assert len(desk.site.effects()) == effects


@given(st.text(min_size=1, max_size=50), st.text())
def test_markers_of_ours_are_told_from_other_serial_numbers(key: str, serial: str) -> None:
    assert is_marker(marker(SiteId("site"), OperationKey(key.encode("ascii", "replace").decode())))
    assert not is_marker(serial) or len(serial) == 32
