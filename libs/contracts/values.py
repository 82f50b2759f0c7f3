"""The words all services share: ids, money, periods, motions. Standard library only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NewType, Self

TenantId = NewType("TenantId", str)
SiteId = NewType("SiteId", str)
DocumentId = NewType("DocumentId", str)
LineIdentity = NewType("LineIdentity", str)
RunId = NewType("RunId", str)
Currency = NewType("Currency", str)

NO_RUN = RunId("")

CENT = Decimal("0.01")


def to_cents(amount: Decimal) -> Decimal:
    """An amount rounded half up to two places, for the border where a peer takes no more."""
    return amount.quantize(CENT, ROUND_HALF_UP)


class Motion(StrEnum):
    """How a charge is billed; it follows the billing plan, never the term (B4)."""

    SEAT_MONTHLY = "seat_monthly"
    SEAT_ANNUAL = "seat_annual"
    AZURE = "azure"
    ONE_TIME = "one_time"
    USAGE_COUNT = "usage_count"
    UNKNOWN = "unknown"


class BillingPlan(StrEnum):
    """How often a subscription is charged; `unknown` is kept and held, never guessed."""

    MONTHLY = "monthly"
    ANNUAL = "annual"
    TRIENNIAL = "triennial"
    USAGE = "usage"
    ONE_TIME = "one_time"
    UNKNOWN = "unknown"


class ChargeKind(StrEnum):
    """What a line charges for, from the source's charge type; `unknown` keeps the raw word beside it."""

    NEW = "new"
    RENEW = "renew"
    CYCLE = "cycle"
    QUANTITY = "quantity"
    CANCEL = "cancel"
    CONVERT = "convert"
    CREDIT = "credit"
    USAGE = "usage"
    ONE_TIME = "one_time"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Period:
    """A charge period in civil dates: start inclusive, end exclusive."""

    start: date
    end: date

    def __post_init__(self) -> None:
        """Refuse a period that ends before it starts."""
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")

    @classmethod
    def inclusive(cls, start: date, last: date) -> Self:
        """The period of a source that names its last day, as Microsoft's files do."""
        return cls(start, last + timedelta(days=1))

    @property
    def last_day(self) -> date:
        """The last day that belongs to the period, for peers that want it inclusive."""
        return self.end - timedelta(days=1)


def _joined(parts: Sequence[str]) -> str:
    # ":" separates, so a part that contains one must not look like two.
    return ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)


def _split(text: str, count: int, what: str) -> list[str]:
    parts = text.split(":")
    if len(parts) != count:
        raise ValueError(f"{text!r} is not a {what}: {count} parts expected, {len(parts)} found")
    return [part.replace("%3A", ":").replace("%25", "%") for part in parts]


@dataclass(frozen=True, slots=True, order=True)
class CustomerKey:
    """A customer as its source knows it; names are never keys."""

    source: str
    account: str
    customer_id: str

    def __str__(self) -> str:
        return _joined((self.source, self.account, self.customer_id))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` gave; ValueError says what is wrong."""
        return cls(*_split(text, 3, "customer key"))


@dataclass(frozen=True, slots=True, order=True)
class ProductKey:
    """What makes two charges the same product: SKU, term, billing plan, segment, price tier and currency (R71)."""

    sku: str
    term: str
    plan: BillingPlan
    segment: str
    tier: str
    currency: Currency

    def __str__(self) -> str:
        return _joined((self.sku, self.term, self.plan, self.segment, self.tier, self.currency))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` gave; ValueError says what is wrong."""
        sku, term, plan, segment, tier, currency = _split(text, 6, "product key")
        return cls(sku, term, BillingPlan(plan), segment, tier, Currency(currency))
