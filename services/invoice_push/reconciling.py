"""Reading ConnectWise back after a run, and comparing: it repairs nothing by itself."""

import base64
import binascii
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

from connectwise import Addition, ConnectWise
from contracts import topics
from contracts.events import RunStep, SyncStep
from contracts.values import RunId, TenantId
from delivery import queue
from delivery.queue import Recorded
from delivery.reconcile import Remote, compare
from invoice_push import store
from invoice_push.additions import EFFECT, difference, lane_of
from invoice_push.lines import draft_from_json
from invoice_push.store import Reconciliation
from messaging import Fact, copies, outbox
from storage import Database

_MARKER_BYTES = 20


def is_marker(text: str) -> bool:
    """Whether a serial number looks like one of ours: 32 characters of base32."""
    try:
        return len(text) == 32 and len(base64.b32decode(text)) == _MARKER_BYTES  # noqa: PLR2004 (20 bytes in base32)
    except binascii.Error:
        return False


async def read_back(db: Database, site: ConnectWise, tenant_id: TenantId, run_id: RunId) -> None:
    """Read every agreement the run has written to, compare, keep and tell the result (B3)."""
    async with db.transaction([tenant_id]) as tx:
        agreements = await store.agreements_of_run(tx, tenant_id, run_id)
    found = [await _read_agreement(db, site, tenant_id, agreement) for agreement in agreements]
    differing = sum(len(one.differences) for one in found)
    off = [one for one in found if (one.cost, one.price) != (one.expected_cost, one.expected_price)]
    step = SyncStep(
        run_id=run_id,
        step=RunStep.RECONCILE,
        state="done" if not differing and not off else "failed",
        done=len(found),
        total=len(found),
        counts={"differences": differing},
        message=f"{len(found)} agreements read back, "
        + ("all as written" if not differing and not off else f"{differing} differences"),
    )
    async with db.transaction([tenant_id]) as tx:
        await store.keep_reconciliations(tx, tenant_id, run_id, found)
        await outbox.add(tx, topics.SYNC_STEPS, [Fact(tenant_id, run_id, step, run_id)])


async def _read_agreement(db: Database, site: ConnectWise, tenant_id: TenantId, agreement_id: int) -> Reconciliation:
    lane = lane_of(agreement_id)
    async with db.transaction([tenant_id]) as tx:
        operations = await queue.live_of_lane(tx, EFFECT, tenant_id, lane)
        agreement = await copies.one(tx, topics.AGREEMENTS, tenant_id, str(agreement_id))
    additions = [addition async for addition in site.additions(agreement_id).iterate()]
    by_id = {addition.id: addition for addition in additions}
    remote = [Remote(a.id, lane, a.serial_number or "", {}) for a in additions]

    def drift(operation: Recorded, record: Remote) -> str:
        return difference(draft_from_json(operation.body), by_id[record.remote_id])

    differences = compare(lane, operations, remote, drift, own=is_marker)
    ours = {operation.marker for operation in operations if operation.state == "confirmed"}
    held = [addition for addition in additions if addition.serial_number in ours]
    drafts = [draft_from_json(operation.body) for operation in operations if operation.state == "confirmed"]
    return Reconciliation(
        agreement_id=agreement_id,
        agreement_name=agreement.name if agreement else str(agreement_id),
        company_id=agreement.company_id if agreement else 0,
        additions=len(held),
        cost=sum((_extended(a, "unit_cost") for a in held), Decimal(0)),
        price=sum((_extended(a, "unit_price") for a in held), Decimal(0)),
        expected=len(drafts),
        expected_cost=sum((draft.cost for draft in drafts), Decimal(0)),
        expected_price=sum((draft.price for draft in drafts), Decimal(0)),
        differences=[asdict(difference) for difference in differences],
        read_at=datetime.now(UTC),
    )


def _extended(addition: Addition, unit: str) -> Decimal:
    amount: Decimal = getattr(addition, unit) or Decimal(0)
    return ((addition.quantity or Decimal(0)) * amount).quantize(Decimal("0.01"))
