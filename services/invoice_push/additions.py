"""An addition beside the draft it was written from."""

from connectwise import Addition
from invoice_push.domain.values import Draft

EFFECT = "additions"
COMPARED = (
    "id",
    "serialNumber",
    "product",
    "quantity",
    "unitPrice",
    "unitCost",
    "effectiveDate",
    "cancelledDate",
    "billCustomer",
    "taxableFlag",
    "invoiceDescription",
)
_LANE = "agreement-"


def lane_of(agreement_id: int) -> str:
    """The lane of an agreement's additions."""
    return f"{_LANE}{agreement_id}"


def agreement_of_lane(lane: str) -> int:
    """The agreement whose additions a lane is about."""
    return int(lane.removeprefix(_LANE))


def difference(draft: Draft, found: Addition) -> str:
    """In words, how an addition differs from what was written; '' where it does not."""
    said = []
    if found.product is None or found.product.id != draft.item_id:
        said.append(f"product {found.product.id if found.product else None} instead of {draft.item_id}")
    for name, wanted, seen in (
        ("quantity", draft.quantity, found.quantity),
        ("unit price", draft.unit_price, found.unit_price),
        ("unit cost", draft.unit_cost, found.unit_cost),
        ("effective date", draft.effective, found.effective_date),
        ("cancelled date", draft.cancelled, found.cancelled_date),
        ("bill customer", draft.bill_customer, found.bill_customer),
        ("taxable", draft.taxable, bool(found.taxable_flag)),
    ):
        if wanted != seen:
            said.append(f"{name} {seen} instead of {wanted}")
    # Not by its white space: a screen that a person saved may have changed that.
    if (found.invoice_description or "").split() != draft.description.split():
        said.append(f"invoice description {found.invoice_description!r} instead of {draft.description!r}")
    return ", ".join(said)
