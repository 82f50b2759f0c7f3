"""All SQL of the console. Takes a transaction, never commits."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from console.domain.api_token import ApiToken
from console.domain.roles import Role
from contracts.events import ConnectionChanged, ProgramChanged, SealedSecret
from contracts.values import SiteId, TenantId
from storage import Transaction, named_queries

sql = named_queries(__package__, "tenants.sql", "tokens.sql", "connections.sql")


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose billing this is."""

    tenant_id: TenantId
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KnownToken:
    """What is known of a token that somebody shows."""

    token_id: str
    tenant_id: TenantId
    name: str
    role: Role
    scope: list[str] | None
    secret_digest: bytes = field(repr=False)
    revoked: bool
    expired: bool
    use_is_news: bool


@dataclass(frozen=True, slots=True)
class Token:
    """A token as lists show it."""

    token_id: str
    tenant_id: TenantId
    name: str
    role: Role
    scope: list[str] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Connection:
    """A tenant's way to its ConnectWise site; its private key only sealed."""

    connection_id: str
    site_id: SiteId
    name: str
    base_url: str
    company_id: str
    public_key: str
    client_id: str
    private_key: SealedSecret | None
    profile: Literal["sync", "sync+create", "count-only"]
    enabled: bool
    removed: bool
    updated_at: datetime

    def fact(self) -> ConnectionChanged:
        """As the other services are told of it."""
        return ConnectionChanged(
            connection_id=self.connection_id,
            site_id=self.site_id,
            name=self.name,
            base_url=self.base_url,
            company_id=self.company_id,
            public_key=self.public_key,
            client_id=self.client_id,
            private_key=self.private_key,
            profile=self.profile,
            enabled=self.enabled,
            removed=self.removed,
        )


@dataclass(frozen=True, slots=True)
class Program:
    """What of a source is synced for a tenant."""

    program_id: str
    settings: ProgramChanged
    updated_at: datetime


async def save_tenant(tx: Transaction, tenant_id: TenantId, name: str) -> Tenant:
    """Make a tenant, or rename it."""
    saved = await tx.fetch_one(Tenant, sql["save_tenant"], tenant_id, name)
    assert saved is not None  # noqa: S101 (an upsert returns its row)
    return saved


async def tenant_exists(tx: Transaction, tenant_id: TenantId) -> bool:
    """Whether there is one of this id."""
    return bool(await tx.value(sql["tenant_exists"], tenant_id))


async def tenants(tx: Transaction, after: str, size: int) -> list[Tenant]:
    """One page of those the transaction may see."""
    return await tx.fetch(Tenant, sql["tenants"], after, size)


async def lock_tenant(tx: Transaction, tenant_id: TenantId) -> bool:
    """Make others that change the tenant's connections or programs wait; False where there is no such tenant."""
    return await tx.value(sql["lock_tenant"], tenant_id) is not None


async def known_token(tx: Transaction, token_id: str) -> KnownToken | None:
    """The token of this id, whosever it is."""
    return await tx.fetch_one(KnownToken, sql["known_token"], token_id)


async def note_use(tx: Transaction, token_id: str) -> None:
    """Remember that it was used now."""
    await tx.execute(sql["note_use"], token_id)


async def add_token(
    tx: Transaction,
    token: ApiToken,
    tenant_id: TenantId,
    name: str,
    role: Role,
    scope: Collection[str] | None,
    created_by: str,
    days: int | None,
    *,
    bootstrap: bool = False,
) -> Token:
    """Keep a new token's digest; it expires after `days`, or never."""
    added = await tx.fetch_one(
        Token,
        sql["add_token"],
        token.token_id,
        tenant_id,
        name,
        role,
        None if scope is None else sorted(scope),
        token.digest,
        bootstrap,
        created_by,
        days,
    )
    assert added is not None  # noqa: S101 (an insert returns its row)
    return added


async def tokens(tx: Transaction, tenant_id: TenantId, after: str, size: int) -> list[Token]:
    """One page of a tenant's tokens."""
    return await tx.fetch(Token, sql["tokens"], tenant_id, after, size)


async def revoke_token(tx: Transaction, tenant_id: TenantId, token_id: str) -> Token | None:
    """Have a token refused from now on."""
    return await tx.fetch_one(Token, sql["revoke_token"], tenant_id, token_id)


async def one_bootstrap_at_a_time(tx: Transaction) -> None:
    """Make other bootstraps wait until this transaction ends."""
    await tx.execute(sql["one_bootstrap_at_a_time"])


async def revoke_bootstrap(tx: Transaction) -> int:
    """Revoke an earlier bootstrap token; how many there were."""
    return await tx.execute(sql["revoke_bootstrap"])


async def own_site(tx: Transaction, tenant_id: TenantId, site_id: SiteId) -> bool:
    """Claim the site for the tenant, for good; False where another tenant has it."""
    return await tx.value(sql["own_site"], tenant_id, site_id) is not None


async def connections(tx: Transaction, tenant_id: TenantId) -> list[Connection]:
    """The tenant's living connections."""
    return await tx.fetch(Connection, sql["connections"], tenant_id)


async def connection(tx: Transaction, tenant_id: TenantId, connection_id: str) -> Connection | None:
    """One of them, or one that was removed."""
    return await tx.fetch_one(Connection, sql["connection"], tenant_id, connection_id)


async def save_connection(tx: Transaction, tenant_id: TenantId, fact: ConnectionChanged) -> Connection:
    """Keep a connection as its fact describes it."""
    saved = await tx.fetch_one(
        Connection,
        sql["save_connection"],
        tenant_id,
        fact.connection_id,
        fact.site_id,
        fact.name,
        fact.base_url,
        fact.company_id,
        fact.public_key,
        fact.client_id,
        fact.private_key and fact.private_key.model_dump(),
        fact.profile,
        fact.enabled,
    )
    assert saved is not None  # noqa: S101 (an upsert returns its row)
    return saved


async def remove_connection(tx: Transaction, tenant_id: TenantId, connection_id: str) -> SiteId | None:
    """Forget its keys; the site it led to, or None where there is no such connection."""
    found: Any = await tx.value(sql["remove_connection"], tenant_id, connection_id)
    return None if found is None else SiteId(found)


async def programs(tx: Transaction, tenant_id: TenantId) -> list[Program]:
    """The tenant's programs."""
    return await tx.fetch(Program, sql["programs"], tenant_id)


async def program(tx: Transaction, tenant_id: TenantId, program_id: str) -> Program | None:
    """One of them."""
    return await tx.fetch_one(Program, sql["program"], tenant_id, program_id)


async def program_of_source(tx: Transaction, tenant_id: TenantId, source: str) -> str | None:
    """The id of the tenant's program for a source."""
    found: Any = await tx.value(sql["program_of_source"], tenant_id, source)
    return None if found is None else str(found)


async def save_program(tx: Transaction, tenant_id: TenantId, fact: ProgramChanged) -> Program:
    """Keep a program as its fact describes it."""
    saved = await tx.fetch_one(
        Program, sql["save_program"], tenant_id, fact.program_id, fact.source, fact.model_dump(mode="json")
    )
    assert saved is not None  # noqa: S101 (an upsert returns its row)
    return saved


async def remove_program(tx: Transaction, tenant_id: TenantId, program_id: str) -> ProgramChanged | None:
    """End a program; what it was, or None where there is no such program."""
    found: Any = await tx.value(sql["remove_program"], tenant_id, program_id)
    return None if found is None else ProgramChanged.model_validate(found)
