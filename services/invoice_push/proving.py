"""The proof (B3) from the tables: a bridge for each document, a page at a time."""

from collections.abc import AsyncIterator

from contracts.values import RunId, TenantId
from invoice_push import store
from invoice_push.domain.proof import Bridge, bridge, by_document
from storage import Transaction

PAGE = 500


async def proof(tx: Transaction, tenant_id: TenantId, run_id: RunId, after: str = "") -> list[Bridge]:
    """One page of a run's documents, or of all without a run, in the order of their ids."""
    documents = await store.documents_of_run(tx, tenant_id, run_id, after, PAGE)
    sums = by_document(await store.sums(tx, tenant_id, [document.document_id for document in documents]))
    return [bridge(document, sums.get(document.document_id, ())) for document in documents]


async def whole_proof(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> AsyncIterator[Bridge]:
    """All of them."""
    after = ""
    while page := await proof(tx, tenant_id, run_id, after):
        for one in page:
            yield one
        after = page[-1].document_id
