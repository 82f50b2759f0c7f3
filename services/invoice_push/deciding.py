"""A conflict is decided by a person: the addition that is there for the line, or that none is."""

from contracts.values import TenantId
from delivery import Adopted, NotThere, Operation, OperationKey, State
from delivery.queue import DecidedError, conflict, decide
from delivery.records import Recorded, timeline
from delivery.transitions import Decision
from invoice_push import corrections, store
from invoice_push.additions import agreement_of_lane, difference
from invoice_push.lines import draft_from_json
from invoice_push.pusher import Additions
from invoice_push.resolver import SIGNAL
from storage import Transaction


class UnmarkedError(Exception):
    """The addition lacks the line's marker: a database that is restored would not know it, and write another."""


async def adopt(additions: Additions, tenant_id: TenantId, key: OperationKey, addition_id: int, by: str) -> Recorded:
    """The addition, which is read first, counts as written; how it differs is kept and told by each reading back.

    Raises:
        ApiError: it could not be read; `NOT_FOUND` where the line's agreement has none of this id.
        AddressRefused, NotConnectedError, UnsealError: there is no connection, or it cannot be used.
        UnmarkedError, DecidedError, TakenError: it may not be, or nothing is to be decided any more.
    """
    async with additions.db.transaction([tenant_id]) as tx:
        operation = await conflict(tx, tenant_id, key)
    if operation is None:
        raise DecidedError(f"operation {key} is not in conflict")
    agreement_id = agreement_of_lane(operation.lane)
    site = await additions.sites.open(tenant_id, operation.site_id)
    found = await site.additions(agreement_id).get(addition_id)
    if found.serial_number != operation.marker:
        here = f"serial number {found.serial_number}" if found.serial_number else "no serial number"
        raise UnmarkedError(
            f"addition {addition_id} on agreement {agreement_id} has {here}: if it is there for this line, make "
            f"{operation.marker} its serial number in ConnectWise first"
        )
    detail = difference(draft_from_json(operation.body), found)
    async with additions.db.transaction([tenant_id]) as tx:
        return await _decided(tx, additions, tenant_id, key, Adopted(addition_id, detail), by)


async def try_again(additions: Additions, tenant_id: TenantId, key: OperationKey, by: str) -> Recorded:
    """Nothing is there, a person says: ConnectWise is read again, and only if that holds is the line written.

    DecidedError where nothing is to be decided any more.
    """
    async with additions.db.transaction([tenant_id]) as tx:
        return await _decided(tx, additions, tenant_id, key, NotThere(), by)


async def _decided(
    tx: Transaction, additions: Additions, tenant_id: TenantId, key: OperationKey, decision: Decision, by: str
) -> Recorded:
    operation, settled = await decide(tx, tenant_id, key, decision, by)
    await _queue_again(tx, operation)
    if settled.state is State.CONFIRMED:
        await additions.settled(tx, [(operation, settled)])
    told = await timeline(tx, tenant_id, key)
    assert told is not None  # noqa: S101 (it was decided in this transaction)
    return told[0]


async def _queue_again(tx: Transaction, operation: Operation) -> None:
    tenant_id, draft = operation.tenant_id, draft_from_json(operation.body)
    touched = await store.queue_again(tx, tenant_id, operation.key, draft.cost, draft.price)
    touched += await corrections.queue_again(tx, tenant_id, operation.key)
    await store.report_due(tx, {(tenant_id, one.run_id) for one in touched})
    await store.ask_resolution(tx, [tenant_id for one in touched if one.amended])
    tx.signal(SIGNAL)
