"""Comparing what stands here with what stands at the peer: pure, and it repairs nothing."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from delivery.operations import OperationKey, State
from delivery.records import Recorded

Kind = Literal["missing", "duplicate", "drifted", "copied", "unknown", "gone"]


@dataclass(frozen=True, slots=True)
class Remote:
    """A record at the peer: where it is, its marker, and what it says, comparable with an operation's content."""

    remote_id: int
    lane: str
    marker: str
    content: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something a person should know. `copied`: our marker on another agreement (B18); `gone`: the lane itself."""

    kind: Kind
    key: OperationKey | None
    remote_id: int | None
    detail: str


def compare(
    lane: str,
    operations: Sequence[Recorded],
    remote: Sequence[Remote],
    drift: Callable[[Recorded, Remote], str],
    *,
    own: Callable[[str], bool],
) -> list[Difference]:
    """What differs in one lane.

    `drift` says in words how a record differs from its operation's content, '' where it does not. `own` tells our
    markers from other people's serial numbers: ours that no operation knows are `unknown` (a restored database).
    """
    by_marker: dict[str, list[Remote]] = defaultdict(list)
    for record in remote:
        by_marker[record.marker].append(record)
    found: list[Difference] = []
    known: set[str] = set()
    for operation in operations:
        if operation.marker is None:  # a patch: what it left is compared by the creation's `drift`
            continue
        known.add(operation.marker)
        here = [record for record in by_marker.get(operation.marker, ()) if record.lane == lane]
        if not here and operation.state is State.CONFIRMED:
            found.append(Difference("missing", operation.key, operation.remote_id, "it was written and is gone"))
        if len(here) > 1:
            ids = ", ".join(str(record.remote_id) for record in here)
            found.append(Difference("duplicate", operation.key, operation.remote_id, f"there more than once: {ids}"))
        if operation.state is State.CONFIRMED:
            found.extend(
                Difference("drifted", operation.key, record.remote_id, said)
                for record in here
                if (said := drift(operation, record))
            )
    for record in remote:
        if record.lane != lane and record.marker in known:
            found.append(Difference("copied", None, record.remote_id, f"a copy of ours on {record.lane}"))
        elif record.lane == lane and own(record.marker) and record.marker not in known:
            found.append(Difference("unknown", None, record.remote_id, "our marker, but no operation of ours"))
    return found
