"""Tenants, tokens, connections, programs, and how the services are."""

import asyncio
import secrets
import time
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from console import connections, programs, store
from console.connections import ConnectionForm
from console.domain.api_token import ID_BYTES, SECRET_BYTES, ApiToken
from console.domain.roles import PERMISSIONS, Role, permissions
from console.gateway import Gateway
from console.programs import ProgramForm
from console.store import Connection, Program, Tenant, Token
from contracts import topics
from contracts.events import PriceRule
from contracts.values import TenantId
from messaging import NOBODY
from servicekit import Caller, Page, Paging, Problem, Tx, allow

router = APIRouter()

_READY_WITHIN_SECONDS = 3.0
_OK = 200

EntityId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")
]


def _tenant(caller: Caller) -> TenantId:
    if caller.tenant_id == NOBODY:
        raise Problem(400, "tenant_needed", "this token is the installation's: name a tenant in the header X-Tenant")
    return caller.tenant_id


Own = Annotated[TenantId, Depends(_tenant)]


class Me(BaseModel):
    """Who the token says one is."""

    subject: str
    tenant_id: TenantId | None
    operator: bool
    permissions: list[str]


@router.get("/me", dependencies=[allow("self.read")])
async def me(caller: Caller) -> Me:
    """The caller: its tenant, and what it may."""
    tenant_id = None if caller.tenant_id == NOBODY else caller.tenant_id
    return Me(
        subject=caller.subject,
        tenant_id=tenant_id,
        operator=caller.operator,
        permissions=sorted(caller.permissions),
    )


class TenantForm(BaseModel):
    """A tenant's name for people."""

    model_config = ConfigDict(extra="forbid")

    name: Label


@router.get("/tenants", dependencies=[allow("self.read")])
async def tenants(request: Request, tx: Tx, caller: Caller, page: Paging) -> Page[Tenant]:
    """The tenants one may act for: all for operators, else one's own."""
    if not caller.operator:
        return page.of(await store.tenants(tx, page.after, page.size), lambda found: found.tenant_id)
    async with request.app.state.db.all_tenants() as all_tenants:
        return page.of(await store.tenants(all_tenants, page.after, page.size), lambda found: found.tenant_id)


@router.put("/tenants/{tenant_id}", dependencies=[allow("tenants.write")])
async def save_tenant(request: Request, caller: Caller, tenant_id: EntityId, form: TenantForm) -> Tenant:
    """Make a tenant, or rename it; for operators."""
    if not caller.operator:
        raise Problem(403, "forbidden", "tenants are made by the installation's operators")
    async with request.app.state.db.all_tenants() as tx:
        return await store.save_tenant(tx, TenantId(tenant_id), form.name)


class TokenForm(BaseModel):
    """A token to be made: for the tenant one acts for; an operator that names no tenant makes an installation's."""

    model_config = ConfigDict(extra="forbid")

    name: Label
    role: Role
    scope: Annotated[list[str] | None, Field(max_length=40, description="only these permissions of the role's")] = None
    expires_in_days: Annotated[int | None, Field(ge=1, le=3650)] = None


class NewToken(BaseModel):
    """A new token: shown this once, as only a digest of it is kept."""

    token: str
    token_id: str
    expires_at: datetime | None


@router.get("/tokens", dependencies=[allow("tokens.write")])
async def tokens(tx: Tx, caller: Caller, page: Paging) -> Page[Token]:
    """The tokens of the tenant one acts for, without their secrets."""
    return page.of(await store.tokens(tx, caller.tenant_id, page.after, page.size), lambda found: found.token_id)


@router.post("/tokens", dependencies=[allow("tokens.write")], status_code=201)
async def make_token(tx: Tx, caller: Caller, form: TokenForm) -> NewToken:
    """Make a token that may no more than one may oneself."""
    unknown = sorted({*(form.scope or ())} - PERMISSIONS)
    if unknown:
        raise Problem(422, "invalid", f"scope: there is no permission {unknown[0]!r}", field="scope")
    beyond = permissions(form.role, form.scope, installation=caller.tenant_id == NOBODY) - caller.permissions
    if beyond:
        raise Problem(403, "forbidden", f"you cannot give what you lack: {', '.join(sorted(beyond))}")
    token = ApiToken.made_of(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
    added = await store.add_token(
        tx, token, caller.tenant_id, form.name, form.role, form.scope, caller.subject, form.expires_in_days
    )
    return NewToken(token=token.text, token_id=added.token_id, expires_at=added.expires_at)


@router.delete("/tokens/{token_id}", dependencies=[allow("tokens.write")])
async def revoke_token(tx: Tx, caller: Caller, token_id: str) -> Token:
    """Have a token refused from now on."""
    revoked = await store.revoke_token(tx, caller.tenant_id, token_id)
    if revoked is None:
        raise Problem(404, "not_found", f"there is no token {token_id[:20]}")
    return revoked


class ShownConnection(BaseModel):
    """A connection as people see it: its private key is write-only (R8)."""

    connection_id: str
    site_id: str
    name: str
    site: str
    company_id: str
    public_key: str
    client_id: str
    profile: Literal["sync", "sync+create", "count-only"]
    enabled: bool
    updated_at: datetime

    @classmethod
    def of(cls, found: Connection) -> "ShownConnection":
        """Without the key."""
        return cls(
            connection_id=found.connection_id,
            site_id=found.site_id,
            name=found.name,
            site=found.base_url,
            company_id=found.company_id,
            public_key=found.public_key,
            client_id=found.client_id,
            profile=found.profile,
            enabled=found.enabled,
            updated_at=found.updated_at,
        )


@router.get("/connections", dependencies=[allow("connections.read")])
async def list_connections(tx: Tx, tenant_id: Own) -> Page[ShownConnection]:
    """The tenant's ways to ConnectWise."""
    return Page(items=[ShownConnection.of(found) for found in await store.connections(tx, tenant_id)])


@router.get("/connections/{connection_id}", dependencies=[allow("connections.read")])
async def one_connection(tx: Tx, tenant_id: Own, connection_id: EntityId) -> ShownConnection:
    """One of them."""
    found = await store.connection(tx, tenant_id, connection_id)
    if found is None or found.removed:
        raise Problem(404, "not_found", f"there is no connection {connection_id}")
    return ShownConnection.of(found)


@router.put("/connections/{connection_id}", dependencies=[allow("connections.write")])
async def save_connection(
    request: Request, tx: Tx, tenant_id: Own, connection_id: EntityId, form: ConnectionForm
) -> ShownConnection:
    """Make or change one (R5): all fields are said, only the private key may be left out to keep it."""
    resources = request.app.state.resources
    saved = await connections.connect(tx, resources["keyring"], resources["addresses"], tenant_id, connection_id, form)
    return ShownConnection.of(saved)


@router.delete("/connections/{connection_id}", dependencies=[allow("connections.write")], status_code=204)
async def remove_connection(tx: Tx, tenant_id: Own, connection_id: EntityId) -> None:
    """Forget its keys; its site stays this tenant's."""
    if not await connections.disconnect(tx, tenant_id, connection_id):
        raise Problem(404, "not_found", f"there is no connection {connection_id}")


class ShownProgram(BaseModel):
    """A program as people see it."""

    program_id: str
    name: str
    source: str
    enabled: bool
    billing: bool
    products: str
    motions: list[str]
    price_rule: PriceRule | None
    new_items_taxable: bool
    updated_at: datetime

    @classmethod
    def of(cls, found: Program) -> "ShownProgram":
        """Its settings beside its id."""
        return cls(**found.settings.model_dump(exclude={"removed"}), updated_at=found.updated_at)


@router.get("/programs", dependencies=[allow("programs.read")])
async def list_programs(tx: Tx, tenant_id: Own) -> Page[ShownProgram]:
    """What is synced for the tenant (R43)."""
    return Page(items=[ShownProgram.of(found) for found in await store.programs(tx, tenant_id)])


@router.get("/programs/{program_id}", dependencies=[allow("programs.read")])
async def one_program(tx: Tx, tenant_id: Own, program_id: EntityId) -> ShownProgram:
    """One of them."""
    found = await store.program(tx, tenant_id, program_id)
    if found is None:
        raise Problem(404, "not_found", f"there is no program {program_id}")
    return ShownProgram.of(found)


@router.put("/programs/{program_id}", dependencies=[allow("programs.write")])
async def save_program(tx: Tx, tenant_id: Own, program_id: EntityId, form: ProgramForm) -> ShownProgram:
    """Make or change one."""
    return ShownProgram.of(await programs.save(tx, tenant_id, program_id, form))


@router.delete("/programs/{program_id}", dependencies=[allow("programs.write")], status_code=204)
async def remove_program(tx: Tx, tenant_id: Own, program_id: EntityId) -> None:
    """End one; nothing of its source is synced any more."""
    if not await programs.remove(tx, tenant_id, program_id):
        raise Problem(404, "not_found", f"there is no program {program_id}")


class ServiceState(BaseModel):
    """Whether a service is ready, and what it waits for otherwise."""

    service: str
    ready: bool
    detail: str
    milliseconds: int


@router.get("/status", dependencies=[allow("operate")])
async def status(request: Request) -> Page[ServiceState]:
    """The services' readiness, asked now."""
    gateway: Gateway = request.app.state.resources["gateway"]
    found = await asyncio.gather(*(_state(gateway, name) for name in gateway.services))
    # That this answers is the console's readiness.
    return Page(items=[ServiceState(service="console", ready=True, detail="ok", milliseconds=0), *found])


async def _state(gateway: Gateway, name: str) -> ServiceState:
    start = time.monotonic()
    code, body = await gateway.fetch(name, "/readyz", _READY_WITHIN_SECONDS)
    return ServiceState(
        service=name,
        ready=code == _OK,
        detail=body.decode(errors="replace")[:300] if code else "does not answer",
        milliseconds=round((time.monotonic() - start) * 1000),
    )


@router.get("/topics", dependencies=[allow("operate")])
async def list_topics() -> Page[dict[str, Any]]:
    """The registry: which facts there are, who tells them, how long they are kept."""
    return Page(
        items=[
            {
                "topic": topic.name,
                "producer": topic.producer,
                "key": topic.key,
                "partitions": topic.partitions,
                "kept": "newest of a key" if topic.compacted else _kept(topic.retention),
            }
            for topic in topics.ALL
        ]
    )


def _kept(retention: Any) -> str:
    return "for ever" if retention is None else f"{retention.days} days"
