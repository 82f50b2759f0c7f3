"""All SQL of billing_intake."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing_intake.domain.canonical import CanonicalLine
from billing_intake.domain.refusals import Refusal
from contracts import topics
from contracts.events import CustomerChanged
from contracts.values import DocumentId, LineIdentity, TenantId
from messaging import outbox
from storage import Transaction, named_queries

sql = named_queries(__package__, "imports.sql", "lines.sql")

STAGED = tuple(
    """
    row document_id number account identity position digest customer_key customer_name customer_domain customer_country
    billing_contract product_key product_name publisher subscription_id kind raw_kind motion period_start period_end
    quantity list_unit effective_unit fx_rate cost tax currency trial description warnings
    """.split()  # noqa: SIM905 (thirty names read better so)
)


@dataclass(frozen=True, slots=True)
class Received:
    """A file that waits to be read."""

    tenant_id: TenantId
    import_id: str
    source: str
    file: str
    expected: dict[str, str]
    requested_by: str


@dataclass(frozen=True, slots=True)
class Import:
    """A file that was brought in, and what became of it."""

    import_id: str
    source: str
    file: str
    bytes: int
    sha256: str
    state: str
    refusals: list[Refusal]
    warnings: list[str]
    rows: int
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class StagedDocument:
    """A document as the file has it."""

    document_id: DocumentId
    number: str
    account: str
    currency: str
    lines: int
    cost_total: Decimal
    tax_total: Decimal
    digest: str

    @property
    def total(self) -> Decimal:
        """With tax, as the supplier's invoice says it."""
        return self.cost_total + self.tax_total


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document as it was taken in before."""

    document_id: DocumentId
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document in its newest version."""

    document_id: DocumentId
    number: str
    currency: str
    source: str
    account: str
    version: int
    lines: int
    cost_total: Decimal
    tax_total: Decimal
    tied: bool
    import_id: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """A line as its source charged it."""

    identity: LineIdentity
    row: int
    customer_key: str
    customer_name: str
    product_key: str
    product_name: str
    subscription_id: str
    kind: str
    raw_kind: str
    motion: str
    period_start: date | None
    period_end: date | None
    quantity: Decimal
    list_unit: Decimal
    effective_unit: Decimal
    cost: Decimal
    tax: Decimal
    currency: str
    trial: bool
    description: str
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class StagedProduct:
    """A product as the file's lines name it."""

    key: str
    name: str
    publisher: str
    unit_price: Decimal
    unit_cost: Decimal


async def receive(
    tx: Transaction,
    tenant_id: TenantId,
    import_id: str,
    source: str,
    file: str,
    size: int,
    sha256: str,
    expected: dict[str, str],
    requested_by: str,
) -> None:
    """Note that a file has come."""
    await tx.execute(sql["receive"], tenant_id, import_id, source, file, size, sha256, expected, requested_by)


async def keep_chunk(tx: Transaction, tenant_id: TenantId, import_id: str, number: int, compressed: bytes) -> None:
    """Keep a piece of the raw file."""
    await tx.execute(sql["keep_chunk"], tenant_id, import_id, number, compressed)


async def chunk(tx: Transaction, tenant_id: TenantId, import_id: str, number: int) -> bytes | None:
    """A piece of the raw file, or None after the last."""
    found: bytes | None = await tx.value(sql["chunk"], tenant_id, import_id, number)
    return found


async def next_received(tx: Transaction) -> list[tuple[TenantId, str]]:
    """Files that wait, of all tenants, oldest first."""
    rows = await tx.fetch(_Key, sql["next_received"])
    return [(row.tenant_id, row.import_id) for row in rows]


async def lock_received(tx: Transaction, tenant_id: TenantId, import_id: str) -> Received | None:
    """A waiting file, unless another importer has it."""
    return await tx.fetch_one(Received, sql["lock_received"], tenant_id, import_id)


async def finish(
    tx: Transaction,
    tenant_id: TenantId,
    import_id: str,
    state: str,
    rows: int,
    refusals: Sequence[Refusal],
    warnings: Sequence[str],
) -> None:
    """Note what became of a file."""
    said = [
        {"rule": r.rule, "message": r.message, "row": r.row, "column": r.column, "value": r.value} for r in refusals
    ]
    await tx.execute(sql["finish"], tenant_id, import_id, state, rows, said, list(warnings))


async def imports(tx: Transaction, before: str, size: int) -> list[Import]:
    """One page, newest first."""
    return await tx.fetch(Import, sql["imports"], before, size)


async def one_import(tx: Transaction, import_id: str) -> Import | None:
    """One of them."""
    return await tx.fetch_one(Import, sql["import"], import_id)


async def create_stage(tx: Transaction) -> None:
    """A place for the lines of one file, which goes with the transaction."""
    await tx.execute(sql["create_stage"])


async def stage(tx: Transaction, lines: Iterable[CanonicalLine], digest: Any) -> None:
    """Put lines there."""
    await tx.copy("staged", STAGED, (staged(line, digest(line)) for line in lines))


async def staged_documents(tx: Transaction) -> list[StagedDocument]:
    """Number equal charges, then add up what the file says, document by document."""
    await tx.execute(sql["analyze_stage"])
    await tx.execute(sql["number_equals"])
    return await tx.fetch(StagedDocument, sql["staged_documents"])


async def known_documents(
    tx: Transaction, tenant_id: TenantId, ids: Sequence[DocumentId]
) -> dict[DocumentId, KnownDocument]:
    """Those that were taken in before, locked."""
    rows = await tx.fetch(KnownDocument, sql["lock_documents"], tenant_id, list(ids))
    return {row.document_id: row for row in rows}


async def save_document(
    tx: Transaction,
    tenant_id: TenantId,
    document: StagedDocument,
    source: str,
    version: int,
    import_id: str,
    *,
    tied: bool,
) -> list[LineIdentity]:
    """Save a document's new version with its lines; the identities that are no longer in it."""
    await tx.execute(
        sql["save_document"],
        tenant_id,
        document.document_id,
        document.number,
        document.currency,
        source,
        document.account,
        version,
        document.digest,
        document.lines,
        document.cost_total,
        document.tax_total,
        tied,
        import_id,
    )
    await tx.execute(sql["save_lines"], tenant_id, document.document_id, version, import_id)
    removed = await tx.column(sql["remove_lines"], tenant_id, document.document_id)
    return [LineIdentity(identity) for identity in removed]


async def tie_document(tx: Transaction, tenant_id: TenantId, document_id: DocumentId) -> None:
    """Note that the document's total was compared with the supplier's invoice."""
    await tx.execute(sql["tie_document"], tenant_id, document_id)


async def tell_lines(tx: Transaction, received: Received, document_id: DocumentId, version: int) -> None:
    """Have the lines that a version brought published, in the order of the file."""
    await outbox.add_selected(
        tx,
        topics.INVOICE_LINES,
        received.tenant_id,
        received.import_id,
        sql["new_lines"],
        document_id,
        version,
        received.source,
        received.file,
    )


async def staged_customers(tx: Transaction) -> list[CustomerChanged]:
    """The customers in the file."""
    return await tx.fetch(CustomerChanged, sql["staged_customers"])


async def staged_products(tx: Transaction) -> list[StagedProduct]:
    """The products in the file."""
    return await tx.fetch(StagedProduct, sql["staged_products"])


async def documents(tx: Transaction, after: str, size: int) -> list[Document]:
    """One page."""
    return await tx.fetch(Document, sql["documents"], after, size)


async def document_lines(tx: Transaction, document_id: str, after: int, size: int) -> list[Line]:
    """One page of a document's lines, in the order of the file."""
    return await tx.fetch(Line, sql["document_lines"], document_id, after, size)


def staged(line: CanonicalLine, digest: str) -> tuple[Any, ...]:
    """The columns of a line in the order of STAGED."""
    return (
        line.row,
        line.document_id,
        line.document_number,
        line.account,
        f"{line.identity}-0",
        line.order,
        digest,
        line.customer_key,
        line.customer_name,
        line.customer_domain,
        line.customer_country,
        line.billing_contract,
        line.product_key,
        line.product_name,
        line.publisher,
        line.subscription_id,
        line.kind,
        line.raw_kind,
        line.motion,
        line.period_start,
        line.period_end,
        line.quantity,
        line.list_unit,
        line.effective_unit,
        line.fx_rate,
        line.cost,
        line.tax,
        line.currency,
        line.trial,
        line.description,
        line.warnings,
    )


@dataclass(frozen=True, slots=True)
class _Key:
    tenant_id: TenantId
    import_id: str
