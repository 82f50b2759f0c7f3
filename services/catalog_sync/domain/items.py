"""What a new catalog item says: identifier, name, what it is filed under, amounts."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from contracts.values import BillingPlan, Currency

LONGEST_IDENTIFIER = 75
LONGEST_NAME = 60
LONGEST_VENDOR_SKU = 50
_PREFIX = "PC_"
_DIGEST = 10
# One SKU in two billing plans is two items (R71, R72); what is charged once or by use has no plan to name.
_SUFFIX = {BillingPlan.MONTHLY: "-M", BillingPlan.ANNUAL: "-A", BillingPlan.TRIENNIAL: "-3A"}
# What no ConnectWise filter can hold safely: a SKU is looked up before anything is created.
_UNSAFE = frozenset("\\*\"'")


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its source bills it."""

    product_key: str
    sku: str
    name: str
    term: str
    plan: BillingPlan
    currency: Currency
    unit_price: Decimal
    unit_cost: Decimal


@dataclass(frozen=True, slots=True)
class Defaults:
    """The site's records that a new item refers to (R29, R31)."""

    category_id: int
    subcategory_id: int
    type_id: int
    unit_id: int


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """An item as first written; afterwards people own all of it but price and cost (R60, R63)."""

    identifier: str
    name: str
    vendor_sku: str | None
    defaults: Defaults
    taxable: bool
    price: Decimal | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Why there is no item yet, in words that say what would free it."""

    reason: str


def plain_identifier(sku: str) -> str:
    """The identifier without a plan, as people and older tools have made it."""
    return _cut(f"{_PREFIX}{sku}")


def plan_identifier(sku: str, plan: BillingPlan) -> str:
    """The identifier of a SKU in a billing plan (R61)."""
    return _cut(f"{_PREFIX}{sku}{_SUFFIX.get(plan, '')}")


def other_plans_identifiers(sku: str, plan: BillingPlan) -> frozenset[str]:
    """Identifiers that say that the item stands for this SKU in another billing plan."""
    return frozenset(plan_identifier(sku, other).casefold() for other in _SUFFIX if other is not plan)


def identifiers(product: Product) -> Iterator[str]:
    """Identifiers for a product, the usual one first; the last is nobody else's.

    A SKU has products that differ in term or currency only; those after the first say in what they differ.
    """
    usual = f"{_PREFIX}{product.sku}{_SUFFIX.get(product.plan, '')}"
    term, currency = (f"-{part}" if part else "" for part in (product.term, product.currency))
    for more in dict.fromkeys(("", term, currency, term + currency)):
        yield _cut(usual + more)
    yield _cut(f"{usual}-{_digest(product.product_key)}")


def free_identifier(product: Product, taken: Collection[str]) -> str:
    """The first one that no other product of ours has; `taken` in lower case, as the site compares."""
    last = ""
    for last in identifiers(product):
        if last.lower() not in taken:
            break
    return last


def refusal(product: Product) -> Held | None:
    """Why a product can have no item, whatever the site's setup."""
    if product.plan is BillingPlan.UNKNOWN:
        return Held("its billing plan is unknown")
    if not product.sku.strip():
        return Held("it has no SKU")
    if not product.sku.isprintable() or _UNSAFE & set(product.sku):
        return Held(f"the SKU {product.sku!r} holds characters that cannot be looked up in ConnectWise")
    return None


def draft(
    product: Product, identifier: str, defaults: Defaults, *, taxable: bool, home_currency: Currency | None
) -> ItemDraft:
    """The item as first written.

    Amounts are only written in the site's home currency (B15): an item has no currency of its own.
    """
    at_home = home_currency is not None and product.currency == home_currency
    return ItemDraft(
        identifier=identifier,
        name=name(product),
        vendor_sku=product.sku if len(product.sku) <= LONGEST_VENDOR_SKU else None,
        defaults=defaults,
        taxable=taxable,
        price=product.unit_price if at_home else None,
        cost=product.unit_cost if at_home else None,
    )


def name(product: Product) -> str:
    """The product's name with its SKU (R59); a long name gives way to the SKU."""
    room = LONGEST_NAME - len(product.sku) - 1
    return f"{product.name[: max(room, 0)].strip()} {product.sku}".strip()[:LONGEST_NAME]


def _cut(identifier: str) -> str:
    """At most 75 characters; what is cut off lives on in a digest, so that two long ones stay two."""
    if len(identifier) <= LONGEST_IDENTIFIER:
        return identifier
    return f"{identifier[: LONGEST_IDENTIFIER - _DIGEST - 1]}~{_digest(identifier)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST // 2).hexdigest()
