"""What would set right what was found when reading back: proposed to people, and never done by itself. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from connectwise import Addition
from delivery.reconcile import Difference
from delivery.records import Recorded
from invoice_push.additions import changes, difference
from invoice_push.lines import draft_from_json


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a person can do, and the operations in ConnectWise that would do it: create, patch or delete."""

    says: str
    operations: tuple[dict[str, Any], ...] = ()


def proposed(found: Difference, agreement_id: int, operation: Recorded | None, here: Sequence[Addition]) -> Proposal:
    """What to do about a difference on an agreement; `here` are the additions there with the operation's marker."""
    match found.kind, operation:
        case "missing", Recorded():
            says = "bill it again by hand, or leave it out; it is not written again by itself"
            return Proposal(says, (_create(agreement_id, operation),))
        case "duplicate", Recorded():
            says = "delete all but one in ConnectWise before it is invoiced"
            kept = _kept(operation, here)
            return Proposal(says, tuple(_delete(agreement_id, one.id) for one in here if one.id != kept.id))
        case "drifted", Recorded():
            says = "set it back in ConnectWise, or leave it as somebody has decided there"
            [drifted] = [one for one in here if one.id == found.remote_id]
            return Proposal(says, _set_back(agreement_id, operation, drifted))
        case "copied", _:
            says = "delete the copy in ConnectWise, unless it is to be billed on both agreements"
            return Proposal(says, (_delete(agreement_id, found.remote_id),))
        case "gone", _:
            return Proposal("map the customer to another agreement; what stood on it is no longer billed")
        case _:
            return Proposal("find out who wrote it: a database that was lost, or another installation")


def _create(agreement_id: int, operation: Recorded) -> dict[str, Any]:
    draft = draft_from_json(operation.body)
    addition = {
        "product": draft.item_id,
        "quantity": _plain(draft.quantity),
        "unitPrice": _plain(draft.unit_price),
        "unitCost": _plain(draft.unit_cost),
        "effectiveDate": _plain(draft.effective),
        "cancelledDate": _plain(draft.cancelled),
        "billCustomer": draft.bill_customer,
        "taxableFlag": draft.taxable,
        "invoiceDescription": draft.description,
        "serialNumber": operation.marker,
    }
    return {"kind": "create", "agreement_id": agreement_id, "addition": addition}


def _delete(agreement_id: int, addition_id: int | None) -> dict[str, Any]:
    return {"kind": "delete", "agreement_id": agreement_id, "addition_id": addition_id}


def _set_back(agreement_id: int, operation: Recorded, found: Addition) -> tuple[dict[str, Any], ...]:
    """One patch; none where the product differs, which no patch changes, or where only the record is another."""
    differing = changes(draft_from_json(operation.body), found)
    if not differing or any(one.member == "product" for one in differing):
        return ()
    patch = [{"member": one.member, "from": _plain(one.found), "to": _plain(one.written)} for one in differing]
    return ({"kind": "patch", "agreement_id": agreement_id, "addition_id": found.id, "changes": patch},)


def _kept(operation: Recorded, here: Sequence[Addition]) -> Addition:
    """The one that was written, else the first that says the same, else the first."""
    draft = draft_from_json(operation.body)
    return min(here, key=lambda one: (one.id != operation.remote_id, bool(difference(draft, one)), one.id))


def _plain(value: Any) -> Any:
    """As JSON: decimals and dates as text."""
    match value:
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case _:
            return value
