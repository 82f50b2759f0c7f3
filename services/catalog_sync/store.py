"""All SQL of catalog_sync."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog_sync.domain.adoption import Candidate
from catalog_sync.domain.items import Product
from contracts.events import InvoiceLineReceived, ProductChanged
from contracts.values import BillingPlan, Currency, RunId, TenantId
from storage import Transaction, named_queries

sql = named_queries(__package__, "catalog.sql")

SIGNAL = "plan"


@dataclass(frozen=True, slots=True)
class Due:
    """A tenant whose products are to be looked at."""

    tenant_id: TenantId
    asked: int
    retry: bool


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A wanted product without an item, with what was tried before."""

    product_key: str
    sku: str
    name: str
    term: str
    plan: BillingPlan
    currency: Currency
    unit_price: Decimal
    unit_cost: Decimal
    draft_identifier: str
    generation: int
    reason: str

    @property
    def product(self) -> Product:
        """The product alone."""
        return Product(
            self.product_key,
            self.sku,
            self.name,
            self.term,
            self.plan,
            self.currency,
            self.unit_price,
            self.unit_cost,
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Which products are wanted: all, or those that these customers use in these motions."""

    everything: bool
    customers: Sequence[str]
    motions: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunCount:
    """Of a run's wanted products, how many are where."""

    run_id: RunId
    linked: int = 0
    held: int = 0
    failed: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class ItemLink:
    """A product and the item it is linked to, or why there is none yet (R62, R90)."""

    product_key: str
    item_id: int | None
    identifier: str
    state: str
    reason: str
    adopted: bool
    inactive: bool
    taxable: bool
    linked_at: datetime | None


async def save_products(tx: Transaction, products: Collection[tuple[TenantId, ProductChanged]]) -> None:
    """Remember products as their source says them now."""
    # Sorted, so that two batches with the same products wait for each other instead of deadlocking.
    newest = {(tenant_id, said.key): said for tenant_id, said in products}
    rows = [
        (tenant_id, key, said.sku, said.name, said.term, said.plan, said.currency, said.unit_price, said.unit_cost)
        for (tenant_id, key), said in sorted(newest.items(), key=lambda entry: entry[0])
    ]
    await tx.execute(sql["save_products"], *_columns(rows, 9))


async def save_uses(tx: Transaction, lines: Collection[tuple[TenantId, InvoiceLineReceived]]) -> None:
    """Remember who uses what, whether or not it is known or mapped."""
    rows = sorted(
        {(tenant_id, line.run_id, line.product_key, line.customer_key, line.motion) for tenant_id, line in lines}
    )
    await tx.execute(sql["save_uses"], *_columns(rows, 5))


async def ask(tx: Transaction, tenants: Collection[TenantId], *, retry: bool = False) -> None:
    """Have these tenants' products looked at."""
    for tenant_id in sorted(set(tenants)):
        await tx.execute(sql["ask"], tenant_id, retry)


async def due_tenants(tx: Transaction) -> list[Due]:
    """Whose products are to be looked at, of all tenants."""
    return await tx.fetch(Due, sql["due_tenants"])


async def lock_tenant(tx: Transaction, tenant_id: TenantId) -> None:
    """Have the tenant's plan to ourselves until the transaction ends."""
    await tx.execute(sql["lock_tenant"], tenant_id)


async def done(tx: Transaction, due: Due) -> None:
    """Note that the tenant was looked at, unless more was asked meanwhile."""
    await tx.execute(sql["done"], due.tenant_id, due.asked)


async def to_plan(tx: Transaction, tenant_id: TenantId, scope: Scope, *, retry: bool) -> list[Unlinked]:
    """Wanted products without an item; with `retry` also those that ConnectWise or a question has held up."""
    return await tx.fetch(Unlinked, sql["to_plan"], tenant_id, scope.everything, scope.customers, scope.motions, retry)


async def taken_identifiers(tx: Transaction, tenant_id: TenantId, wanted: Collection[str]) -> set[str]:
    """Which of these identifiers other products have, in lower case."""
    return set(await tx.column(sql["taken_identifiers"], tenant_id, [one.lower() for one in wanted]))


async def wait(tx: Transaction, tenant_id: TenantId, product_key: str, identifier: str, generation: int) -> None:
    """Note that a creation is queued."""
    await tx.execute(sql["wait"], tenant_id, product_key, identifier, generation)


async def hold(tx: Transaction, tenant_id: TenantId, product_key: str, reason: str) -> None:
    """Note why none can be queued."""
    await tx.execute(sql["hold"], tenant_id, product_key, reason)


async def refuse(tx: Transaction, refused: Collection[tuple[TenantId, str, str, str]]) -> None:
    """Note that queued creations of products ended without an item: in which state, and why."""
    if refused:
        await tx.execute(sql["refuse"], *_columns(list(refused), 4))


async def link(tx: Transaction, linked: Collection[tuple[TenantId, str, Candidate, bool]]) -> None:
    """Link products to their items, by the item's id (R62), and whether they were adopted."""
    rows = [
        (tenant_id, product_key, item.item_id, item.identifier, item.inactive, item.taxable, adopted)
        for tenant_id, product_key, item, adopted in linked
    ]
    if rows:
        await tx.execute(sql["link"], *_columns(rows, 7))


async def linked_items(tx: Transaction, tenant_id: TenantId, items: Collection[int]) -> dict[int, str]:
    """Which products these items stand for."""
    rows = await tx.fetch(_Linked, sql["linked_items"], tenant_id, list(items))
    return {row.item_id: row.product_key for row in rows}


async def progress(tx: Transaction, tenant_id: TenantId, scope: Scope) -> list[RunCount]:
    """How far each of the newest runs is."""
    newest = [RunId(run) for run in await tx.column(sql["newest_runs"], tenant_id)]
    rows = await tx.fetch(
        RunCount, sql["progress"], tenant_id, newest, scope.everything, scope.customers, scope.motions
    )
    counted = {row.run_id: row for row in rows}
    return [counted.get(run_id, RunCount(run_id)) for run_id in newest]


async def tell(tx: Transaction, tenant_id: TenantId, run_id: RunId, said: dict[str, Any]) -> bool:
    """Note what is said of a run; whether it differs from what was said last."""
    return bool(await tx.value(sql["tell"], tenant_id, run_id, said))


async def items(tx: Transaction, tenant_id: TenantId, after: str, state: str, size: int) -> list[ItemLink]:
    """One page."""
    return await tx.fetch(ItemLink, sql["items"], tenant_id, after, state, size)


async def products(tx: Transaction, tenant_id: TenantId, after: str, size: int) -> list[Product]:
    """One page."""
    return await tx.fetch(Product, sql["products"], tenant_id, after, size)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[number] for row in rows] for number in range(width)]


@dataclass(frozen=True, slots=True)
class _Linked:
    item_id: int
    product_key: str
