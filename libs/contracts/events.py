"""What each fact says. Keys are the text forms of `contracts.values`; money is a decimal string; dates are civil.

Additive changes only: a member is never renamed, retyped or made required within a topic's major version.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from contracts.envelope import Data
from contracts.values import BillingPlan, ChargeKind, Currency, DocumentId, LineIdentity, Motion, RunId, SiteId

# Decimals travel as plain strings, never as floats and never with an exponent.
Money = Annotated[Decimal, PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json")]


class SealedSecret(Data):
    """A secret as `tenancy.secrets` seals it: readable only with the deployment's key."""

    key_id: str
    wrapped_key: str
    nonce: str
    ciphertext: str


class ConnectionChanged(Data):
    """A tenant's way to its ConnectWise site. `removed` facts carry no secret."""

    connection_id: str
    site_id: SiteId
    name: str = ""
    base_url: str = ""
    company_id: str = ""
    public_key: str = ""
    client_id: str = ""
    private_key: SealedSecret | None = None
    profile: Literal["sync", "sync+create", "count-only"] = "sync"
    enabled: bool = True
    removed: bool = False


class PriceRule(Data):
    """What a customer pays: a markup in percent on the source's list or effective price (B2)."""

    basis: Literal["list", "effective"] = "list"
    markup_percent: Money = Decimal(0)
    allow_below_cost: bool = False


class ProgramChanged(Data):
    """What of a source is synced for a tenant, and how (R41-R57)."""

    program_id: str
    name: str
    source: str
    enabled: bool = True
    billing: bool = True
    products: Literal["off", "in_use", "all"] = "in_use"
    motions: tuple[Motion, ...] = (Motion.SEAT_MONTHLY, Motion.SEAT_ANNUAL, Motion.AZURE, Motion.ONE_TIME)
    price_rule: PriceRule | None = None
    new_items_taxable: bool = False
    removed: bool = False


class CustomerChanged(Data):
    """A customer as the source knows it."""

    key: str
    name: str
    domain: str = ""
    country: str = ""


class ProductChanged(Data):
    """A product as the source bills it; amounts are of its latest charge in its currency."""

    key: str
    sku: str
    name: str
    publisher: str = ""
    term: str = ""
    plan: BillingPlan
    currency: Currency
    unit_price: Money
    unit_cost: Money


class InvoiceLineReceived(Data):
    """One line as its source charged it; `quantity` is what was billed, its sign is the amount's business."""

    identity: LineIdentity
    document_id: DocumentId
    document_version: int
    run_id: RunId
    source: str
    file: str
    row: int
    customer_key: str
    customer_name: str
    billing_contract: str = ""
    product_key: str
    product_name: str
    subscription_id: str = ""
    kind: ChargeKind
    raw_kind: str
    motion: Motion
    period_start: date | None = None
    period_end: date | None = None
    quantity: Money
    list_unit: Money
    effective_unit: Money
    fx_rate: Money = Decimal(1)  # list and effective units times this are in `currency`
    cost: Money
    tax: Money
    currency: Currency
    trial: bool = False
    description: str = ""
    warnings: tuple[str, ...] = ()


class InvoiceSealed(Data):
    """A document whose lines have all been published: how many there are and what they add up to (B1)."""

    document_id: DocumentId
    document_version: int
    run_id: RunId
    source: str
    number: str
    currency: Currency
    file: str
    lines: int
    cost_total: Money
    tax_total: Money
    tied: bool
    removed_identities: tuple[LineIdentity, ...] = ()


class UsageCounted(Data):
    """How many of a product a customer used at a moment; no money."""

    customer_key: str
    product: str
    count: Money
    as_of: datetime


class Finding(Data):
    """The result of one setup check, in ConnectWise's own screen names."""

    check: str
    title: str
    state: Literal["passed", "failed", "unknown"]
    severity: Literal["required", "recommended", "information"] = "required"
    detail: str = ""
    screen: str = ""
    fix: str = ""


class CatalogDefaults(Data):
    """The records a new catalog item refers to (R29-R31)."""

    category_id: int
    subcategory_id: int
    type_id: int
    unit_id: int


class SetupChecked(Data):
    """Whether a tenant's site may be written to, and for what (R1, R35)."""

    status: Literal["ready", "not_ready", "unknown"]
    features: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    time_zone: str = "UTC"
    catalog_defaults: CatalogDefaults | None = None
    checked_at: datetime
    removed: bool = False


class CompanyChanged(Data):
    """A ConnectWise company."""

    company_id: int
    identifier: str
    name: str
    status: str = ""
    removed: bool = False


class AgreementChanged(Data):
    """A ConnectWise agreement with what billing needs of it and of its parent (B7, B8)."""

    agreement_id: int
    name: str
    company_id: int
    type_name: str = ""
    status: str = ""
    cycle: str = ""
    one_time: bool = False
    invoicing_cycle: str = ""
    period_type: str = ""
    prorate: bool = False
    currency: str = ""
    bill_start: date | None = None
    end: date | None = None
    next_invoice: date | None = None
    parent_id: int | None = None
    parent_next_invoice: date | None = None
    parent_prorate: bool | None = None
    removed: bool = False


class MappingChanged(Data):
    """Where a customer's charges of one contract and motion go, from when on (B5, B6)."""

    mapping_id: str
    customer_key: str
    billing_contract: str = ""
    motion: Motion
    company_id: int
    agreement_id: int
    go_live: date
    version: int = 1
    removed: bool = False


class CatalogItemLinked(Data):
    """The catalog item of a product, or why there is none yet (R58, R62, R90)."""

    product_key: str
    state: Literal["linked", "held", "failed"]
    item_id: int | None = None
    identifier: str = ""
    inactive: bool = False
    taxable: bool = False
    reason: str = ""


class AdditionSettled(Data):
    """What became of one operation on an agreement's additions (R104)."""

    operation_key: str
    run_id: RunId
    document_id: DocumentId
    identity: LineIdentity
    agreement_id: int
    addition_id: int | None = None
    state: Literal["synced", "failed", "conflict"]
    reason: str = ""
    message: str = ""


class RunStep(StrEnum):
    """The steps of a run, in order: who works on each is in docs/architecture.md."""

    IMPORT = "import"
    SETUP = "setup"
    CATALOG = "catalog"
    LINES = "lines"
    APPROVE = "approve"
    WRITE = "write"
    RECONCILE = "reconcile"


class CommandKind(StrEnum):
    """What a person can ask of a run; and to have the setup checked, where a right was refused in one (R14)."""

    APPROVE = "approve"
    RECONCILE = "reconcile"
    CHECK_SETUP = "check_setup"


class SyncCommand(Data):
    """An order for the services that work for the run; `run_id` may be '' where it is about no run."""

    run_id: RunId
    command: CommandKind
    requested_by: str


class SyncStep(Data):
    """How far one step of a run is, as the service that works on it sees it."""

    run_id: RunId
    step: RunStep
    state: Literal["waiting", "running", "blocked", "done", "failed"]
    done: int = 0
    total: int = 0
    counts: dict[str, int] = Field(default_factory=dict)
    message: str = ""


class SyncRun(Data):
    """A run with the states of its steps."""

    run_id: RunId
    state: Literal["running", "needs_approval", "closed", "closed_with_held", "failed"]
    steps: tuple[SyncStep, ...] = Field(default=())


class DeadLettered(Data):
    """A record a service could not handle; its bytes stay in that service's database."""

    service: str
    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
