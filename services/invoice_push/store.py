"""All SQL of invoice_push."""

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


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What ConnectWise held on one agreement when it was read back, beside what was written."""

    agreement_id: int
    agreement_name: str
    company_id: int
    additions: int
    cost: Decimal
    price: Decimal
    expected: int
    expected_cost: Decimal
    expected_price: Decimal
    differences: list[dict[str, Any]]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Stray:
    """An addition with a marker of ours that this database has not written, as far as it knows."""

    agreement_id: int
    addition_id: int
    marker: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One reading back as a whole: of a run with its proof, or of everything that was ever written.

    It says how things stood at some time after `began_at`.
    """

    agreements: int
    differences: int
    unexplained: int
    proof: list[dict[str, Any]]
    began_at: datetime
    ended_at: datetime

    @classmethod
    def of(
        cls, found: Sequence[Reconciliation], proof: list[dict[str, Any]], began: datetime, ended: datetime
    ) -> "Reconciled":
        """What was found on each agreement, added up, beside the bridges of the documents (B3)."""
        return cls(
            agreements=len(found),
            differences=sum(len(one.differences) for one in found),
            unexplained=sum(Decimal(one["unexplained"]) != 0 for one in proof),
            proof=proof,
            began_at=began,
            ended_at=ended,
        )


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


async def keep_reconciliations(
    tx: Transaction, tenant_id: TenantId, run_id: RunId, found: Sequence[Reconciliation], by: OperationKey
) -> None:
    """Keep what was read back by a job, in place of an earlier reading."""
    for one in found:
        await tx.execute(
            sql["keep_reconciliation"],
            tenant_id,
            run_id,
            one.agreement_id,
            one.agreement_name,
            one.company_id,
            one.additions,
            one.cost,
            one.price,
            one.expected,
            one.expected_cost,
            one.expected_price,
            one.differences,
            by,
        )


async def keep_strays(tx: Transaction, tenant_id: TenantId, agreements: Sequence[int], found: Sequence[Stray]) -> None:
    """Keep what bears a marker of ours on these agreements and is unknown here, in place of an earlier reading."""
    await tx.execute(sql["forget_strays"], tenant_id, agreements)
    if found:
        rows = [(one.agreement_id, one.addition_id, one.marker) for one in found]
        await tx.execute(sql["keep_strays"], tenant_id, *(list(column) for column in zip(*rows, strict=True)))


async def agreements_with_strays(tx: Transaction, tenant_id: TenantId) -> list[int]:
    """Where they are."""
    return [int(agreement) for agreement in await tx.column(sql["agreements_with_strays"], tenant_id)]


async def strays(tx: Transaction, tenant_id: TenantId, markers: Sequence[str], besides: int) -> list[Stray]:
    """Those with one of these markers that are not on agreement `besides`."""
    return await tx.fetch(Stray, sql["strays"], tenant_id, markers, besides)


async def agreements_read_by(tx: Transaction, tenant_id: TenantId, by: OperationKey) -> list[int]:
    """What a job that reads everything back has done already."""
    return [int(agreement) for agreement in await tx.column(sql["agreements_read_by"], tenant_id, by)]


async def forget_reconciliations(tx: Transaction, tenant_id: TenantId, run_id: RunId, by: OperationKey) -> None:
    """Forget what an earlier job than this has found and this has not."""
    await tx.execute(sql["forget_reconciliations"], tenant_id, run_id, by)


@dataclass(frozen=True, slots=True)
class Added:
    """What was found on all agreements, added up."""

    agreements: int
    differences: int
    began_at: datetime


async def sum_reconciliations(tx: Transaction, tenant_id: TenantId) -> Added:
    """Of the last reading of everything."""
    found = await tx.fetch_one(Added, sql["sum_reconciliations"], tenant_id)
    assert found is not None  # noqa: S101 (an aggregate has one row)
    return found


async def count_differences(tx: Transaction) -> dict[str, int]:
    """What the last readings of everything found, of all tenants, by kind."""
    return {one.kind: one.differences for one in await tx.fetch(_Kind, sql["count_differences"])}


async def count_unexplained(tx: Transaction) -> int:
    """How many documents do not add up, of all tenants, when everything was last read."""
    return int(await tx.value(sql["count_unexplained"]))


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str
    differences: int


async def keep_reconciled(tx: Transaction, tenant_id: TenantId, run_id: RunId, ended: Reconciled) -> None:
    """Keep that a reading back has ended, with its proof."""
    await tx.execute(
        sql["keep_reconciled"],
        tenant_id,
        run_id,
        ended.agreements,
        ended.differences,
        ended.unexplained,
        ended.proof,
        ended.began_at,
        ended.ended_at,
    )


async def reconciled(tx: Transaction, tenant_id: TenantId, run_id: str) -> Reconciled | None:
    """The last reading back of a run, or of everything."""
    return await tx.fetch_one(Reconciled, sql["reconciled"], tenant_id, run_id)


async def reconciliations(tx: Transaction, run_id: str, after: int, size: int) -> list[Reconciliation]:
    """One page of what was read back after a run."""
    return await tx.fetch(Reconciliation, sql["reconciliations"], run_id, after, size)


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
