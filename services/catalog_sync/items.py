"""The effect: catalog items in ConnectWise, adopted where there is one, else created exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from catalog_sync import store
from catalog_sync.domain.adoption import Candidate, Several, Wanted, adopt_each
from catalog_sync.domain.items import ItemDraft, plain_identifier
from catalog_sync.store import SIGNAL
from connectwise import CatalogItem, Condition, NewCatalogItem, ProductClass, Ref, where
from contracts import topics
from contracts.events import CatalogItemLinked
from contracts.values import BillingPlan, SiteId, TenantId
from delivery import (
    Hit,
    Lane,
    Operation,
    OperationKey,
    Reading,
    Sent,
    Settled,
    State,
    marker,
    operation_key,
)
from messaging import Fact, outbox
from storage import Database, Transaction
from tenancy import LATELY, Sites, closed, program

EFFECT = "catalog-items"
FEATURE = "catalog"
LANE = "catalog"
SOURCE = "microsoft-nce"

_FIELDS = ("identifier", "vendorSku", "integrationXRef", "inactiveFlag", "taxableFlag")


@dataclass(frozen=True, slots=True)
class Creation:
    """The body of an operation: which product, what is written, and how often it was tried before."""

    product_key: str
    sku: str
    plan: BillingPlan
    generation: int
    item: ItemDraft

    def to_json(self) -> Any:
        """As it is queued."""
        return _CREATION.dump_python(self, mode="json")

    @staticmethod
    def of(operation: Operation) -> "Creation":
        """As it was queued."""
        return _CREATION.validate_python(operation.body)


_CREATION = TypeAdapter(Creation)


def key_of(product_key: str, generation: int) -> OperationKey:
    """A creation's key, from source facts only."""
    return operation_key("item", SOURCE, product_key, generation)


@dataclass(frozen=True, slots=True)
class CatalogItems:
    """What delivery needs to know of catalog items; claim, epoch, quarantine and outcome are its own."""

    db: Database
    sites: Sites

    @property
    def name(self) -> str:
        """The effect's name."""
        return EFFECT

    async def gate(self, tx: Transaction, tenant_id: TenantId) -> str | None:
        """Setup must allow the catalog, and the program its products (R44, R48)."""
        if (reason := await closed(tx, tenant_id, FEATURE)) is not None:
            return reason
        fact = await program(tx, tenant_id, SOURCE)
        return None if fact is not None and fact.enabled and fact.products != "off" else "products are switched off"

    async def find(self, lane: Lane, operations: Sequence[Operation]) -> Reading:
        """Which existing items stand for these products (C10); what several could stand for is a conflict."""
        site = await self.sites.open(lane.tenant_id, lane.site_id)
        wanted = {operation.key: _wanted(operation, lane.site_id) for operation in operations}
        candidates = [
            _candidate(item) async for item in site.catalog.iterate(_condition([*wanted.values()]), fields=_FIELDS)
        ]
        async with self.db.transaction([lane.tenant_id]) as tx:
            linked = await store.linked_items(tx, lane.tenant_id, [one.item_id for one in candidates])
        found = adopt_each([*wanted.values()], candidates, linked)
        hits: dict[OperationKey, Sequence[Hit]] = {}
        questions: dict[OperationKey, str] = {}
        for key, one in wanted.items():
            match found.get(one.product_key):
                case Candidate() as item:
                    hits[key] = (Hit(item.item_id, equal=True, note=item),)
                case Several() as several:
                    questions[key] = several.question
                case None:
                    pass
        return Reading(hits, questions)

    async def send(self, operation: Operation) -> Sent:
        """Create the item; people own all of it but price and cost afterwards (R60, R63)."""
        site = await self.sites.open(operation.tenant_id, operation.site_id, within=LATELY)
        draft = Creation.of(operation).item
        new = NewCatalogItem(
            identifier=draft.identifier,
            description=draft.name,
            customer_description=draft.name,
            inactive_flag=False,
            category=Ref(id=draft.defaults.category_id),
            subcategory=Ref(id=draft.defaults.subcategory_id),
            type=Ref(id=draft.defaults.type_id),
            unit_of_measure=Ref(id=draft.defaults.unit_id),
            product_class=ProductClass.NON_INVENTORY,
            price=draft.price,
            cost=draft.cost,
            taxable_flag=draft.taxable,
            vendor_sku=draft.vendor_sku,
            integration_x_ref=operation.marker,
        )
        made = await site.catalog.create(new, admit_within=operation.leave_within)
        return Sent(made.id, status=201, request_id=made.request_id or "", note=_candidate(made))

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        """Link the products or keep why not, and tell it; failures are told too."""
        linked, refused, facts = [], [], []
        for operation, result in results:
            creation, tenant_id = Creation.of(operation), operation.tenant_id
            if result.state is State.CONFIRMED and result.remote_id is not None:
                item = result.note or Candidate(
                    result.remote_id,
                    creation.item.identifier,
                    marker=operation.marker or "",
                    taxable=creation.item.taxable,
                )
                markers = _wanted(operation, operation.site_id).markers
                linked.append((tenant_id, creation.product_key, item, item.marker not in markers))
                said = CatalogItemLinked(
                    product_key=creation.product_key,
                    state="linked",
                    item_id=item.item_id,
                    identifier=item.identifier,
                    inactive=item.inactive,
                    taxable=item.taxable,
                )
            else:
                state = "held" if result.state is State.CONFLICT else "failed"
                reason = result.message or result.reason
                refused.append((tenant_id, creation.product_key, state, reason))
                said = CatalogItemLinked(product_key=creation.product_key, state=state, reason=reason[:500])
            facts.append(Fact(tenant_id, creation.product_key, said))
        await store.link(tx, linked)
        await store.refuse(tx, refused)
        await outbox.add(tx, topics.CATALOG_ITEMS, facts)
        await store.ask(tx, {operation.tenant_id for operation, _ in results})
        tx.signal(SIGNAL)


def _wanted(operation: Operation, site_id: SiteId) -> Wanted:
    creation = Creation.of(operation)
    markers = (marker(site_id, key_of(creation.product_key, number + 1)) for number in range(creation.generation))
    return Wanted(
        creation.product_key, creation.sku, creation.plan, creation.item.identifier, frozenset(map(str, markers))
    )


def _condition(wanted: Sequence[Wanted]) -> Condition:
    item = where.CatalogItem
    identifiers = [name for one in wanted for name in (plain_identifier(one.sku), one.identifier)]
    return (
        item.integration_x_ref.in_(sorted(mark for one in wanted for mark in one.markers))
        | item.vendor_sku.in_([one.sku for one in wanted])
        | item.identifier.in_(identifiers)
    )


def _candidate(item: CatalogItem) -> Candidate:
    return Candidate(
        item.id,
        item.identifier or "",
        item.vendor_sku or "",
        item.integration_x_ref or "",
        inactive=bool(item.inactive_flag),
        taxable=bool(item.taxable_flag),
    )
