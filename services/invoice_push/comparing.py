"""One company's agreements as ConnectWise holds them, beside what was written there: pure, and it repairs nothing."""

import base64
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectwise import Addition
from contracts.events import AgreementChanged
from contracts.values import to_cents
from delivery import State
from delivery.reconcile import Difference, Remote, compare
from delivery.records import Recorded
from invoice_push.additions import agreement_of_lane, difference, lane_of
from invoice_push.lines import draft_from_json
from invoice_push.proposals import proposed
from invoice_push.readings import Reconciliation, Stray

_MARKER_BYTES = 20


def is_marker(text: str) -> bool:
    """Whether a serial number looks like one of ours: 32 characters of base32."""
    try:
        return len(text) == 32 and len(base64.b32decode(text)) == _MARKER_BYTES  # noqa: PLR2004 (20 bytes in base32)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Held:
    """An agreement as it is there, beside what was done to it; `additions` is None where it is there no longer."""

    agreement_id: int
    fact: AgreementChanged | None
    operations: Sequence[Recorded]
    additions: Sequence[Addition] | None

    @property
    def lane(self) -> str:
        """The lane of its operations."""
        return lane_of(self.agreement_id)

    def remote(self, addition: Addition) -> Remote:
        """One of its additions, for the comparison."""
        return Remote(addition.id, self.lane, addition.serial_number or "", {})


def unaccounted(held: Sequence[Held]) -> set[str]:
    """The markers there that nothing confirmed on these agreements explains."""
    written = {one.marker for each in held for one in each.operations if one.state is State.CONFIRMED}
    return {marker for marker in _by_marker(held) if marker not in written}


def compared(held: Sequence[Held], elsewhere: Mapping[str, str]) -> list[Reconciliation]:
    """Agreements that are looked at together, so that a copy is told from a stranger (B18).

    `elsewhere`: of the unaccounted markers, the lanes of other agreements that they were written to. Of agreements that
    were never written to only those with something to say are told.
    """
    by_marker, strange = _by_marker(held), unaccounted(held)
    found = [(one, _reconciliation(one, by_marker, strange, elsewhere)) for one in held]
    return [said for one, said in found if one.operations or said.differences]


def strays(held: Sequence[Held], found: Sequence[Reconciliation]) -> list[Stray]:
    """Those that the comparison has found."""
    unknown = {one["remote_id"] for each in found for one in each.differences if one["kind"] == "unknown"}
    return [
        Stray(each.agreement_id, addition.id, addition.serial_number or "")
        for each in held
        for addition in each.additions or ()
        if addition.id in unknown
    ]


def _by_marker(held: Sequence[Held]) -> dict[str, list[Remote]]:
    found: dict[str, list[Remote]] = defaultdict(list)
    for one in held:
        for addition in one.additions or ():
            if is_marker(addition.serial_number or ""):
                found[addition.serial_number or ""].append(one.remote(addition))
    return found


def _reconciliation(
    held: Held, by_marker: Mapping[str, Sequence[Remote]], strange: Container[str], elsewhere: Mapping[str, str]
) -> Reconciliation:
    additions = held.additions or ()
    written = [operation for operation in held.operations if operation.state is State.CONFIRMED]
    markers = {operation.marker for operation in written}
    there = [addition for addition in additions if addition.serial_number in markers]
    drafts = [draft_from_json(operation.body) for operation in written]
    return Reconciliation(
        agreement_id=held.agreement_id,
        agreement_name=held.fact.name if held.fact else str(held.agreement_id),
        company_id=held.fact.company_id if held.fact else 0,
        additions=len(there),
        cost=sum((_extended(a, "unit_cost") for a in there), Decimal(0)),
        price=sum((_extended(a, "unit_price") for a in there), Decimal(0)),
        expected=len(drafts),
        expected_cost=sum((draft.cost for draft in drafts), Decimal(0)),
        expected_price=sum((draft.price for draft in drafts), Decimal(0)),
        differences=_differences(held, by_marker, strange, elsewhere),
        read_at=datetime.now(UTC),
    )


def _differences(
    held: Held, by_marker: Mapping[str, Sequence[Remote]], strange: Container[str], elsewhere: Mapping[str, str]
) -> list[dict[str, Any]]:
    if held.additions is None:
        if not held.operations:
            return []
        gone = "ConnectWise has this agreement no longer, with all that was written to it"
        return [_told(Difference("gone", None, None, gone), held.agreement_id, None, [])]
    by_id = {addition.id: addition for addition in held.additions}
    copies = [
        record
        for operation in held.operations
        if operation.state is State.CONFIRMED
        for record in by_marker.get(operation.marker or "", ())
        if record.lane != held.lane
    ]

    def drift(operation: Recorded, record: Remote) -> str:
        addition = by_id[record.remote_id]
        said = difference(draft_from_json(operation.body), addition)
        said = f"{said}{_changed_by(addition)}" if said else ""
        here = [one for one in by_marker[record.marker] if one.lane == held.lane]
        if record.remote_id == operation.remote_id or len(here) > 1:  # of several, that is said already
            return said
        anew = f"it is addition {record.remote_id}, and was written as {operation.remote_id}"
        return f"{anew}, {said}" if said else anew

    found = compare(
        held.lane,
        held.operations,
        [*map(held.remote, held.additions), *copies],
        drift,
        own=lambda marker: marker in strange,
    )
    by_key = {operation.key: operation for operation in held.operations}
    copied_to = {record.remote_id: agreement_of_lane(record.lane) for record in copies}
    told = []
    for one in (_of_another(one, by_id, elsewhere) for one in found):
        operation = by_key.get(one.key) if one.key else None
        marked = by_marker.get(operation.marker or "", ()) if operation else ()
        here = [by_id[record.remote_id] for record in marked if record.lane == held.lane]
        agreement_id = copied_to.get(one.remote_id or 0, held.agreement_id)
        told.append(_told(one, agreement_id, operation, here))
    return told


def _changed_by(addition: Addition) -> str:
    """Who has changed it last, and when (UTC), where that is not who has entered it."""
    info = addition.info or {}
    by, at = info.get("updatedBy"), info.get("lastUpdated")
    return f"; last changed by {by} at {at}" if by and by != info.get("enteredBy") else ""


def _of_another(one: Difference, by_id: Mapping[int, Addition], elsewhere: Mapping[str, str]) -> Difference:
    """What nothing here explains may be a copy of what is on another company's agreement."""
    if one.kind == "unknown" and one.remote_id is not None:
        lane = elsewhere.get(by_id[one.remote_id].serial_number or "")
        if lane is not None:
            return replace(one, kind="copied", detail=f"a copy of ours on {lane}")
    return one


def _told(one: Difference, agreement_id: int, operation: Recorded | None, here: Sequence[Addition]) -> dict[str, Any]:
    proposal = proposed(one, agreement_id, operation, here)
    return asdict(one) | {"proposal": proposal.says, "operations": list(proposal.operations)}


def _extended(addition: Addition, unit: str) -> Decimal:
    amount: Decimal = getattr(addition, unit) or Decimal(0)
    return to_cents((addition.quantity or Decimal(0)) * amount)
