"""Looking at a tenant's products whenever something they depend on has changed: what is wanted is queued, once."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

import structlog

from catalog_sync import store
from catalog_sync.domain.items import Defaults, Held, draft, free_identifier, identifiers, refusal
from catalog_sync.domain.progress import not_planned, progress
from catalog_sync.items import EFFECT, FEATURE, LANE, SOURCE, Creation, key_of
from catalog_sync.store import SIGNAL, Due, Scope, Unlinked
from contracts import topics
from contracts.events import CatalogItemLinked, ProgramChanged, RunStep, SetupChecked, SyncStep
from contracts.values import LineIdentity, SiteId, TenantId
from delivery import Coverage, Kind, NewOperation, enqueue
from messaging import Fact, copies, outbox
from servicekit import Passes
from storage import Transaction
from tenancy import closed, connection, program, setup

log = structlog.get_logger()


class Planner(Passes):
    """One pass a tenant at a time; a pass that dies half-way is made again."""

    signal = SIGNAL

    async def work(self, stop: asyncio.Event) -> int:  # noqa: ARG002 (a pass is short)
        """Plan and report; how many tenants."""
        return await self.plan_due()

    async def plan_due(self) -> int:
        """Look at the products of every tenant that is due; how many tenants."""
        async with self.db.all_tenants() as tx:
            due = await store.due_tenants(tx)
        for one in due:
            async with self.db.transaction([one.tenant_id]) as tx:
                await _plan_tenant(tx, one)
        return len(due)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the copies of facts say: all of it is needed before anything is planned."""

    site_id: SiteId
    program: ProgramChanged
    setup: SetupChecked


async def _plan_tenant(tx: Transaction, due: Due) -> None:
    await store.lock_tenant(tx, due.tenant_id)
    switched_on = await program(tx, due.tenant_id, SOURCE)
    scope = await _scope(tx, due.tenant_id, switched_on)
    if scope is not None and switched_on is not None:
        site, checked = await connection(tx, due.tenant_id), await setup(tx, due.tenant_id)
        if site is not None and checked is not None:
            wanted = await store.to_plan(tx, due.tenant_id, scope, retry=due.retry)
            await _queue(tx, due.tenant_id, wanted, _Known(site.site_id, switched_on, checked))
    await _report(tx, due.tenant_id, scope, switched_on)
    await store.done(tx, due)


async def _scope(tx: Transaction, tenant_id: TenantId, fact: ProgramChanged | None) -> Scope | None:
    """Which products are wanted (R49-R53); None where products are not synced at all (R44, R48)."""
    if fact is None or not fact.enabled or fact.products == "off":
        return None
    mappings = await copies.of_tenant(tx, topics.CUSTOMER_MAPPINGS, tenant_id)
    mapped = sorted({mapping.customer_key for mapping in mappings if not mapping.removed})
    return Scope(fact.products == "all", mapped, list(fact.motions))


async def _queue(tx: Transaction, tenant_id: TenantId, wanted: Sequence[Unlinked], known: _Known) -> None:
    """One creation for each product (R58); one that lacks something is held, with nothing half done (R32)."""
    candidates = {identifier.lower() for one in wanted for identifier in identifiers(one.product)}
    taken = await store.taken_identifiers(tx, tenant_id, candidates)
    operations = []
    for one in wanted:
        defaults = refusal(one.product) or _defaults(known.setup)
        if isinstance(defaults, Held):
            await _hold(tx, tenant_id, one, defaults.reason)
            continue
        identifier = one.draft_identifier or free_identifier(one.product, taken)
        taken.add(identifier.lower())
        item = draft(
            one.product,
            identifier,
            defaults,
            taxable=known.program.new_items_taxable,
            home_currency=None,  # no fact names the site's home currency yet
        )
        creation = Creation(one.product_key, one.sku, one.plan, one.generation + 1, item)
        operations.append(_operation(tenant_id, known.site_id, creation))
        await store.wait(tx, tenant_id, one.product_key, identifier, creation.generation)
    queued = await enqueue(tx, EFFECT, operations)
    if queued.new:
        log.info("items.queued", tenant=tenant_id, items=len(queued.new))


def _operation(tenant_id: TenantId, site_id: SiteId, creation: Creation) -> NewOperation:
    # What was refused stays covered where it may exist at the peer: trying again is a component of its own.
    component = "item" if creation.generation == 1 else f"item-{creation.generation}"
    stands_for = LineIdentity(creation.product_key)
    return NewOperation(
        tenant_id=tenant_id,
        site_id=site_id,
        key=key_of(creation.product_key, creation.generation),
        kind=Kind.CREATE,
        lane=LANE,
        body=creation.to_json(),
        coverage=(Coverage(stands_for, component, Decimal(1), Decimal(0), Decimal(0)),),
    )


def _defaults(checked: SetupChecked) -> Defaults | Held:
    found = checked.catalog_defaults
    if found is not None:
        return Defaults(found.category_id, found.subcategory_id, found.type_id, found.unit_id)
    failed = [
        f"{finding.title}: {finding.detail or finding.state}"
        for finding in checked.findings
        if finding.state != "passed" and finding.severity == "required"
    ]
    missing = "; ".join(failed[:3]) or "category, subcategory, type or unit of measure"
    return Held(f"the site lacks what a new item refers to: {missing}")


async def _hold(tx: Transaction, tenant_id: TenantId, one: Unlinked, reason: str) -> None:
    if one.reason == reason:
        return
    await store.hold(tx, tenant_id, one.product_key, reason)
    said = CatalogItemLinked(product_key=one.product_key, state="held", reason=reason)
    await outbox.add(tx, topics.CATALOG_ITEMS, [Fact(tenant_id, one.product_key, said)])


async def _report(tx: Transaction, tenant_id: TenantId, scope: Scope | None, fact: ProgramChanged | None) -> None:
    """Tell how far the catalog step of each run is, where that has changed."""
    shut = await closed(tx, tenant_id, FEATURE)
    counted = await store.progress(tx, tenant_id, scope or Scope(everything=False, customers=(), motions=()))
    for one in counted:
        if scope is None:
            reason = "there is no program yet" if fact is None else "products are switched off"
            found = not_planned(reason, off=fact is not None)
        else:
            found = progress(one.linked, one.held, one.failed, one.waiting, closed=shut)
        if await store.tell(tx, tenant_id, one.run_id, asdict(found)):
            step = SyncStep(run_id=one.run_id, step=RunStep.CATALOG, **asdict(found))
            await outbox.add(tx, topics.SYNC_STEPS, [Fact(tenant_id, one.run_id, step, one.run_id)])
