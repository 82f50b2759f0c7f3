"""An addition beside the draft it was written from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connectwise import Addition
from delivery import OperationKey
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
_KEY = re.compile(r"(addition/[^/]+/)(?:charge/(\d+)|(?:difference|reversal)-(\d+))")
_LATER = 10


def lane_of(agreement_id: int) -> str:
    """The lane of an agreement's additions."""
    return f"{_LANE}{agreement_id}"


def agreement_of_lane(lane: str) -> int:
    """The agreement whose additions a lane is about."""
    return int(lane.removeprefix(_LANE))


def later(key: OperationKey) -> Iterator[OperationKey]:
    """The keys that the next tries of the same line, or its next corrections, would have.

    Each is made only when the one before has ended. So one of them may be there before its predecessor only where the
    database was restored: then it stands for what the predecessor was to do, or comes after it.
    """
    if (found := _KEY.fullmatch(key)) is None:
        return
    line, charged, corrected = found.groups()
    number = int(charged or corrected)
    for other in range(number + 1, number + 1 + _LATER):
        for part in ("charge/",) if charged else ("difference-", "reversal-"):
            yield OperationKey(f"{line}{part}{other}")


def earlier(key: OperationKey) -> Iterator[OperationKey]:
    """The keys of the tries of a line's charge before this one: each had ended as nothing before the next was made."""
    if (found := _KEY.fullmatch(key)) is not None and found[2]:
        for number in range(1, int(found[2])):
            yield OperationKey(f"{found[1]}charge/{number}")


@dataclass(frozen=True, slots=True)
class Change:
    """A member of an addition, by its name in the API, that says something else than was written there."""

    member: str
    label: str
    written: Any
    found: Any

    def __str__(self) -> str:
        shown = repr if self.member == "invoiceDescription" else str  # where a text ends is not seen otherwise
        return f"{self.label} {shown(self.found)} instead of {shown(self.written)}"


def changes(draft: Draft, found: Addition) -> list[Change]:
    """In what an addition differs from what was written, in the order of a screen."""
    product = found.product.id if found.product else None
    compared = [
        Change("product", "product", draft.item_id, product),
        Change("quantity", "quantity", draft.quantity, found.quantity),
        Change("unitPrice", "unit price", draft.unit_price, found.unit_price),
        Change("unitCost", "unit cost", draft.unit_cost, found.unit_cost),
        Change("effectiveDate", "effective date", draft.effective, found.effective_date),
        Change("cancelledDate", "cancelled date", draft.cancelled, found.cancelled_date),
        Change("billCustomer", "bill customer", draft.bill_customer, found.bill_customer),
        Change("taxableFlag", "taxable", draft.taxable, bool(found.taxable_flag)),
    ]
    differing = [one for one in compared if one.written != one.found]
    # Not by its white space: a screen that a person saved may have changed that.
    if (found.invoice_description or "").split() != draft.description.split():
        said = found.invoice_description or ""
        differing.append(Change("invoiceDescription", "invoice description", draft.description, said))
    return differing


def difference(draft: Draft, found: Addition) -> str:
    """The same in words; '' where it does not differ."""
    return ", ".join(map(str, changes(draft, found)))
