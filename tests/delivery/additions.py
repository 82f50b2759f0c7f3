"""An effect on the tests' peer, and the operations for it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from contracts.values import LineIdentity, RunId, SiteId, TenantId
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
from delivery.operations import OperationKey
from storage import Transaction
from tests.delivery.peer import Client, Write

EFFECT = "additions"


class Additions:
    """Creates and changes records; `settled` writes a row of a table, as a service writes its outbox."""

    name = EFFECT

    def __init__(self, peer: Client, sender: str = "") -> None:
        self.peer = peer
        self.sender = sender
        self.closed = ""
        self.gated: dict[TenantId, str] = {}
        self.read_errors: list[Exception] = []
        self.settle_errors: list[Exception] = []
        self.jobs = 0
        self.batches: list[int] = []

    async def gate(self, tx: Transaction, tenant_id: TenantId) -> str | None:
        _ = tx
        return self.gated.get(tenant_id)

    async def find(self, lane: Lane, operations: Sequence[Operation]) -> Reading:
        if self.read_errors:
            raise self.read_errors.pop(0)
        records = await self.peer.records(lane.name)
        by_id = {record.remote_id: record for record in records}
        hits: dict[OperationKey, list[Hit]] = {}
        conflicts: dict[OperationKey, str] = {}
        for operation in operations:
            wanted = operation.body["content"]
            if operation.kind is Kind.CREATE:
                hits[operation.key] = [
                    Hit(
                        record.remote_id,
                        equal=record.content == wanted,
                        detail=f"it says {record.content}",
                        elsewhere=record.lane != lane.name,
                    )
                    for record in records
                    if record.marker == operation.marker
                ]
            else:
                there = by_id[operation.body["id"]].content
                if there == wanted:
                    hits[operation.key] = [Hit(operation.body["id"], equal=True)]
                elif there != operation.body["before"]:
                    conflicts[operation.key] = f"it says {there}"
        return Reading(hits, conflicts, closed=self.closed)

    async def send(self, operation: Operation) -> Sent:
        if operation.kind is Kind.JOB:
            self.jobs += 1
        remote_id = await self.peer.write(
            Write(
                key=operation.key,
                lane=operation.lane,
                content=operation.body["content"],
                marker=operation.marker or "",
                remote_id=operation.body.get("id"),
                sender=self.sender,
            )
        )
        return Sent(remote_id, status=201, request_id=f"request-{remote_id}")

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        if self.settle_errors:
            raise self.settle_errors.pop(0)
        self.batches.append(len(results))
        await tx.execute_many(
            "insert into told (tenant_id, operation_key, state, remote_id, reason) values ($1, $2, $3, $4, $5)",
            [
                (operation.tenant_id, operation.key, result.state, result.remote_id, result.reason)
                for operation, result in results
            ],
        )


def content(number: int, amount: str = "10.00") -> dict[str, Any]:
    return {"text": f"line {number}", "amount": amount}


def creation(tenant: TenantId, site: SiteId, number: int, lane: str = "agreement-1", **more: Any) -> NewOperation:
    """A creation that stands for line `number`."""
    return NewOperation(
        tenant,
        site,
        more.get("key") or operation_key("test", number, "charge"),
        Kind.CREATE,
        lane,
        {"content": more.get("content") or content(number)},
        run_id=RunId(more.get("run", "run-1")),
        coverage=(covering(number, more.get("component", "charge")),),
    )


def covering(number: int, component: str = "charge") -> Coverage:
    return Coverage(LineIdentity(f"line-{number}"), component, Decimal(1), Decimal("8.00"), Decimal("10.00"))


def patch(
    tenant: TenantId,
    site: SiteId,
    number: int,
    remote_id: int,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    lane: str = "agreement-1",
) -> NewOperation:
    """A change of a record; the changes of one record keep their order."""
    return NewOperation(
        tenant,
        site,
        operation_key("test", number, "patch"),
        Kind.PATCH,
        lane,
        {"id": remote_id, "before": before, "content": after},
        target=f"record-{remote_id}",
    )
