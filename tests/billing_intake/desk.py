"""The service on a real database: files in, and what it has told."""

import asyncio
import hashlib
import io
import time
import zlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_intake import api, store
from billing_intake.domain.nce import SOURCE
from billing_intake.importer import Importer
from contracts import topics
from contracts.events import InvoiceLineReceived, InvoiceSealed
from contracts.topics import Topic
from contracts.values import TenantId
from devstack import provision
from storage import Database


@dataclass
class Desk:
    """One tenant."""

    db: Database
    tenant: TenantId
    urls: provision.Database

    async def received(self, content: bytes, **expected: str) -> str:
        """A file has come and waits; the import's id."""
        import_id = api.new_import_id()
        digest = hashlib.sha256(content).hexdigest()
        named = {name if name != "total" else "": amount for name, amount in expected.items()}
        async with self.db.transaction([self.tenant]) as tx:
            await store.receive(
                tx, self.tenant, import_id, SOURCE, "recon.csv", len(content), digest, named, "finance@example.org"
            )
            await api.keep(tx, self.tenant, import_id, io.BytesIO(content))
        return import_id

    async def imported(self, content: bytes, **expected: str) -> store.Import:
        """A file has come and was read."""
        import_id = await self.received(content, **expected)
        await Importer(self.db).read(self.tenant, import_id)
        return await self.one(import_id)

    async def one(self, import_id: str) -> store.Import:
        """What became of a file."""
        async with self.db.transaction([self.tenant]) as tx:
            found = await store.one_import(tx, import_id)
        assert found is not None
        return found

    async def read(self, import_id: str) -> None:
        """Wait until a running importer has read the file."""
        ends = time.monotonic() + 20
        while (await self.one(import_id)).state == "received":
            assert time.monotonic() < ends, "not read within 20 s"
            await asyncio.sleep(0.01)

    async def raw(self, import_id: str) -> bytes:
        """The bytes that were kept."""
        async with self.db.transaction([self.tenant]) as tx:
            pieces = await tx.column("select compressed from raw_chunk where import_id = $1 order by number", import_id)
        return b"".join(zlib.decompress(piece) for piece in pieces)

    async def documents(self) -> list[store.Document]:
        """All of them."""
        async with self.db.transaction([self.tenant]) as tx:
            return await store.documents(tx, "", 1000)

    async def lines(self, document_id: str) -> list[store.Line]:
        """A document's lines."""
        async with self.db.transaction([self.tenant]) as tx:
            return await store.document_lines(tx, document_id, 0, 100_000)

    async def told(self, topic: Topic[Any], import_id: str = "") -> list[Any]:
        """What was told on a topic, as its readers decode it; of one import if given."""
        async with self.db.all_tenants() as tx:
            values = await tx.column(
                "select value from outbox where tenant_id = $1 and topic = $2 order by id", self.tenant, topic.name
            )
        events = [topic.decode(value) for value in values]
        return [event.data for event in events if import_id in ("", event.correlation_id)]

    async def told_everything(self) -> list[Any]:
        """On whatever topic."""
        told = (topics.CUSTOMERS, topics.PRODUCTS, topics.INVOICE_LINES, topics.INVOICE_SEALED)
        return [fact for topic in told for fact in await self.told(topic)]

    async def told_lines(self, import_id: str = "") -> list[InvoiceLineReceived]:
        """The lines that were told."""
        return await self.told(topics.INVOICE_LINES, import_id)

    async def told_sealed(self, import_id: str = "") -> list[InvoiceSealed]:
        """The documents that were told."""
        return await self.told(topics.INVOICE_SEALED, import_id)


def cost(lines: list[InvoiceLineReceived]) -> Decimal:
    """What lines cost together."""
    return sum((line.cost for line in lines), Decimal(0))
