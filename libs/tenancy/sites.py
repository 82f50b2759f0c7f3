"""Open ConnectWise clients, one a tenant, with the limiter that all callers of its site in this process share."""

import time
from dataclasses import dataclass

from connectwise import ConnectWise, Credentials
from contracts.events import ConnectionChanged
from contracts.values import SiteId, TenantId
from httpkit import AddressPolicy, ApiError, Limiter, Outcome, RetryPolicy
from storage import Database
from tenancy.facts import connection
from tenancy.secrets import Keyring

PRIVATE_KEY = "private_key"
OTHER_SITE = "other_site"
"""The code of the error that says so."""
LATELY = 1.0
"""For `open`: seconds for which a connection may be taken for what it was, so that not each of many calls in a row
looks it up."""


class NotConnectedError(Exception):
    """A tenant without a ConnectWise connection."""


@dataclass(frozen=True, slots=True)
class _Open:
    fact: ConnectionChanged
    client: ConnectWise
    looked_at: float


class Sites:
    """Clients by tenant. A changed connection (a new key) makes a new client; the site's limiter outlives it.

    What is meant for one site never goes to another, to which the tenant has been connected since.
    """

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        *,
        calls_per_minute: int,
        deadline: float = 30.0,
        retry: RetryPolicy | None = None,
        concurrency: int = 10,
        allow_loopback: bool = False,
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._calls_per_minute = calls_per_minute
        self._deadline = deadline
        self._retry = retry
        self._concurrency = concurrency
        self._addresses = AddressPolicy(allow_plain_loopback=allow_loopback)
        self._open: dict[TenantId, _Open] = {}
        self._retired: list[ConnectWise] = []
        self._limiters: dict[SiteId, Limiter] = {}

    async def open(self, tenant_id: TenantId, site_id: SiteId, *, within: float = 0.0) -> ConnectWise:
        """The tenant's client for a site, by its connection as it is, or was found `within` so many seconds.

        Raises:
            ApiError: `CONFIG`, the tenant has been connected to another site since; a person decides.
            NotConnectedError: it has no connection.
            AddressRefused, UnsealError: for a bad one.
        """
        known = await self._known(tenant_id, within)
        here = known.fact.site_id
        if here != site_id:
            said = f"It was planned for ConnectWise site {site_id}, and the tenant is connected to {here} now."
            raise ApiError(Outcome.CONFIG, OTHER_SITE, f"{said} Connect it to the first one again, then resume.")
        return known.client

    async def still(self, tenant_id: TenantId, site_id: SiteId) -> ConnectWise | None:
        """The same for what may be left undone: None where the tenant has been connected to another site since."""
        known = await self._known(tenant_id, 0.0)
        return known.client if known.fact.site_id == site_id else None

    async def _known(self, tenant_id: TenantId, within: float) -> _Open:
        known = self._open.get(tenant_id)
        if known is None or time.monotonic() - known.looked_at >= within:
            known = await self._look(tenant_id)
        return known

    async def _look(self, tenant_id: TenantId) -> _Open:
        looked_at = time.monotonic()
        async with self._db.transaction([tenant_id]) as tx:
            fact = await connection(tx, tenant_id)
        if fact is None:
            raise NotConnectedError(f"tenant {tenant_id} has no ConnectWise connection")
        known = self._open.get(tenant_id)
        if known is not None and known.fact == fact:
            client = known.client
        else:
            client = self.client(tenant_id, fact)
            if known is not None:
                self._retired.append(known.client)  # not closed here: a call of another lane may be in hand
        found = self._open[tenant_id] = _Open(fact, client, looked_at)
        return found

    def client(self, tenant_id: TenantId, fact: ConnectionChanged) -> ConnectWise:
        """A client for a connection as its fact describes it."""
        if fact.private_key is None:
            raise NotConnectedError(f"the connection of tenant {tenant_id} has no private key")
        credentials = Credentials(
            fact.company_id,
            fact.public_key,
            self._keyring.unseal(tenant_id, PRIVATE_KEY, fact.private_key),
            fact.client_id,
        )
        limiter = self._limiters.setdefault(
            fact.site_id, Limiter(self._calls_per_minute, concurrency=self._concurrency, api="connectwise")
        )
        return ConnectWise(
            fact.base_url,
            credentials,
            limiter=limiter,
            deadline=self._deadline,
            retry=self._retry,
            max_connections=self._concurrency,
            addresses=self._addresses,
        )

    async def aclose(self) -> None:
        """Close every client."""
        for client in (*self._retired, *(known.client for known in self._open.values())):
            await client.aclose()
        self._retired.clear()
        self._open.clear()
