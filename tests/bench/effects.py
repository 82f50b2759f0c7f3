"""The smallest real effect: additions made and changed through the client, and told to Kafka by the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connectwise import Addition, AdditionChange, ConnectWise, NewAddition, Ref
from contracts import topics
from contracts.events import AdditionSettled
from contracts.values import DocumentId, LineIdentity, RunId, SiteId, TenantId
from delivery import (
    Coverage,
    Hit,
    Kind,
    Lane,
    NewOperation,
    Operation,
    Reading,
    Sent,
    Settled,
    operation_key,
)
from messaging import Fact, outbox
from storage import Transaction

EFFECT = "additions"
NEXT = date(2026, 12, 1)
_READ = ("id", "serialNumber", "quantity")


@dataclass(frozen=True, slots=True)
class Additions:
    """On agreements of one site."""

    site: ConnectWise

    @property
    def name(self) -> str:
        """The effect's name."""
        return EFFECT

    async def gate(self, tx: Transaction, tenant_id: TenantId) -> str | None:
        """Always open."""
        _ = tx, tenant_id
        return None

    async def find(self, lane: Lane, operations: Sequence[Operation]) -> Reading:
        """One read of the agreement's additions."""
        there = [one async for one in self.site.additions(int(lane.name)).iterate(fields=_READ)]
        by_marker = {one.serial_number: one for one in there}
        by_id = {one.id: one for one in there}
        hits = {
            op.key: (Hit(found.id, equal=found.quantity == Decimal(op.body["quantity"])),)
            for op in operations
            if (found := by_marker.get(op.marker) if op.kind is Kind.CREATE else _changed(op, by_id)) is not None
        }
        return Reading(hits)

    async def send(self, operation: Operation) -> Sent:
        """A creation is one call; a change reads the record first, as the API has no conditional writes."""
        additions, wanted = self.site.additions(int(operation.lane)), Decimal(operation.body["quantity"])
        if operation.kind is Kind.CREATE:
            made = await additions.create(new_addition(str(operation.marker)), admit_within=operation.leave_within)
            return Sent(made.id, status=201, request_id=made.request_id or "")
        changed = await additions.patch(
            operation.body["id"],
            AdditionChange(quantity=wanted),
            expected=AdditionChange(quantity=Decimal(operation.body["before"])),
            attempts=1,
            admit_within=operation.leave_within,
        )
        return Sent(changed.id, status=200, request_id=changed.request_id or "")

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        """News of each, as every service has to tell."""
        await outbox.add(
            tx,
            topics.ADDITIONS,
            [Fact(op.tenant_id, op.lane, _said(op, result), op.run_id) for op, result in results],
        )


def creation(tenant_id: TenantId, site_id: SiteId, agreement: int, *facts: object) -> NewOperation:
    """An addition of one, for the line that the facts name."""
    key = operation_key("addition", agreement, *facts)
    one = Coverage(LineIdentity(key), "charge", Decimal(1), Decimal("1.00"), Decimal("2.00"))
    return NewOperation(
        tenant_id, site_id, key, Kind.CREATE, str(agreement), {"quantity": "1"}, run_id=RunId("bench"), coverage=(one,)
    )


def change(tenant_id: TenantId, site_id: SiteId, agreement: int, addition_id: int) -> NewOperation:
    """Another quantity for an addition of one."""
    return NewOperation(
        tenant_id,
        site_id,
        operation_key("quantity", addition_id),
        Kind.PATCH,
        str(agreement),
        {"id": addition_id, "before": "1", "quantity": "2"},
        target=f"addition-{addition_id}",
    )


def new_addition(marker: str) -> NewAddition:
    """What a creation sends."""
    return NewAddition(
        product=Ref(id=1),
        quantity=Decimal(1),
        effective_date=NEXT,
        serial_number=marker,
        invoice_description="A product, 1 Oct 2026 to 31 Oct 2026",
    )


def _changed(operation: Operation, there: dict[int, Addition]) -> Addition | None:
    found = there.get(operation.body["id"])
    return found if found is not None and found.quantity == Decimal(operation.body["quantity"]) else None


def _said(operation: Operation, result: Settled) -> AdditionSettled:
    return AdditionSettled(
        operation_key=operation.key,
        run_id=operation.run_id,
        document_id=DocumentId("bench"),
        identity=LineIdentity(operation.key),
        agreement_id=int(operation.lane),
        addition_id=result.remote_id,
        state="synced",
    )
