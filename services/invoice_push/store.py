"""The SQL of lines, documents and runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.events import InvoiceLineReceived, InvoiceSealed
from contracts.values import DocumentId, LineIdentity, RunId, TenantId
from delivery import OperationKey
from invoice_push.domain.proof import Document, Summed
from invoice_push.domain.values import Held, Ignored, Ready, Resolution
from invoice_push.lines import Line, draft_to_json, received
from storage import Transaction, named_queries

sql = named_queries(__package__, "lines.sql", "runs.sql")


@dataclass(frozen=True, slots=True)
class Due:
    """A tenant whose lines are to be looked at."""

    tenant_id: TenantId
    asked: int


@dataclass(frozen=True, slots=True)
class DueReport:
    """A run of which something may have changed."""

    tenant_id: TenantId
    run_id: RunId


@dataclass(frozen=True, slots=True)
class Report:
    """What was last said of a run."""

    lines: dict[str, Any] | None
    write: dict[str, Any] | None
    approved_by: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many lines of a run are in a state for a reason."""

    state: str
    reason: str
    lines: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What approval of a run would write on one agreement."""

    agreement_id: int
    currency: str
    lines: int
    corrections: int
    cost: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Touched:
    """A line, or a correction of one, whose operation ended. `amended`: something waited for that."""

    tenant_id: TenantId
    operation_key: OperationKey
    identity: LineIdentity
    document_id: DocumentId
    run_id: RunId
    agreement_id: int
    amended: bool


async def record(tx: Transaction, lines: Sequence[tuple[TenantId, InvoiceLineReceived]]) -> None:
    """Keep lines as they came. Of one identity in a batch the newest counts."""
    newest = {(tenant_id, data.identity): received(tenant_id, data) for tenant_id, data in lines}
    # Sorted, so that two batches with the same lines wait for each other instead of deadlocking.
    rows = [newest[key] for key in sorted(newest)]
    if rows:
        await tx.execute(sql["record"], *(list(column) for column in zip(*rows, strict=True)))


async def seal(tx: Transaction, tenant_id: TenantId, sealed: InvoiceSealed) -> None:
    """Keep a document's totals, and take out what its new version no longer has."""
    await tx.execute(
        sql["seal"],
        tenant_id,
        sealed.document_id,
        sealed.document_version,
        sealed.run_id,
        sealed.source,
        sealed.number,
        sealed.currency,
        sealed.file,
        sealed.lines,
        sealed.cost_total,
        sealed.tax_total,
        sealed.tied,
    )
    await tx.execute(sql["seal_for_run"], tenant_id, sealed.run_id, sealed.document_id)
    gone = list(sealed.removed_identities)
    if gone:
        for statement in ("note_withdrawn", "withdraw"):
            await tx.execute(sql[statement], tenant_id, gone, sealed.document_version)
        await tx.execute(sql["withdraw_queued"], tenant_id, gone, sealed.document_version, sealed.run_id)


async def ask_resolution(tx: Transaction, tenants: Sequence[TenantId]) -> None:
    """Have these tenants' lines looked at again."""
    for tenant_id in sorted(set(tenants)):
        await tx.execute(sql["ask"], tenant_id)


async def due_tenants(tx: Transaction) -> list[Due]:
    """Those whose lines wait to be looked at."""
    return await tx.fetch(Due, sql["due_tenants"])


async def resolution_done(tx: Transaction, due: Due) -> None:
    """All of the tenant's lines were looked at, unless more was asked meanwhile."""
    await tx.execute(sql["done"], due.tenant_id, due.asked)


async def unsettled(tx: Transaction, tenant_id: TenantId, after: int, size: int) -> list[Line]:
    """One page of what is not queued yet, locked."""
    return await tx.fetch(Line, sql["unsettled"], tenant_id, after, size)


async def resolve(tx: Transaction, tenant_id: TenantId, changed: Sequence[tuple[Line, Resolution]]) -> None:
    """Keep what became of lines."""
    if not changed:
        return
    rows = [(line.identity, *_resolved(resolution)) for line, resolution in changed]
    await tx.execute(sql["resolve"], tenant_id, *(list(column) for column in zip(*rows, strict=True)))


async def ready(tx: Transaction, tenant_id: TenantId, run_id: RunId, size: int) -> list[Line]:
    """One page of a run's ready lines, locked."""
    return await tx.fetch(Line, sql["ready"], tenant_id, run_id, size)


async def queue(
    tx: Transaction, tenant_id: TenantId, queued: Sequence[tuple[LineIdentity, OperationKey, Decimal, Decimal]]
) -> None:
    """Note the operations that were queued for lines, with cost and price."""
    if queued:
        await tx.execute(sql["queue"], tenant_id, *(list(column) for column in zip(*queued, strict=True)))


async def hold(
    tx: Transaction, tenant_id: TenantId, identities: Sequence[LineIdentity], reason: str, detail: str
) -> None:
    """Hold ready lines after all."""
    await tx.execute(sql["hold"], tenant_id, list(identities), reason, detail)


async def synced(tx: Transaction, done: Sequence[tuple[TenantId, OperationKey, int | None]]) -> list[Touched]:
    """These lines' additions are in ConnectWise (R104)."""
    return await tx.fetch(Touched, sql["synced"], *_columns(done)) if done else []


async def failed(tx: Transaction, ended: Sequence[tuple[TenantId, OperationKey, str, str, int]]) -> list[Touched]:
    """These lines' additions were not written, or are in question, for a reason; 1 where a new try may be made."""
    return await tx.fetch(Touched, sql["failed"], *_columns(ended)) if ended else []


async def queue_again(
    tx: Transaction, tenant_id: TenantId, key: OperationKey, cost: Decimal, price: Decimal
) -> list[Touched]:
    """The line whose conflict a person has decided counts as before it, with cost and price."""
    return await tx.fetch(Touched, sql["queue_again"], tenant_id, key, cost, price)


async def retry(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> int:
    """Have a run's failed lines looked at again; a conflict stays a person's question."""
    return await tx.execute(sql["retry"], tenant_id, run_id)


async def lines(
    tx: Transaction, after: int, run: str, state: str, customer: str, document: str, size: int
) -> list[Line]:
    """One page of lines by filter."""
    return await tx.fetch(Line, sql["lines"], after, run, state, customer, document, size)


async def line(tx: Transaction, identity: str) -> Line | None:
    """One line."""
    return await tx.fetch_one(Line, sql["line"], identity)


async def report_due(tx: Transaction, runs: Collection[tuple[TenantId, RunId]]) -> None:
    """Have these runs' progress told again."""
    if runs:
        await tx.execute(sql["report_due"], *_columns(sorted(set(runs))))


async def due_reports(tx: Transaction) -> list[DueReport]:
    """Runs whose progress is to be told."""
    return await tx.fetch(DueReport, sql["due_reports"])


async def take_report(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> Report | None:
    """What was last said of the run, locked; None where another has told it."""
    return await tx.fetch_one(Report, sql["take_report"], tenant_id, run_id)


async def keep_report(
    tx: Transaction, tenant_id: TenantId, run_id: RunId, said: dict[str, Any], write: dict[str, Any]
) -> None:
    """Keep what was said."""
    await tx.execute(sql["keep_report"], tenant_id, run_id, said, write)


async def approve(tx: Transaction, tenant_id: TenantId, run_id: RunId, by: str) -> None:
    """Note who approved a run, and when."""
    await tx.execute(sql["approve"], tenant_id, run_id, by)


async def counts(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> list[Count]:
    """How many lines of a run are in which state, for which reason."""
    return await tx.fetch(Count, sql["counts"], tenant_id, run_id)


async def documents_of_run(
    tx: Transaction, tenant_id: TenantId, run_id: RunId, after: str, size: int
) -> list[Document]:
    """One page of the documents a run has lines of; of all with an empty run."""
    return await tx.fetch(Document, sql["documents_of_run"], tenant_id, run_id, after, size)


async def sums(tx: Transaction, tenant_id: TenantId, documents: Sequence[str]) -> list[Summed]:
    """The lines of documents, added up by state and reason."""
    return await tx.fetch(Summed, sql["sums"], tenant_id, list(documents))


async def plan(tx: Transaction, tenant_id: TenantId, run_id: str) -> list[Planned]:
    """What approval of a run would write, by agreement."""
    return await tx.fetch(Planned, sql["plan"], tenant_id, run_id)


async def agreements_of_run(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> list[int]:
    """The agreements a run has written to, or meant to."""
    return [int(agreement) for agreement in await tx.column(sql["agreements_of_run"], tenant_id, run_id)]


async def now(tx: Transaction) -> datetime:
    """The database's clock."""
    found: datetime = await tx.value(sql["now"])
    return found


def _resolved(resolution: Resolution) -> tuple[str, str, str, dict[str, Any] | None, int | None]:
    match resolution:
        case Ready(draft):
            return "ready", "", "", draft_to_json(draft), draft.agreement_id
        case Held(reason, detail):
            return "held", reason, detail, None, None
        case Ignored(reason, detail):
            return "ignored", reason, detail, None, None


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
