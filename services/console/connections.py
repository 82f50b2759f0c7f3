"""A tenant's way to its ConnectWise site: checked, sealed, told to all."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints

from connectwise import site_of
from console import store
from console.domain.connecting import Wrong, site_id, wrong_fields
from console.store import Connection
from contracts import topics
from contracts.events import ConnectionChanged, SealedSecret
from contracts.values import SiteId, TenantId
from httpkit import AddressPolicy, Refused
from messaging import Fact, outbox
from servicekit import Problem
from storage import Transaction
from tenancy import PRIVATE_KEY, Keyring

Typed = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ConnectionForm(BaseModel):
    """What a person fills in. A private key that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    site: Typed
    company_id: Typed
    public_key: Typed
    private_key: SecretStr | None = None
    client_id: Typed
    profile: Literal["sync", "sync+create", "count-only"] = "sync"
    name: Name = ""
    enabled: bool = True


async def connect(
    tx: Transaction,
    keyring: Keyring,
    addresses: AddressPolicy,
    tenant_id: TenantId,
    connection_id: str,
    form: ConnectionForm,
) -> Connection:
    """Make or change a connection (R5, R8); Problem 422 names the field and the rule, 409 what stands against it."""
    if not await store.lock_tenant(tx, tenant_id):
        raise Problem(404, "unknown_tenant", f"there is no tenant {tenant_id}")
    typed_key = form.private_key.get_secret_value().strip() if form.private_key else None
    site = site_of(form.site, addresses)
    wrong = list(wrong_fields(form.company_id, form.public_key, typed_key, form.client_id))
    if isinstance(site, Refused):
        wrong.insert(0, Wrong("site", site.message))
    if wrong or isinstance(site, Refused):
        raise refused(wrong)
    before = await store.connection(tx, tenant_id, connection_id)
    await _refuse_second(tx, tenant_id, connection_id, before, form.company_id)
    own = SiteId(site_id(form.company_id))
    if not await store.own_site(tx, tenant_id, own):
        raise Problem(
            409,
            "site_taken",
            f"the ConnectWise site of company {form.company_id} belongs to another tenant of this installation",
            field="company_id",
        )
    if typed_key is not None:
        sealed = keyring.seal(tenant_id, PRIVATE_KEY, typed_key)
    else:
        sealed = _kept_key(before, site.login_url, form.public_key)
    fact = ConnectionChanged(
        connection_id=connection_id,
        site_id=own,
        name=form.name,
        base_url=site.login_url,
        company_id=form.company_id,
        public_key=form.public_key,
        client_id=form.client_id,
        private_key=sealed,
        profile=form.profile,
        enabled=form.enabled,
    )
    saved = await store.save_connection(tx, tenant_id, fact)
    await outbox.add(tx, topics.CONNECTIONS, [Fact(tenant_id, connection_id, saved.fact())])
    return saved


async def disconnect(tx: Transaction, tenant_id: TenantId, connection_id: str) -> bool:
    """Forget the connection's keys and tell all that it is gone; False where there is none."""
    await store.lock_tenant(tx, tenant_id)
    site = await store.remove_connection(tx, tenant_id, connection_id)
    if site is None:
        return False
    gone = ConnectionChanged(connection_id=connection_id, site_id=site, enabled=False, removed=True)
    await outbox.add(tx, topics.CONNECTIONS, [Fact(tenant_id, connection_id, gone)])
    return True


def refused(wrong: list[Wrong]) -> Problem:
    """Fields and the rules they break, as an answer."""
    fields = [{"field": found.field, "rule": found.rule} for found in wrong]
    return Problem(422, "invalid", "; ".join(f"{found.field}: {found.rule}" for found in wrong), fields=fields)


async def _refuse_second(
    tx: Transaction, tenant_id: TenantId, connection_id: str, before: Connection | None, company_id: str
) -> None:
    if before is not None and before.company_id.lower() != company_id.lower():
        raise Problem(
            409,
            "site_fixed",
            f"this connection is company {before.company_id}'s, and what was written there stays there: "
            "connect another company under another id",
            field="company_id",
        )
    others = [found for found in await store.connections(tx, tenant_id) if found.connection_id != connection_id]
    if others:
        raise Problem(
            409, "connected", f"the tenant is connected already by {others[0].connection_id}: remove that one first"
        )


def _kept_key(before: Connection | None, base_url: str, public_key: str) -> SealedSecret:
    if before is None or before.private_key is None:
        raise refused([Wrong("private_key", "is needed to connect")])
    # Otherwise whoever may edit a connection could have the key sent to an address of their own.
    if before.base_url != base_url:
        raise refused([Wrong("private_key", "must be entered again for another site address")])
    if before.public_key != public_key:
        raise refused([Wrong("private_key", "must be entered with its own public key: keys come in pairs")])
    return before.private_key
