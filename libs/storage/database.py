"""Pools and transactions. A transaction names the tenants it may see; nobody else commits."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

import asyncpg
from pydantic import TypeAdapter

from contracts.values import TenantId

RowT = TypeVar("RowT")

# A vanished node's session must free its locks in about 20 s, not in the kernel's two hours. Nobody is asked while an
# answer is unacknowledged: that is given up after 30 s, not after the kernel's quarter of an hour.
_KEEPALIVE = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "30000",
}
# The machinery asks for a few rows in the order of an index. Statistics taken before a first backlog came would make
# PostgreSQL sort all of it for each look.
_IN_INDEX_ORDER = {"enable_sort": "off"}
_SEPARATOR = ","


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}  # building one costs milliseconds, using one microseconds


def _adapter(shape: Any) -> TypeAdapter[Any]:
    if shape not in _ADAPTERS:
        _ADAPTERS[shape] = TypeAdapter(shape)
    return _ADAPTERS[shape]


def _encode_json(value: Any) -> bytes:
    return json.dumps(value, default=lambda v: format(v, "f") if isinstance(v, Decimal) else str(v)).encode()


def _decode_json(text: bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


async def _prepare(connection: Any) -> None:
    # Binary, because COPY takes no other form; jsonb's is its text after a byte that says version 1.
    for kind, version in (("json", b""), ("jsonb", b"\x01")):
        await connection.set_type_codec(
            kind,
            encoder=lambda value, version=version: version + _encode_json(value),
            decoder=lambda sent, version=version: _decode_json(sent[len(version) :]),
            schema="pg_catalog",
            format="binary",
        )


class Transaction:
    """An open transaction: rows in and out as typed values. It is opened and committed in one place only."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._staged: set[str] = set()
        self.signals: set[str] = set()

    async def fetch(self, shape: type[RowT], sql: str, *args: Any) -> list[RowT]:
        """All rows, each validated into `shape` (dataclass, model) by its column names."""
        rows = await self._connection.fetch(sql, *args)
        validate = _adapter(shape).validate_python
        return [validate(dict(row)) for row in rows]

    async def fetch_one(self, shape: type[RowT], sql: str, *args: Any) -> RowT | None:
        """The first row as `shape`, or None."""
        row = await self._connection.fetchrow(sql, *args)
        if row is None:
            return None
        found: RowT = _adapter(shape).validate_python(dict(row))
        return found

    async def column(self, sql: str, *args: Any) -> list[Any]:
        """The first column of all rows."""
        return [row[0] for row in await self._connection.fetch(sql, *args)]

    async def value(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement; the number of rows it touched."""
        status: str = await self._connection.execute(sql, *args)
        last = status.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each row, in one round trip."""
        await self._connection.executemany(sql, rows)

    async def stage(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, like: str) -> None:
        """COPY rows into a temporary table `name` shaped like table `like`; it goes with the transaction.

        COPY is refused on tables under row-level security, so bulk loads stage here and insert from here. A second
        call in the same transaction replaces the first one's rows.
        """
        if name in self._staged:
            await self._connection.execute(f'drop table pg_temp."{name}"')
        shape = f"select {', '.join(columns)} from {like} with no data"  # noqa: S608 (names of ours, no input)
        await self._connection.execute(f'create temporary table "{name}" on commit drop as {shape}')
        self._staged.add(name)
        await self.copy(name, columns, rows)

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """COPY rows into a temporary table that is there already."""
        await self._connection.copy_records_to_table(table, columns=list(columns), records=rows)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that can fail alone."""
        async with self._connection.transaction():
            yield

    def signal(self, name: str) -> None:
        """Wake whoever waits for `name` in this process, once the transaction is committed."""
        self.signals.add(name)


class Session:
    """One dedicated connection of the all-tenants login: its advisory locks live and die with it."""

    def __init__(self, connection: Any, committed: Callable[[Transaction], None]) -> None:
        self._connection = connection
        self._committed = committed

    @property
    def closed(self) -> bool:
        """Whether the connection, and with it every lock, is gone as far as this side knows."""
        return bool(self._connection.is_closed())

    async def try_lock(self, name: str) -> bool:
        """Take the named session-level lock if nobody holds it."""
        return bool(await self._connection.fetchval("select pg_try_advisory_lock(hashtextextended($1, 0))", name))

    async def unlock(self, name: str) -> None:
        """Give the named lock back."""
        await self._connection.fetchval("select pg_advisory_unlock(hashtextextended($1, 0))", name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction on this very connection: that it commits proves that the locks are still held."""
        async with self._connection.transaction():
            tx = Transaction(self._connection)
            yield tx
        self._committed(tx)

    async def close(self) -> None:
        """Close; the server frees the locks."""
        await self._connection.close(timeout=5)


class Database:
    """One service's database, by two logins: `app` under row-level security and `all tenants` for the machinery."""

    def __init__(self, app_url: str, all_tenants_url: str, *, connections: int = 10) -> None:
        self._urls = (app_url, all_tenants_url)
        self._connections = connections
        self._pools: list[Any] = []
        self._listeners: dict[str, list[Callable[[], None]]] = defaultdict(list)

    def on_signal(self, name: str, call: Callable[[], None]) -> None:
        """Call `call` after each commit of a transaction that signalled `name`.

        In process only: NOTIFY inside the transaction would serialise commits (measured: 28 to 42 % fewer).
        """
        self._listeners[name].append(call)

    def _committed(self, tx: Transaction) -> None:
        for name in tx.signals:
            for call in self._listeners[name]:
                call()

    async def open(self) -> None:
        """Open both pools; raises what the first connection raises."""
        for url, settings in zip(self._urls, (_KEEPALIVE, _KEEPALIVE | _IN_INDEX_ORDER), strict=True):
            self._pools.append(
                await asyncpg.create_pool(
                    url, min_size=0, max_size=self._connections, init=_prepare, server_settings=settings
                )
            )

    async def close(self) -> None:
        """Close both pools."""
        for pool in self._pools:
            await pool.close()
        self._pools.clear()

    def _pool(self, number: int) -> Any:
        if not self._pools:
            raise ConnectionError("the database is not open: this process is starting or stopping")
        return self._pools[number]

    async def answers(self) -> bool:
        """Whether a statement passes now, within two seconds."""
        try:
            async with asyncio.timeout(2), self.transaction(()) as tx:
                return bool(await tx.value("select true"))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False

    @asynccontextmanager
    async def transaction(self, tenants: Collection[TenantId]) -> AsyncIterator[Transaction]:
        """A transaction that sees the rows of these tenants only."""
        if any(_SEPARATOR in tenant for tenant in tenants):
            raise ValueError("a tenant id contains no comma")
        async with self._pool(0).acquire() as connection:
            async with connection.transaction():
                await connection.execute(
                    "select set_config('psabridge.tenants', $1, true)", _SEPARATOR.join(sorted(set(tenants)))
                )
                tx = Transaction(connection)
                yield tx
            self._committed(tx)

    @asynccontextmanager
    async def all_tenants(self) -> AsyncIterator[Transaction]:
        """A transaction of the machinery (relay, delivery, sweeps), which sees every tenant's rows."""
        async with self._pool(1).acquire() as connection:
            async with connection.transaction():
                tx = Transaction(connection)
                yield tx
            self._committed(tx)

    async def session(self) -> Session:
        """A dedicated connection of the all-tenants login, for locks; the caller closes it."""
        connection = await asyncpg.connect(self._urls[1], server_settings=_KEEPALIVE, timeout=10)
        await _prepare(connection)
        return Session(connection, self._committed)
