"""Files in, and what is known of them."""

import asyncio
import hashlib
import re
import tempfile
import time
import zlib
from decimal import Decimal, InvalidOperation
from typing import Annotated, BinaryIO, Literal
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from billing_intake import store
from billing_intake.importer import SIGNAL
from contracts.values import TenantId
from servicekit import Begin, Caller, Page, Paging, Problem, Tx, allow
from storage import Transaction

router = APIRouter()

LARGEST_FILE = 256 * 1024 * 1024
_CHUNK = 1024 * 1024
_TOTAL = re.compile(r"^(?:([\w.:-]{1,60})=)?(-?\d{1,14}(?:\.\d{1,6})?)$")


class Received(BaseModel):
    """A file that has come; its run has the same id."""

    import_id: str
    sha256: str
    bytes: int


@router.post("/imports", dependencies=[allow("billing.import")], status_code=202)
async def receive(
    request: Request,
    begin: Begin,
    caller: Caller,
    file: Annotated[str, Query(min_length=1, max_length=200, description="the file's name, for messages")],
    source: Literal["microsoft-nce"] = "microsoft-nce",
    expect_total: Annotated[
        list[str] | None, Query(max_length=20, description="NUMBER=AMOUNT or CURRENCY=AMOUNT, with tax")
    ] = None,
) -> Received:
    """Take a file as the request's body; it is read in the background (B1). Its bytes are kept whatever it holds."""
    expected = dict(_expected(text) for text in expect_total or ())
    import_id = new_import_id()
    digest, size = hashlib.sha256(), 0
    # The caller may be slow: nothing is held open in the database until all of it has come.
    with tempfile.TemporaryFile() as spool:
        async for piece in request.stream():
            spool.write(piece)
            digest.update(piece)
            size += len(piece)
        spool.seek(0)
        async with begin() as tx:
            await store.receive(
                tx,
                caller.tenant_id,
                import_id,
                source,
                _safe(file),
                size,
                digest.hexdigest(),
                expected,
                caller.subject,
            )
            await keep(tx, caller.tenant_id, import_id, spool)
    return Received(import_id=import_id, sha256=digest.hexdigest(), bytes=size)


@router.get("/imports", dependencies=[allow("billing.read")])
async def imports(tx: Tx, page: Paging) -> Page[store.Import]:
    """Files that were brought in, newest first, with what became of each."""
    return page.of(await store.imports(tx, page.after, page.size), lambda found: found.import_id)


@router.get("/imports/{import_id}", dependencies=[allow("billing.read")])
async def one_import(tx: Tx, import_id: str) -> store.Import:
    """One of them: `received` while it is being read, then `sealed` or `refused` with the reasons."""
    found = await store.one_import(tx, import_id)
    if found is None:
        raise Problem(404, "not_found", f"there is no import {import_id}")
    return found


@router.get("/documents", dependencies=[allow("billing.read")])
async def documents(tx: Tx, page: Paging) -> Page[store.Document]:
    """Documents in their newest version, with their totals (B1)."""
    return page.of(await store.documents(tx, page.after, page.size), lambda found: found.document_id)


@router.get("/documents/{document_id}/lines", dependencies=[allow("billing.read")])
async def document_lines(tx: Tx, page: Paging, document_id: str) -> Page[store.Line]:
    """A document's lines as the source charged them, in the order of the file."""
    found = await store.document_lines(tx, document_id, page.after_number, page.size)
    return page.of(found, lambda line: line.row)


def _expected(text: str) -> tuple[str, str]:
    found = _TOTAL.match(text)
    try:
        amount = Decimal(found[2]) if found else None
    except InvalidOperation:
        amount = None
    if found is None or amount is None:
        raise Problem(422, "invalid", f"expect_total: {text[:60]!r} is not NUMBER=AMOUNT, CURRENCY=AMOUNT or AMOUNT")
    return found[1] or "", str(amount)


async def keep(tx: Transaction, tenant_id: TenantId, import_id: str, file: BinaryIO) -> None:
    """Keep a file's bytes, compressed, and have it read."""
    number = 0
    while piece := file.read(_CHUNK):
        await store.keep_chunk(tx, tenant_id, import_id, number, await asyncio.to_thread(zlib.compress, piece, 6))
        number += 1
    tx.signal(SIGNAL)


def new_import_id() -> str:
    """An id that grows with time, so that lists are paged by it."""
    return f"{time.time_ns() // 1_000_000:012x}-{uuid4().hex[:12]}"


def _safe(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name.replace("\\", "/").rpartition("/")[2])
