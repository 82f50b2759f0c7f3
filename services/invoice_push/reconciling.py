"""Reading ConnectWise back after a run, and comparing: it repairs nothing by itself."""

import base64
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal

from connectwise import Addition, ConnectWise
from contracts import topics
from contracts.events import AgreementChanged, RunStep, SyncStep
from contracts.values import RunId, TenantId, to_cents
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
    except ValueError:
        return False


async def read_back(db: Database, site: ConnectWise, tenant_id: TenantId, run_id: RunId) -> None:
    """Read every agreement the run has written to, compare, keep and tell the result (B3)."""
    async with db.transaction([tenant_id]) as tx:
        agreements = await store.agreements_of_run(tx, tenant_id, run_id)
    held = [await _read_agreement(db, site, tenant_id, agreement) for agreement in agreements]
    by_marker: dict[str, list[Remote]] = defaultdict(list)
    for one in held:
        for addition in one.additions:
            if is_marker(addition.serial_number or ""):
                by_marker[addition.serial_number or ""].append(one.remote(addition))
    ours = {operation.marker for one in held for operation in one.operations}
    found = [_compared(one, by_marker, ours) for one in held]
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


@dataclass(frozen=True, slots=True)
class _Held:
    """An agreement as it is there, beside what was done to it."""

    agreement_id: int
    fact: AgreementChanged | None
    operations: Sequence[Recorded]
    additions: Sequence[Addition]

    @property
    def lane(self) -> str:
        return lane_of(self.agreement_id)

    def remote(self, addition: Addition) -> Remote:
        return Remote(addition.id, self.lane, addition.serial_number or "", {})


async def _read_agreement(db: Database, site: ConnectWise, tenant_id: TenantId, agreement_id: int) -> _Held:
    async with db.transaction([tenant_id]) as tx:
        operations = await queue.live_of_lane(tx, EFFECT, tenant_id, lane_of(agreement_id))
        fact = await copies.one(tx, topics.AGREEMENTS, tenant_id, str(agreement_id))
    return _Held(agreement_id, fact, operations, await site.additions(agreement_id).list())


def _compared(held: _Held, by_marker: Mapping[str, Sequence[Remote]], ours: Container[str | None]) -> Reconciliation:
    """One agreement; `by_marker` and `ours` are of all that were read, so that a copy is told from a stranger (B18)."""
    by_id = {addition.id: addition for addition in held.additions}
    elsewhere = [
        record
        for operation in held.operations
        for record in by_marker.get(operation.marker or "", ())
        if record.lane != held.lane
    ]

    def drift(operation: Recorded, record: Remote) -> str:
        return difference(draft_from_json(operation.body), by_id[record.remote_id])

    differences = compare(
        held.lane,
        held.operations,
        [*map(held.remote, held.additions), *elsewhere],
        drift,
        own=lambda marker: is_marker(marker) and marker not in ours,
    )
    written = [operation for operation in held.operations if operation.state == "confirmed"]
    markers = {operation.marker for operation in written}
    there = [addition for addition in held.additions if addition.serial_number in markers]
    drafts = [draft_from_json(operation.body) for operation in written]
    return Reconciliation(
        agreement_id=held.agreement_id,
        agreement_name=held.fact.name if held.fact else str(held.agreement_id),
        company_id=held.fact.company_id if held.fact else 0,
        additions=len(there),
        cost=sum((_extended(a, "unit_cost") for a in there), Decimal(0)),
        price=sum((_extended(a, "unit_price") for a in there), Decimal(0)),
        expected=len(drafts),
        expected_cost=sum((draft.cost for draft in drafts), Decimal(0)),
        expected_price=sum((draft.price for draft in drafts), Decimal(0)),
        differences=[asdict(one) for one in differences],
        read_at=datetime.now(UTC),
    )


def _extended(addition: Addition, unit: str) -> Decimal:
    amount: Decimal = getattr(addition, unit) or Decimal(0)
    return to_cents((addition.quantity or Decimal(0)) * amount)
