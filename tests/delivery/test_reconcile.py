"""What is told about the difference between here and there; nothing is repaired."""

from datetime import UTC, datetime

import pytest

from contracts.values import NO_RUN, TenantId
from delivery.operations import Kind, Marker, OperationKey, State
from delivery.reconcile import Difference, Remote, compare
from delivery.records import Recorded

LANE = "agreement-1"
MARK = "OURS-1"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def operation(
    mark: str | None = MARK, state: State = State.CONFIRMED, kind: Kind = Kind.CREATE, amount: str = "10.00"
) -> Recorded:
    return Recorded(
        TenantId("t"),
        OperationKey(f"key-{mark}"),
        state,
        "additions",
        LANE,
        kind,
        Marker(mark) if mark else None,
        {"amount": amount},
        NO_RUN,
        "",
        "",
        1,
        7,
        AT,
        AT,
    )


def record(remote_id: int = 7, lane: str = LANE, mark: str = MARK, amount: str = "10.00") -> Remote:
    return Remote(remote_id, lane, mark, {"amount": amount})


def drift(here: Recorded, there: Remote) -> str:
    return "" if here.body["amount"] == there.content["amount"] else f"amount {there.content['amount']}"


def differences(operations: list[Recorded], remote: list[Remote]) -> list[Difference]:
    return compare(LANE, operations, remote, drift, own=lambda mark: mark.startswith("OURS"))


@pytest.mark.parametrize(
    ("operations", "remote", "kinds"),
    [
        ([operation()], [record()], []),
        ([operation()], [], ["missing"]),
        ([operation()], [record(7), record(8)], ["duplicate"]),
        ([operation()], [record(amount="12.00")], ["drifted"]),
        ([operation(state=State.AMBIGUOUS)], [], []),
        ([operation(state=State.AMBIGUOUS)], [record(7), record(8)], ["duplicate"]),
        ([], [record()], ["unknown"]),
        ([], [record(mark="their serial number"), record(mark="")], []),
        ([operation(None, kind=Kind.PATCH)], [record(mark=""), record(8, mark="")], []),
    ],
)
def test_each_difference_is_told(operations: list[Recorded], remote: list[Remote], kinds: list[str]) -> None:
    assert [difference.kind for difference in differences(operations, remote)] == kinds


@pytest.mark.requirement("B18")
def test_a_copy_on_another_agreement_is_told_and_is_no_duplicate() -> None:
    found = differences([operation()], [record(7), record(8, "agreement-2")])
    assert [(difference.kind, difference.remote_id) for difference in found] == [("copied", 8)]
