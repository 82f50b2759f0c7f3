"""Which existing item stands for a product."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_sync.domain.adoption import Candidate, Several, Wanted, adopt, adopt_each
from catalog_sync.domain.items import plan_identifier
from contracts.values import BillingPlan

SKU = "X:1"
OURS, FOREIGN = "A" * 32, "B" * 32


def wanted(plan: BillingPlan = BillingPlan.MONTHLY, key: str = "", marker: str = OURS) -> Wanted:
    return Wanted(key or f"key-{plan}", SKU, plan, plan_identifier(SKU, plan), frozenset({marker}))


def item(item_id: int = 1, identifier: str = "ANY", sku: str = "", marker: str = "") -> Candidate:
    return Candidate(item_id, identifier, sku, marker)


@pytest.mark.requirement("C10")
@pytest.mark.parametrize(
    ("found", "adopted"),
    [
        ([], None),
        ([item(1, marker=OURS), item(2, sku=SKU), item(3, "PC_X:1")], 1),
        ([item(2, sku=SKU.lower()), item(3, "PC_X:1")], 2),
        ([item(3, "pc_x:1")], 3),
        ([item(4, "PC_X:1-M")], 4),
        ([item(5, "PC_X:1-A", SKU)], None),
        ([item(5, "PC_X:1-A", SKU), item(6, "PC_X:1-M", SKU)], 6),
        ([item(7, "PC_X:1-M", SKU, FOREIGN)], None),
        ([item(8, "PC_X:1-M", SKU, "erp-4711")], 8),
        ([item(9, "OTHER", "OTHER")], None),
    ],
)
def test_marker_before_vendor_sku_before_identifier(found: list[Candidate], adopted: int | None) -> None:
    chosen = adopt(wanted(), found, {})
    assert (chosen.item_id if isinstance(chosen, Candidate) else chosen) == adopted


@pytest.mark.requirement("C10")
@pytest.mark.parametrize(
    "found",
    [
        [item(1, marker=OURS), item(2, marker=OURS)],
        [item(1, sku=SKU), item(2, sku=SKU)],
        [item(1, "PC_X:1"), item(2, "PC_X:1-M")],
    ],
)
def test_several_are_a_question(found: list[Candidate]) -> None:
    chosen = adopt(wanted(), found, {})
    assert isinstance(chosen, Several)
    assert "id 1" in chosen.question
    assert "id 2" in chosen.question


def test_an_item_that_stands_for_another_product_is_not_adopted() -> None:
    assert adopt(wanted(), [item(1, "PC_X:1", SKU)], {1: "another"}) is None
    assert adopt(wanted(), [item(1, "PC_X:1", SKU)], {1: wanted().product_key}) is not None


candidates = st.lists(
    st.builds(
        item,
        item_id=st.integers(1, 6),
        identifier=st.sampled_from(["PC_X:1", "PC_X:1-M", "PC_X:1-A", "ANY"]),
        sku=st.sampled_from(["", SKU]),
        marker=st.sampled_from(["", OURS, FOREIGN, "erp"]),
    ),
    max_size=6,
    unique_by=lambda one: one.item_id,
)


@pytest.mark.requirement("R69")
@given(candidates)
def test_no_item_is_given_to_two_products(found: list[Candidate]) -> None:
    both = [
        wanted(BillingPlan.MONTHLY),
        wanted(BillingPlan.ANNUAL, marker=FOREIGN),
        wanted(BillingPlan.USAGE, marker="C" * 32),
    ]
    adopted = [one.item_id for one in adopt_each(both, found, {}).values() if isinstance(one, Candidate)]
    assert len(adopted) == len(set(adopted))
