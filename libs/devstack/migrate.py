import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from devstack.errors import DevstackError
from devstack.services import schema_checksum


async def is_current(admin_dsn: str, database: str, service: str) -> bool:
    """Whether the database carries the checksum of today's migrations.

    It is kept as the database's own comment, so it goes when the database goes.
    """
    admin = await asyncpg.connect(admin_dsn)
    try:
        query = "select shobj_description(oid, 'pg_database') from pg_database where datname = $1"
        return bool(await admin.fetchval(query, database) == _mark(service))
    finally:
        await admin.close()


async def migrate(service: str, environment: Mapping[str, str], log: Path, owner_dsn: str) -> None:
    """Run `python -m <service> --migrate` as the owner, and mark the database."""
    await run_once(service, ["--migrate"], {**environment, "PSABRIDGE_OWNER_URL": owner_dsn}, log)
    owner = await asyncpg.connect(owner_dsn)
    try:
        database = await owner.fetchval("select quote_ident(current_database())")
        await owner.execute(f"comment on database {database} is '{_mark(service)}'")
    finally:
        await owner.close()


async def run_once(service: str, words: list[str], environment: Mapping[str, str], log: Path) -> None:
    """Run a service's one-shot command; what it says goes to its log, its end into the error when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", service, *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    with log.open("ab") as file:
        file.write(said)
    if process.returncode:
        end = "\n".join(said.decode(errors="replace").splitlines()[-15:])
        raise DevstackError(f"`python -m {service} {words[0]}` failed with {process.returncode}:\n{end}")


def _mark(service: str) -> str:
    return f"psabridge schema {schema_checksum(service)}"
