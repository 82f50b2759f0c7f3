"""The bridge: whatever lines there are in whatever states, it adds up."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoice_push.domain.proof import Document, Summed, bridge, by_document

pytestmark = pytest.mark.requirement("B3")

STATES = ("received", "held", "ignored", "ready", "queued", "synced", "failed")
amounts = st.decimals("-100000", "100000", places=6)


def summed(state: str, cost: str, written: str = "0", reason: str = "", lines: int = 1) -> Summed:
    return Summed("document", state, reason, lines, Decimal(cost), Decimal(written), Decimal(written) * 2)


def corrected(state: str, cost: Decimal) -> Summed:
    return Summed("document", state, "", 0, cost, cost, cost * 2, is_correction=True)


def document(*sums: Summed) -> Document:
    return Document("document", "G1", "USD", True, sum((one.cost for one in sums), Decimal(0)), Decimal("3.21"))


@given(
    st.lists(
        st.builds(
            Summed,
            st.just("document"),
            st.sampled_from(STATES),
            st.sampled_from(["", "customer not mapped", "zero"]),
            st.integers(1, 1000),
            amounts,
            amounts,
            amounts,
            amounts,
        )
    ),
    st.lists(st.builds(corrected, st.sampled_from(STATES[1:]), amounts)),
)
def test_a_bridge_always_adds_up(sums: list[Summed], corrections: list[Summed]) -> None:
    found = bridge(document(*sums), [*sums, *corrections])
    assert found.unexplained == 0
    assert sum(row.lines for row in found.rows) == sum(one.lines for one in sums)


def test_a_line_that_is_lost_is_unexplained() -> None:
    sums = [summed("synced", "10", "10"), summed("held", "5", reason="customer not mapped")]
    assert bridge(document(*sums), sums[:1]).unexplained == 5


def test_a_bridge_says_each_part_by_reason_in_order() -> None:
    sums = [
        summed("ignored", "0", reason="zero", lines=2),
        summed("failed", "7", reason="rejected"),
        summed("held", "5", reason="customer not mapped"),
        summed("received", "4"),
        summed("ready", "3"),
        summed("queued", "2", "2"),
        summed("synced", "1", "1"),
    ]
    found = bridge(document(*sums), sums)
    assert [(row.part, row.reason, int(row.cost)) for row in found.rows] == [
        ("pushed", "", 1),
        ("ready", "being written", 2),
        ("ready", "waiting for approval", 3),
        ("held", "customer not mapped", 5),
        ("held", "not looked at yet", 4),
        ("failed", "rejected", 7),
        ("ignored", "zero", 0),
    ]
    assert found.price == 6
    assert found.tax == Decimal("3.21")


def test_what_a_supplier_changed_after_it_was_written_is_held_as_a_difference() -> None:
    sums = [summed("synced", "12.50", "10")]
    found = bridge(document(*sums), sums)
    assert [(row.part, row.reason, row.lines, row.cost) for row in found.rows] == [
        ("pushed", "", 1, 10),
        ("held", "amended after it was written", 0, Decimal("2.50")),
    ]


def test_what_is_corrected_is_no_longer_held() -> None:
    line = summed("synced", "12.50", "10")
    sums = [line, corrected("synced", Decimal("1.50")), corrected("held", Decimal(2))]
    found = bridge(document(line), sums)
    assert [(row.part, row.reason, row.lines, row.cost) for row in found.rows] == [
        ("pushed", "", 1, Decimal("11.50")),
        ("held", "", 0, 2),
        ("held", "amended after it was written", 0, -1),
    ]
    assert found.unexplained == 0
    assert found.price == 23


def test_rounding_to_cents_is_called_that() -> None:
    sums = [replace(summed("synced", "12.345678", "12.35"), rounding=Decimal("-0.004322"))]
    found = bridge(document(*sums), sums)
    assert [(row.part, row.reason, row.cost) for row in found.rows] == [
        ("pushed", "", Decimal("12.35")),
        ("pushed", "rounding to cents", Decimal("-0.004322")),
    ]
    assert found.unexplained == 0


def test_sums_go_to_their_documents() -> None:
    mine, other = summed("held", "1"), Summed("other", "held", "", 1, Decimal(2), Decimal(0), Decimal(0))
    assert by_document([mine, other, mine]) == {"document": [mine, mine], "other": [other]}
