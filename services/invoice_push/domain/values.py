"""What the rules look at, and what they say."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from contracts.values import ChargeKind, LineIdentity, Motion, Period, to_cents


class Reason(StrEnum):
    """Why a line is held or ignored, in words for people."""

    SWITCHED_OFF = "switched off"
    UNKNOWN_KIND = "unknown charge type"
    UNKNOWN_MOTION = "unknown billing plan"
    NO_CONNECTION = "no ConnectWise connection"
    NO_PROGRAM = "no program for this source"
    NO_MAPPING = "customer not mapped"
    NO_AGREEMENT = "agreement not known"
    AGREEMENT_CLOSED = "agreement not active"
    AGREEMENT_UNFIT = "agreement does not fit the motion"
    OTHER_CURRENCY = "other currency than the agreement's"
    UNLINKED_CREDIT = "credit without its original line"
    NO_SELL_PRICE = "no sell price"
    BELOW_COST = "price below cost"
    NO_QUANTITY = "no quantity"
    ITEM_PENDING = "catalog item being made"
    ITEM_HELD = "catalog item held"
    ITEM_INACTIVE = "catalog item inactive"
    NO_OPEN_PERIOD = "no open period"
    AMENDED = "amended after it was written"
    BELOW_ZERO = "below zero"
    NOTHING = "nothing to correct"
    ZERO = "zero"
    BEFORE_GO_LIVE = "before go-live"

    @property
    def frees_itself(self) -> bool:
        """Whether the service frees it without a person, so that a run waits for it."""
        return self is Reason.ITEM_PENDING

    @property
    def remedy(self) -> str:
        """The one action that frees a line held for it."""
        return _REMEDIES.get(self, "")


_REMEDIES = {
    Reason.SWITCHED_OFF: "switch the program, its billing or the motion on",
    Reason.UNKNOWN_KIND: "look at the line; the next version knows this charge type, or bill it by hand",
    Reason.UNKNOWN_MOTION: "look at the line's term and billing cycle; bill it by hand if it is right",
    Reason.NO_CONNECTION: "connect ConnectWise: psabridge connect",
    Reason.NO_PROGRAM: "set the source's program up: psabridge connect",
    Reason.NO_MAPPING: "map the customer to an agreement: psabridge map",
    Reason.NO_AGREEMENT: "refresh the agreements, or map to another one",
    Reason.AGREEMENT_CLOSED: "map the customer to an active agreement",
    Reason.AGREEMENT_UNFIT: "map this motion to an agreement of the right billing cycle",
    Reason.OTHER_CURRENCY: "map to an agreement in the line's currency",
    Reason.UNLINKED_CREDIT: "decide whom the credit belongs to and enter it by hand",
    Reason.NO_SELL_PRICE: "give the program a price rule",
    Reason.BELOW_COST: "change the price rule, or allow prices below cost",
    Reason.NO_QUANTITY: "look at the line; a charge without a quantity has no unit price",
    Reason.ITEM_PENDING: "nothing: catalog_sync is making or finding it",
    Reason.ITEM_HELD: "decide what catalog_sync asks about this product",
    Reason.ITEM_INACTIVE: "activate the catalog item in ConnectWise, or link another",
    Reason.NO_OPEN_PERIOD: "look at the agreement's next invoice date and billing cycle",
    Reason.AMENDED: "the difference waits for the end of what is being written, or of a conflict",
    Reason.BELOW_ZERO: "let it be billed: psabridge runs approve RUN --credits",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line as its source charged it."""

    identity: LineIdentity
    kind: ChargeKind
    motion: Motion
    period: Period | None
    quantity: Decimal
    list_unit: Decimal
    effective_unit: Decimal
    fx_rate: Decimal
    cost: Decimal
    currency: str
    trial: bool
    product_name: str
    raw_kind: str


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A markup in percent on the list or effective price (B2)."""

    basis: str
    markup_percent: Decimal
    allow_below_cost: bool


@dataclass(frozen=True, slots=True)
class Program:
    """What of a source is billed for a tenant."""

    enabled: bool
    billing: bool
    motions: frozenset[Motion]
    price_rule: PriceRule | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a customer's charges of one motion go, from when on (B5, B6)."""

    agreement_id: int
    go_live: date


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the rules need of an agreement; a child is judged by its parent's cycle (B8)."""

    agreement_id: int
    name: str
    company_id: int
    status: str
    cycle: str
    one_time: bool
    prorate: bool
    currency: str
    bill_start: date | None
    end: date | None
    next_invoice: date | None
    parent_id: int | None
    parent_next_invoice: date | None
    parent_prorate: bool | None


@dataclass(frozen=True, slots=True)
class Item:
    """The catalog item of the line's product, or why there is none."""

    state: str
    item_id: int | None
    inactive: bool
    taxable: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything outside a line that decides where it goes; None is what is not known."""

    connected: bool
    program: Program | None
    target: Target | None
    agreement: Agreement | None
    item: Item | None


@dataclass(frozen=True, slots=True)
class Draft:
    """The addition to be written, exactly; `expects` is what must still be true of the agreement then (B8)."""

    agreement_id: int
    item_id: int
    quantity: Decimal
    unit_price: Decimal
    unit_cost: Decimal
    effective: date
    cancelled: date
    description: str
    taxable: bool
    bill_customer: str
    expects: "Expected"

    @property
    def cost(self) -> Decimal:
        """Extended cost, to the cent, as ConnectWise will show it."""
        return to_cents(self.quantity * self.unit_cost)

    @property
    def price(self) -> Decimal:
        """Extended price, to the cent."""
        return to_cents(self.quantity * self.unit_price)


@dataclass(frozen=True, slots=True)
class Expected:
    """The before-image of an agreement: whose it is, its currency, when it and its parent invoice next, proration."""

    company_id: int
    currency: str
    next_invoice: date | None
    prorate: bool
    parent_next_invoice: date | None = None
    parent_prorate: bool | None = None

    @classmethod
    def of(cls, agreement: Agreement) -> "Expected":
        """As the agreement stands now."""
        return cls(
            agreement.company_id,
            agreement.currency,
            agreement.next_invoice,
            agreement.prorate,
            agreement.parent_next_invoice,
            agreement.parent_prorate,
        )


@dataclass(frozen=True, slots=True)
class Ready:
    """It can be written as drafted."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class Held:
    """It waits; somebody or something frees it."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """It is counted in the proof and not written."""

    reason: Reason
    detail: str = ""


Resolution = Ready | Held | Ignored
