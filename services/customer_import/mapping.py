"""Mappings made, changed and withdrawn: all of a list or nothing, each told as a fact (B5, B6)."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts import topics
from contracts.events import MappingChanged
from contracts.values import TenantId
from customer_import import store
from customer_import.domain import table
from customer_import.domain.mappings import Known, Target, advised, checked, named
from customer_import.store import Mapping
from messaging import Fact, outbox
from storage import Transaction


@dataclass(frozen=True, slots=True)
class Taken:
    """What a list of mappings came to. `advice` is what the setup guide would have otherwise."""

    new: int
    changed: int
    unchanged: int
    advice: list[str]


async def bring(tx: Transaction, tenant_id: TenantId, content: bytes, by: str) -> Taken:
    """Take a file in; MappingsRefused with row, column, value and rule where anything in it is wrong."""
    rows = table.rows(content)
    known = await store.known(
        tx,
        tenant_id,
        customer_ids=[row.customer_id for row in rows],
        identifiers=[row.company for row in rows],
        names=[row.agreement for row in rows],
    )
    return await _save(tx, tenant_id, named(rows, known), known, by)


async def put(tx: Transaction, tenant_id: TenantId, targets: Sequence[Target], by: str) -> Taken:
    """Take a list in, everything by id; what it does not name stays. MappingsRefused as of a file."""
    known = await store.known(
        tx,
        tenant_id,
        customer_keys=[target.customer_key for target in targets],
        company_ids=[target.company_id for target in targets],
        agreement_ids=[target.agreement_id for target in targets],
    )
    checked(targets, known)
    return await _save(tx, tenant_id, targets, known, by)


async def withdraw(tx: Transaction, tenant_id: TenantId, mapping_id: str, by: str) -> Mapping | None:
    """Take a mapping back: lines that are not written yet are held from now on. None where there is none."""
    await store.lock_mappings(tx, tenant_id)
    gone = await store.withdraw(tx, tenant_id, [mapping_id], by)
    await _tell(tx, tenant_id, gone)
    return gone[0] if gone else None


async def withdraw_all(tx: Transaction, tenant_id: TenantId, by: str) -> None:
    """Take all mappings of a tenant back."""
    await store.lock_mappings(tx, tenant_id)
    await _tell(tx, tenant_id, await store.withdraw(tx, tenant_id, None, by))


async def _save(tx: Transaction, tenant_id: TenantId, targets: Sequence[Target], known: Known, by: str) -> Taken:
    await store.lock_mappings(tx, tenant_id)
    there = await store.mappings_of(tx, tenant_id, [target.mapping_id for target in targets])
    live = {mapping.mapping_id: mapping for mapping in there if not mapping.removed}
    differing = [
        target for target in targets if (found := live.get(target.mapping_id)) is None or not found.says(target)
    ]
    saved = await store.save_mappings(tx, tenant_id, differing, by)
    await _tell(tx, tenant_id, saved)
    changed = sum(target.mapping_id in live for target in differing)
    return Taken(len(differing) - changed, changed, len(targets) - len(differing), advised(targets, known))


async def _tell(tx: Transaction, tenant_id: TenantId, mappings: Sequence[Mapping]) -> None:
    facts = [
        Fact(
            tenant_id,
            mapping.mapping_id,
            MappingChanged(
                mapping_id=mapping.mapping_id,
                customer_key=mapping.customer_key,
                billing_contract=mapping.billing_contract,
                motion=mapping.motion,
                company_id=mapping.company_id,
                agreement_id=mapping.agreement_id,
                go_live=mapping.go_live,
                version=mapping.version,
                removed=mapping.removed,
            ),
        )
        for mapping in mappings
    ]
    await outbox.add(tx, topics.CUSTOMER_MAPPINGS, facts)
