"""A file of 100,000 lines to rows plus outbox, beside a bare COPY of the same rows."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

import billing_intake
import messaging
import storage
from billing_intake import api, store
from billing_intake.domain import nce, tabular
from billing_intake.domain.canonical import CanonicalLine
from billing_intake.importer import Importer
from contracts.values import TenantId
from storage import Database
from tests.bench.ground import Figure, database, median_and_spread, memory_mib, write_file

LINES = 100_000
RUNS = 3


async def measure(admin: str, folder: Path) -> list[Figure]:
    """The ratio of the two, in turns, and how memory grows from a tenth of the file to all of it."""
    large, small = folder / "large.csv", folder / "small.csv"
    write_file(large, LINES)
    write_file(small, LINES // 10)
    async with database(admin, "bench_import", (storage, messaging, billing_intake)) as (db, owner):
        await _import(db, small)
        before = memory_mib()
        ours = [await _import(db, large)]
        grown = memory_mib() - before  # before the bare COPY, which holds all rows in memory
        bare = [await _copy(owner, large)]
        for _ in range(RUNS - 1):
            ours.append(await _import(db, large))
            bare.append(await _copy(owner, large))
    ratio, spread = median_and_spread([sum(b) / o for o, b in zip(ours, bare, strict=True)])
    lines, outbox = (min(part) for part in zip(*bare, strict=True))
    seconds = f"{min(ours):.1f} s beside {lines:.2f} s for the lines + {outbox:.2f} s for the outbox"
    return [
        Figure(
            "import of 100,000 lines / bare COPY of the rows it writes", ratio, 0.15, "x", f"{spread}; best {seconds}"
        ),
        Figure(
            "memory from 10,000 to 100,000 lines",
            grown,
            32,
            "MiB more",
            f"a file of {large.stat().st_size / 2**20:.0f} MiB after one of {small.stat().st_size / 2**20:.0f} MiB",
            at_most=True,
        ),
    ]


async def _import(db: Database, file: Path) -> float:
    tenant, import_id = TenantId(f"bench-{uuid4().hex[:8]}"), api.new_import_id()
    async with db.transaction([tenant]) as tx:
        await store.receive(tx, tenant, import_id, nce.SOURCE, file.name, 0, "", {}, "bench")
        await api.keep(tx, tenant, import_id, file.open("rb"))
    began = time.perf_counter()
    await Importer(db).read(tenant, import_id)
    return time.perf_counter() - began


async def _copy(owner: str, file: Path) -> tuple[float, float]:
    """Seconds to COPY the same lines, and the same outbox rows, into tables of their own with nothing around it."""
    connection = await asyncpg.connect(owner)
    try:
        lines = _lines(file)
        columns = [name for name in store.STAGED if name not in ("number", "account", "position")]
        at = [store.STAGED.index(name) for name in columns]
        await connection.execute("create table bare_line as select * from line limit 0")
        line_seconds = await _copied(connection, "bare_line", columns, [tuple(row[i] for i in at) for row in lines])
        columns = ["tenant_id", "topic", "key", "event_id", "value"]
        newest = "select tenant_id, topic, key, event_id, value from outbox order by id desc limit $1"
        rows = [tuple(row) for row in await connection.fetch(newest, LINES)]
        await connection.execute("create table bare_outbox as select * from outbox limit 0")
        return line_seconds, await _copied(connection, "bare_outbox", columns, rows)
    finally:
        await connection.execute("drop table if exists bare_line, bare_outbox")
        await connection.close()


async def _copied(connection: Any, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> float:
    began = time.perf_counter()
    await connection.copy_records_to_table(table, columns=columns, records=rows)
    return time.perf_counter() - began


def _lines(file: Path) -> list[tuple[Any, ...]]:
    with file.open("rb") as opened:
        rows = tabular.rows(opened)
        reader = nce.RowReader(nce.read_header(next(rows)))
        read = (reader.read(number, row) for number, row in enumerate(rows, 2))
        return [store.staged(line, "digest") for line in read if isinstance(line, CanonicalLine)]
