"""Corrections as this service keeps them, and all SQL about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.values import DocumentId, LineIdentity, RunId, TenantId
from delivery import OperationKey
from invoice_push.domain.corrections import Amounts
from invoice_push.domain.values import Reason
from invoice_push.lines import Line
from invoice_push.store import Touched
from storage import Transaction, named_queries

sql = named_queries(__package__, "corrections.sql")

OPEN = frozenset({"held", "ready", "queued", "failed"})


@dataclass(frozen=True, slots=True)
class Correction:
    """A row of the correction table."""

    tenant_id: TenantId
    identity: LineIdentity
    number: int
    position: int
    document_id: DocumentId
    document_version: int
    run_id: RunId
    component: str
    currency: str
    agreement_id: int
    quantity: Decimal
    cost: Decimal
    price: Decimal
    state: str
    reason: str
    detail: str
    draft: dict[str, Any] | None
    allowed_by: str
    operation_key: OperationKey | None
    addition_id: int | None
    written: bool
    updated_at: datetime

    @property
    def amounts(self) -> Amounts:
        """What it adds to what stands for its line."""
        return Amounts(self.quantity, self.cost, self.price)


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """What a correction is to say, in the order of the query `put`."""

    identity: LineIdentity
    number: int
    document_id: DocumentId
    document_version: int
    run_id: RunId
    component: str
    currency: str
    agreement_id: int
    quantity: Decimal
    cost: Decimal
    price: Decimal
    state: str
    reason: str
    detail: str
    draft: dict[str, Any] | None
    allowed_by: str

    def differs_from(self, known: Correction) -> bool:
        """Whether it says anything else."""
        return any(getattr(self, name) != getattr(known, name) for name in self.__slots__)


async def amended(tx: Transaction, tenant_id: TenantId, after: int, size: int) -> list[Line]:
    """One page of the lines of which something is to be accounted for."""
    return await tx.fetch(Line, sql["amended"], tenant_id, after, size)


async def locked(tx: Transaction, tenant_id: TenantId, identities: Sequence[LineIdentity]) -> list[Line]:
    """Those of these lines of which something is still to be accounted for, locked with their open corrections."""
    found = await tx.fetch(Line, sql["lock_lines"], tenant_id, list(identities))
    await tx.column(sql["lock_corrections"], tenant_id, list(identities))
    return found


async def of_lines(
    tx: Transaction, tenant_id: TenantId, identities: Sequence[LineIdentity]
) -> dict[LineIdentity, list[Correction]]:
    """All corrections of these lines, in the order of their numbers."""
    by_line: dict[LineIdentity, list[Correction]] = {identity: [] for identity in identities}
    for one in await tx.fetch(Correction, sql["of_lines"], tenant_id, list(identities)):
        by_line[one.identity].append(one)
    return by_line


async def reopen(tx: Transaction, tenant_id: TenantId, identities: Sequence[LineIdentity]) -> None:
    """Nothing stands for these lines any more: they begin anew with their newest charge, be it nothing."""
    await tx.execute(sql["reopen"], tenant_id, list(identities))


async def accounted(tx: Transaction, tenant_id: TenantId, identities: Sequence[LineIdentity]) -> None:
    """What stands for these lines is their newest charge."""
    await tx.execute(sql["accounted"], tenant_id, list(identities))


async def supersede(tx: Transaction, tenant_id: TenantId, over: Sequence[Correction]) -> None:
    """These count for nothing any more."""
    await tx.execute(sql["supersede"], tenant_id, [one.identity for one in over], [one.number for one in over])


async def put(tx: Transaction, tenant_id: TenantId, corrections: Sequence[NewCorrection]) -> None:
    """Keep new corrections, and what open ones say now that are not queued yet."""
    names = NewCorrection.__slots__
    await tx.execute(sql["put"], tenant_id, *([getattr(one, name) for one in corrections] for name in names))


async def ready(tx: Transaction, tenant_id: TenantId, run_id: RunId, size: int) -> list[Correction]:
    """One page of a run's ready corrections, locked."""
    return await tx.fetch(Correction, sql["ready"], tenant_id, run_id, size)


async def queue(tx: Transaction, tenant_id: TenantId, queued: Mapping[OperationKey, Correction]) -> None:
    """Note the operations that were queued for corrections."""
    rows = list(queued.values())
    identities = [one.identity for one in rows]
    await tx.execute(sql["queue"], tenant_id, identities, [one.number for one in rows], list(queued))
    await tx.execute(sql["queued_is_accounted"], tenant_id, identities)


async def allow(tx: Transaction, tenant_id: TenantId, run_id: RunId, by: str) -> int:
    """Make ready what of a run is held for being below zero; how many."""
    return await tx.execute(sql["allow"], tenant_id, run_id, by, Reason.BELOW_ZERO)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A correction's operation, and that of an earlier one of the same line which stands for nothing any more."""

    operation_key: OperationKey
    given_up: OperationKey


async def given_up(tx: Transaction, tenant_id: TenantId, keys: Sequence[OperationKey]) -> list[GivenUp]:
    """What was queued before these corrections, and was refused or taken back."""
    return await tx.fetch(GivenUp, sql["given_up"], tenant_id, list(keys))


async def synced(tx: Transaction, done: Sequence[tuple[TenantId, OperationKey, int | None]]) -> list[Touched]:
    """These corrections' additions are in ConnectWise."""
    return await tx.fetch(Touched, sql["synced"], *zip(*done, strict=True)) if done else []


async def failed(tx: Transaction, ended: Sequence[tuple[TenantId, OperationKey, str, str]]) -> list[Touched]:
    """These corrections' additions were not written, or are in question, for a reason."""
    return await tx.fetch(Touched, sql["failed"], *zip(*ended, strict=True)) if ended else []


async def queue_again(tx: Transaction, tenant_id: TenantId, key: OperationKey) -> list[Touched]:
    """The correction whose conflict a person has decided counts as before it."""
    return await tx.fetch(Touched, sql["queue_again"], tenant_id, key)


async def retry(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> int:
    """Have a run's failed corrections worked out anew; a conflict stays a person's question."""
    return await tx.execute(sql["retry"], tenant_id, run_id)


async def page(tx: Transaction, after: int, run: str, state: str, size: int) -> list[Correction]:
    """One page of corrections by filter."""
    return await tx.fetch(Correction, sql["corrections"], after, run, state, size)
