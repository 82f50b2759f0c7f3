"""A line as this service keeps it, and its ways to and from the rules' values."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from contracts.events import AgreementChanged, CatalogItemLinked, InvoiceLineReceived, ProgramChanged
from contracts.values import (
    ChargeKind,
    DocumentId,
    LineIdentity,
    Motion,
    Period,
    RunId,
    TenantId,
)
from delivery import OperationKey
from invoice_push.domain import values
from invoice_push.domain.values import Draft, Expected


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the line table."""

    tenant_id: TenantId
    identity: LineIdentity
    position: int
    document_id: DocumentId
    document_version: int
    run_id: RunId
    source: str
    file: str
    row: int
    customer_key: str
    customer_name: str
    billing_contract: str
    product_key: str
    product_name: str
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
    source_cost: Decimal
    tax: Decimal
    currency: str
    trial: bool
    description: str
    state: str
    reason: str
    detail: str
    draft: dict[str, Any] | None
    agreement_id: int | None
    generation: int
    operation_key: OperationKey | None
    written_cost: Decimal
    written_price: Decimal
    addition_id: int | None
    amended_by: RunId
    updated_at: datetime

    @property
    def is_written(self) -> bool:
        """Whether an addition stands, or may stand, for it."""
        return self.state in ("queued", "synced") or (self.state == "failed" and self.reason == "conflict")

    def charge(self) -> values.Line:
        """What the rules look at."""
        period = Period(self.period_start, self.period_end) if self.period_start and self.period_end else None
        return values.Line(
            identity=self.identity,
            kind=self.kind,
            motion=self.motion,
            period=period,
            quantity=self.quantity,
            list_unit=self.list_unit,
            effective_unit=self.effective_unit,
            fx_rate=self.fx_rate,
            cost=self.source_cost,
            currency=self.currency,
            trial=self.trial,
            product_name=self.product_name,
            raw_kind=self.raw_kind,
        )


def received(tenant_id: TenantId, data: InvoiceLineReceived) -> tuple[Any, ...]:
    """The columns of a line as it came, in the order of the query `record`."""
    return (
        tenant_id,
        data.identity,
        data.document_id,
        data.document_version,
        data.run_id,
        data.source,
        data.file,
        data.row,
        data.customer_key,
        data.customer_name,
        data.billing_contract,
        data.product_key,
        data.product_name,
        data.subscription_id,
        data.kind,
        data.raw_kind,
        data.motion,
        data.period_start,
        data.period_end,
        data.quantity,
        data.list_unit,
        data.effective_unit,
        data.fx_rate,
        data.cost,
        data.tax,
        data.currency,
        data.trial,
        data.description,
    )


def draft_to_json(draft: Draft) -> dict[str, Any]:
    """A draft as it is stored with its line and in its operation: decimals and dates as text."""
    return {name: _plain(value) for name, value in asdict(draft).items()}


def draft_from_json(stored: dict[str, Any]) -> Draft:
    """The draft that was stored."""
    expects = stored["expects"]
    return Draft(
        agreement_id=stored["agreement_id"],
        item_id=stored["item_id"],
        quantity=Decimal(stored["quantity"]),
        unit_price=Decimal(stored["unit_price"]),
        unit_cost=Decimal(stored["unit_cost"]),
        effective=date.fromisoformat(stored["effective"]),
        cancelled=date.fromisoformat(stored["cancelled"]),
        description=stored["description"],
        taxable=stored["taxable"],
        bill_customer=stored["bill_customer"],
        expects=Expected(
            company_id=expects["company_id"],
            currency=expects["currency"],
            next_invoice=_day(expects["next_invoice"]),
            prorate=expects["prorate"],
            parent_next_invoice=_day(expects["parent_next_invoice"]),
            parent_prorate=expects["parent_prorate"],
        ),
    )


def agreement_of(fact: AgreementChanged) -> values.Agreement:
    """What the rules need of an agreement's fact."""
    return values.Agreement(
        agreement_id=fact.agreement_id,
        name=fact.name,
        company_id=fact.company_id,
        status=fact.status if not fact.removed else "removed",
        cycle=fact.cycle,
        one_time=fact.one_time,
        prorate=fact.prorate,
        currency=fact.currency,
        bill_start=fact.bill_start,
        end=fact.end,
        next_invoice=fact.next_invoice,
        parent_id=fact.parent_id,
        parent_next_invoice=fact.parent_next_invoice,
        parent_prorate=fact.parent_prorate,
    )


def program_of(fact: ProgramChanged) -> values.Program:
    """What the rules need of a program's fact."""
    rule = fact.price_rule
    return values.Program(
        enabled=fact.enabled,
        billing=fact.billing,
        motions=frozenset(fact.motions),
        price_rule=values.PriceRule(rule.basis, rule.markup_percent, rule.allow_below_cost) if rule else None,
    )


def item_of(fact: CatalogItemLinked) -> values.Item:
    """What the rules need of a catalog item's fact."""
    return values.Item(fact.state, fact.item_id, fact.inactive, fact.taxable, fact.reason)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
