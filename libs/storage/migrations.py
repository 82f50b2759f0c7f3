"""Forward-only migrations: each component's numbered files, in order, once, under a lock."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from types import ModuleType
from typing import Any, Literal

import asyncpg

Phase = Literal["pre", "post", "all"]

_FILE = re.compile(r"^(\d{4})_(pre|post)_(\w+)\.sql$")
_LOCK = "psabridge.migrations"


class MigrationError(Exception):
    """A schema that cannot be brought forward, or is older than this code needs."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: *pre* runs before new code serves, *post* after."""

    component: str
    number: int
    phase: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """What the file said when it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(components: Sequence[ModuleType]) -> Iterator[Migration]:
    """Every migration of the components, in the order in which they run."""
    for component in components:
        folder = resources.files(component) / "migrations"
        if not folder.is_dir():
            continue
        numbers: set[str] = set()
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if found := _FILE.match(file.name):
                number, phase, name = found.groups()
                if number in numbers:
                    raise MigrationError(f"{component.__name__}/migrations/{file.name}: another file has its number")
                numbers.add(number)
                yield Migration(component.__name__, int(number), phase, name, file.read_text())
            elif file.name.endswith(".sql"):
                raise MigrationError(f"{component.__name__}/migrations/{file.name}: name it NNNN_pre_or_post_name.sql")


async def migrate(owner_url: str, components: Sequence[ModuleType], phase: Phase = "all") -> list[str]:
    """Apply what is missing, as the owner; the names of what was applied."""
    connection: Any = await asyncpg.connect(owner_url)
    try:
        await connection.execute("select pg_advisory_lock(hashtextextended($1, 0))", _LOCK)
        await connection.execute(
            "create table if not exists schema_migration ("
            " component text, number int, phase text not null, name text not null, checksum text not null,"
            " applied_at timestamptz not null default now(), primary key (component, number));"
            "grant select on schema_migration to psabridge_app, psabridge_all_tenants"
        )
        done = await _applied(connection)
        applied = []
        for migration in migrations(components):
            label = f"{migration.component} {migration.number:04} {migration.name}"
            known = done.get((migration.component, migration.number))
            if known is not None:
                if known != migration.checksum:
                    raise MigrationError(f"{label} was changed after it was applied; add a new migration instead")
                continue
            if phase not in ("all", migration.phase):
                continue
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "insert into schema_migration (component, number, phase, name, checksum) values ($1,$2,$3,$4,$5)",
                    migration.component,
                    migration.number,
                    migration.phase,
                    migration.name,
                    migration.checksum,
                )
            applied.append(label)
        return applied
    finally:
        await connection.close()


async def require_schema(url: str, components: Sequence[ModuleType]) -> None:
    """Raise MigrationError where a *pre* migration that this code needs is missing."""
    connection: Any = await asyncpg.connect(url)
    try:
        if await connection.fetchval("select to_regclass('schema_migration')") is None:
            raise MigrationError("the database has no schema yet: run this service with --migrate first")
        done = await _applied(connection)
    finally:
        await connection.close()
    for migration in migrations(components):
        if migration.phase == "pre" and (migration.component, migration.number) not in done:
            raise MigrationError(
                f"the database lacks {migration.component} {migration.number:04} {migration.name}:"
                " run this service with --migrate first"
            )


async def _applied(connection: Any) -> dict[tuple[str, int], str]:
    rows = await connection.fetch("select component, number, checksum from schema_migration")
    return {(row["component"], row["number"]): row["checksum"] for row in rows}
