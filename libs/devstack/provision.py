"""Roles and databases: each service's database has three logins, and nobody else may enter."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import asyncpg

from devstack.passwords import DatabasePasswords, Passwords, scram_verifier

APP, ALL_TENANTS = "psabridge_app", "psabridge_all_tenants"
"""Group roles that policies and grants of migrations name: the same in every database and installation."""

ADVISORY_LOCK = 7_205_759_403
"""Roles belong to the cluster: two provisioners at once would meet in `tuple concurrently updated`."""


@dataclass(frozen=True, slots=True)
class Database:
    """A service's database and its logins, each as a DSN."""

    name: str
    owner: str
    app: str
    all_tenants: str


async def provision_database(admin_dsn: str, name: str, passwords: DatabasePasswords) -> Database:
    """Make a database and its three logins, or put right what differs: safe to repeat, leaves data alone.

    `<name>_owner` owns it (migrations), `<name>_app` is in psabridge_app (row-level security applies),
    `<name>_all` is in psabridge_all_tenants (relay, delivery, sweeps).
    """
    owner, app, everyone = f"{name}_owner", f"{name}_app", f"{name}_all"
    admin = await asyncpg.connect(admin_dsn)
    try:
        async with admin.transaction():
            await admin.execute("select pg_advisory_xact_lock($1)", ADVISORY_LOCK)
            known = {row["rolname"] for row in await admin.fetch("select rolname from pg_roles")}
            for group in (APP, ALL_TENANTS):
                if group not in known:
                    await admin.execute(f"create role {group} nologin")
            for login, password in zip((owner, app, everyone), passwords, strict=True):
                verb = "alter" if login in known else "create"
                await admin.execute(f"{verb} role {_quoted(login)} login password '{scram_verifier(password)}'")
            await admin.execute(f"grant {APP} to {_quoted(app)}")
            await admin.execute(f"grant {ALL_TENANTS} to {_quoted(everyone)}")
            if not await admin.fetchval("select rolsuper from pg_roles where rolname = current_user"):
                # A managed server's administrator is no superuser: it must belong to a role to give it a database.
                await admin.execute(f"grant {_quoted(owner)} to current_user")
        if not await admin.fetchval("select true from pg_database where datname = $1", name):
            with suppress(asyncpg.DuplicateDatabaseError):  # another provisioner was faster
                await admin.execute(f"create database {_quoted(name)} owner {_quoted(owner)}")
        await admin.execute(
            f"alter database {_quoted(name)} owner to {_quoted(owner)};"
            f"revoke connect on database {_quoted(name)} from public;"
            # Temporary tables: bulk loads COPY into one first.
            f"grant connect, temporary on database {_quoted(name)}"
            f" to {_quoted(owner)}, {_quoted(app)}, {_quoted(everyone)}"
        )
    finally:
        await admin.close()
    logins = zip((owner, app, everyone), passwords, strict=True)
    return Database(name, *(_dsn(admin_dsn, login, password, name) for login, password in logins))


async def provision_all(admin_dsn: str, names: Iterable[str], passwords: Passwords) -> dict[str, Database]:
    """Several databases at once, by name."""
    names = list(names)
    known = [passwords.of_database(name) for name in names]
    made = await asyncio.gather(*map(provision_database, [admin_dsn] * len(names), names, known))
    return {database.name: database for database in made}


async def drop_database(admin_dsn: str, name: str) -> None:
    """Remove a test's database and its logins, whoever is connected."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(f"drop database if exists {_quoted(name)} with (force)")
        for suffix in ("owner", "app", "all"):
            await admin.execute(f"drop role if exists {_quoted(f'{name}_{suffix}')}")
    finally:
        await admin.close()


def _dsn(admin_dsn: str, login: str, password: str, database: str) -> str:
    """The administrator's DSN for somebody else; host and options (sslmode) stay."""
    scheme, _, rest = admin_dsn.partition("://")
    address, _, options = rest.partition("?")
    host = address.rpartition("@")[2].partition("/")[0]
    return f"{scheme}://{login}:{password}@{host}/{database}" + (f"?{options}" if options else "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
