"""A line as every source's adapter gives it: what was charged, to whom, for what, when, how much."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.values import ChargeKind, Currency, DocumentId, Motion


@dataclass(frozen=True, slots=True)
class CanonicalLine:
    """One charge. `identity` lacks the ordinal among equals, which only the whole document gives; `order` sorts them.

    Amounts are facts: `cost` is what the source charged without tax. The period's end is exclusive.
    """

    row: int
    document_id: DocumentId
    document_number: str
    account: str
    identity: str
    order: str
    customer_key: str
    customer_name: str
    customer_domain: str
    customer_country: str
    billing_contract: str
    product_key: str
    product_name: str
    publisher: str
    subscription_id: str
    kind: ChargeKind
    raw_kind: str
    motion: Motion
    period_start: date | None
    period_end: date | None
    quantity: Decimal
    list_unit: Decimal
    effective_unit: Decimal
    fx_rate: Decimal
    cost: Decimal
    tax: Decimal
    currency: Currency
    trial: bool
    description: str
    warnings: tuple[str, ...]

    def content(self) -> tuple[Any, ...]:
        """What makes two versions of a line differ: everything but where it stood in the file."""
        return (
            self.customer_key,
            self.billing_contract,
            self.product_key,
            self.kind,
            self.motion,
            self.period_start,
            self.period_end,
            self.quantity,
            self.list_unit,
            self.effective_unit,
            self.fx_rate,
            self.cost,
            self.tax,
            self.trial,
        )
