"""The work of the service: a received file becomes documents, lines and facts, all of it or nothing."""

import asyncio
import hashlib
import itertools
import tempfile
import zlib
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal
from typing import BinaryIO, TypeAlias

import structlog
from prometheus_client import Counter

from billing_intake import store
from billing_intake.domain import nce, tabular
from billing_intake.domain.canonical import CanonicalLine
from billing_intake.domain.refusals import FileRefused, Refusal
from billing_intake.domain.totals import differing
from billing_intake.store import Received, StagedDocument
from contracts import topics
from contracts.events import InvoiceSealed, ProductChanged
from contracts.values import Currency, LineIdentity, ProductKey, RunId, TenantId
from messaging import Fact, outbox
from servicekit import Passes
from storage import Transaction, refused_data

Batch: TypeAlias = list[CanonicalLine | Refusal]

log = structlog.get_logger()

SIGNAL = "imports"
BATCH = 2_000
# More say nothing new: the file has another layout, or another hand in it.
MOST_REFUSALS = 50
# Identities of 50 bytes in a record of at most 1 MB.
MOST_REMOVED = 10_000

IMPORTED = Counter(
    "imports_total", "Files read. refused: the importer's page or `psabridge import` says why.", ["state"]
)


class Importer(Passes):
    """Reads received files one after the other, in memory that does not grow with them.

    A file in hand when the process dies is read again.
    """

    signal = SIGNAL

    async def work(self, stop: asyncio.Event) -> int:
        """Read what waits; how many files."""
        async with self.db.all_tenants() as tx:
            waiting = await store.next_received(tx)
        for tenant_id, import_id in waiting:
            if not stop.is_set():
                await self.read(tenant_id, import_id)
        return len(waiting)

    async def read(self, tenant_id: TenantId, import_id: str) -> None:
        """Read one file: sealed with all its facts in one transaction, or refused with its reasons."""
        try:
            async with self.db.transaction([tenant_id]) as tx:
                received = await store.lock_received(tx, tenant_id, import_id)
                if received is None:
                    return
                with tempfile.TemporaryFile() as file:
                    await _unpack(tx, received, file)
                    rows, warnings = await _stage(tx, file)
                    await _seal(tx, received)
                await store.finish(tx, tenant_id, import_id, "sealed", rows, (), warnings)
            IMPORTED.labels("sealed").inc()
            log.info("imports.sealed", tenant=tenant_id, run=import_id, rows=rows)
        except _Refused as refused:
            await self._refuse(tenant_id, import_id, refused.refusals)
        except Exception as error:
            if (state := refused_data(error)) is None:
                raise
            # A value that passed every check of ours: the file waits for a person instead of being read for ever.
            said = f"the database refuses a value of this file ({state}): {error}"
            await self._refuse(tenant_id, import_id, [Refusal("refused_by_database", said[:500])])

    async def _refuse(self, tenant_id: TenantId, import_id: str, refusals: Sequence[Refusal]) -> None:
        async with self.db.transaction([tenant_id]) as tx:
            await store.finish(tx, tenant_id, import_id, "refused", 0, refusals, ())
        IMPORTED.labels("refused").inc()
        log.info("imports.refused", tenant=tenant_id, run=import_id, rule=refusals[0].rule)


class _Refused(Exception):  # noqa: N818 (named by the fact)
    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(refusals[0].message)
        self.refusals = refusals


async def _unpack(tx: Transaction, received: Received, file: BinaryIO) -> None:
    for number in itertools.count():
        compressed = await store.chunk(tx, received.tenant_id, received.import_id, number)
        if compressed is None:
            break
        await asyncio.to_thread(lambda packed: file.write(zlib.decompress(packed)), compressed)
    file.seek(0)


async def _stage(tx: Transaction, file: BinaryIO) -> tuple[int, list[str]]:
    """Parse in a thread, batch by batch, so that probes and other requests are answered meanwhile."""
    await store.create_stage(tx)
    count, refusals, warnings = 0, list[Refusal](), set[str]()
    try:
        batches = await asyncio.to_thread(_batches, file)
        async for batch in _ahead(batches):
            refusals.extend(found for found in batch if isinstance(found, Refusal))
            if len(refusals) >= MOST_REFUSALS:
                break
            lines = [found for found in batch if isinstance(found, CanonicalLine)]
            for line in lines:
                warnings.update(
                    f"row {line.row}: {warning}" for warning in line.warnings if len(warnings) < MOST_REFUSALS
                )
            await store.stage(tx, lines, _digest)
            count += len(lines)
    except FileRefused as error:
        refusals.append(error.refusal)
    if not refusals and not count:
        refusals.append(Refusal("no_lines", "the file has a header and no lines"))
    if refusals:
        raise _Refused(refusals[:MOST_REFUSALS])
    return count, sorted(warnings)


async def _ahead(batches: Iterator[Batch]) -> AsyncIterator[Batch]:
    """Batches, the next one being parsed while PostgreSQL takes this one."""
    parsing = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
    try:
        while batch := await parsing:
            parsing = asyncio.ensure_future(asyncio.to_thread(next, batches, None))
            yield batch
    finally:
        await asyncio.gather(parsing, return_exceptions=True)


def _batches(file: BinaryIO) -> Iterator[Batch]:
    rows = tabular.rows(file)
    numbered = ((row, values) for row, values in enumerate(rows, 1) if values)
    reader = nce.RowReader(nce.read_header(next(numbered)[1]))
    return iter(lambda: [reader.read(row, values) for row, values in itertools.islice(numbered, BATCH)], [])


def _digest(line: CanonicalLine) -> str:
    return hashlib.blake2b(repr(line.content()).encode(), digest_size=12).hexdigest()


async def _seal(tx: Transaction, received: Received) -> None:
    """Compare with what was taken in before, save what is new, and tell it."""
    found = await store.staged_documents(tx)
    tied = _check_totals(received, found)
    known = await store.known_documents(tx, received.tenant_id, [document.document_id for document in found])
    run = RunId(received.import_id)

    customers = await store.staged_customers(tx)
    await outbox.add(tx, topics.CUSTOMERS, [Fact(received.tenant_id, c.key, c, run) for c in customers])
    products = [_product(product) for product in await store.staged_products(tx)]
    await outbox.add(tx, topics.PRODUCTS, [Fact(received.tenant_id, p.key, p, run) for p in products])
    for document in found:
        before = known.get(document.document_id)
        is_tied = document.document_id in tied
        if before is not None and before.digest == document.digest:
            version, removed = before.version, []
            if is_tied:
                await store.tie_document(tx, received.tenant_id, document.document_id)
        else:
            version = before.version + 1 if before else 1
            removed = await store.save_document(
                tx, received.tenant_id, document, received.source, version, received.import_id, tied=is_tied
            )
            await store.tell_lines(tx, received, document.document_id, version)
        sealed = InvoiceSealed(
            document_id=document.document_id,
            document_version=version,
            run_id=run,
            source=received.source,
            number=document.number,
            currency=Currency(document.currency),
            file=received.file,
            lines=document.lines,
            cost_total=document.cost_total,
            tax_total=document.tax_total,
            tied=is_tied,
        )
        # In parts, so that a document that lost most of its lines still fits into records.
        parts = [sealed.model_copy(update={"removed_identities": part}) for part in _parts(removed, MOST_REMOVED)]
        facts = [Fact(received.tenant_id, document.document_id, part, run) for part in parts or [sealed]]
        await outbox.add(tx, topics.INVOICE_SEALED, facts)


def _check_totals(received: Received, found: Sequence[StagedDocument]) -> set[str]:
    """The documents whose totals were compared with the supplier's invoice; refused where one differs."""
    expected = {name: Decimal(total) for name, total in received.expected.items()}
    if "" in expected:
        if len(found) != 1:
            said = ", ".join(f"{document.number} ({document.currency})" for document in found)
            raise _Refused(
                [Refusal("total_without_document", f"which document is that the total of? There are: {said}")]
            )
        expected = {found[0].number: expected[""]}
    # A number in two currencies is two documents, and a currency may have several: such a name says nothing.
    names = Tally(name for document in found for name in (document.number, document.currency))
    totals = {
        name: document.total for document in found for name in (document.number, document.currency) if names[name] == 1
    }
    if refusals := differing(expected, totals):
        raise _Refused(refusals)
    return {d.document_id for d in found if d.number in expected or d.currency in expected}


def _parts(identities: Sequence[LineIdentity], size: int) -> list[tuple[LineIdentity, ...]]:
    return [tuple(identities[start : start + size]) for start in range(0, len(identities), size)]


def _product(product: store.StagedProduct) -> ProductChanged:
    key = ProductKey.parse(product.key)
    return ProductChanged(
        key=product.key,
        sku=key.sku,
        name=product.name,
        publisher=product.publisher,
        term=key.term,
        plan=key.plan,
        currency=key.currency,
        unit_price=product.unit_price,
        unit_cost=product.unit_cost,
    )
