"""Checking a tenant's site: queued by a change or by a person, done by the site's owner, told as a fact."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connectwise import AddressRefused, ConnectWise
from contracts import topics
from contracts.events import CatalogDefaults, ConnectionChanged, SetupChecked
from contracts.events import Finding as ToldFinding
from contracts.values import TenantId
from delivery import Lane, Operation, Reading, Sent, Settled, enqueue_job
from messaging import Fact, outbox
from setup_validation import store
from setup_validation.domain.facts import Facts, Reach
from setup_validation.domain.verdict import Before, Verdict, verdict
from setup_validation.reading import read
from setup_validation.store import Kept
from storage import Database, Transaction
from tenancy import NotConnectedError, Sites, UnsealError, connection

EFFECT = "setup-checks"
LANE = "setup"

CHECKED_EVERY = 24 * 3600.0
SOONEST_AGAIN = 30.0
LATEST_AGAIN = 3600.0


async def connection_changed(tx: Transaction, tenant_id: TenantId) -> None:
    """Have the connection checked as it is now; close the gate at once where it leads somewhere else, or nowhere."""
    known = await store.locked(tx, tenant_id)
    fact = await connection(tx, tenant_id)
    if fact is None:
        if known is not None and not known.removed:
            await _conclude(tx, tenant_id, "", Verdict("not_ready"), await store.now(tx), None, removed=True)
        return
    if known is None or known.connection != _digest(fact):
        status: Any = "unknown" if fact.enabled else "not_ready"
        await _conclude(tx, tenant_id, _digest(fact), Verdict(status), await store.now(tx), None)
    if fact.enabled:
        await enqueue_job(tx, EFFECT, tenant_id, fact.site_id, LANE, {})


async def ask(tx: Transaction, tenant_id: TenantId) -> bool:
    """Have the tenant's site checked soon; False where it has no connection that is switched on."""
    fact = await connection(tx, tenant_id)
    if fact is None or not fact.enabled:
        return False
    await enqueue_job(tx, EFFECT, tenant_id, fact.site_id, LANE, {})
    return True


@dataclass(frozen=True, slots=True)
class SetupChecks:
    """The job. It reads only, and an error of the site is its result: so it never fails and pauses nothing."""

    db: Database
    sites: Sites

    @property
    def name(self) -> str:
        """The effect's name."""
        return EFFECT

    async def gate(self, tx: Transaction, tenant_id: TenantId) -> str | None:  # noqa: ARG002 (delivery's protocol)
        """Open: a check is what comes before being ready."""
        return None

    async def find(self, lane: Lane, operations: Any) -> Reading:  # noqa: ARG002 (delivery's protocol)
        """Never asked about jobs."""
        return Reading()

    async def send(self, operation: Operation) -> Sent:
        """Read the site with the connection as it is now, and keep what that says."""
        tenant_id = operation.tenant_id
        async with self.db.transaction([tenant_id]) as tx:
            fact, began = await connection(tx, tenant_id), await store.now(tx)
        if fact is None or not fact.enabled:
            return Sent()
        facts = await self._read(tenant_id, fact)
        async with self.db.transaction([tenant_id]) as tx:
            known = await store.locked(tx, tenant_id)
            # A connection that changed meanwhile has queued a check of its own: this one is of the past.
            if await connection(tx, tenant_id) == fact:
                await _keep(tx, tenant_id, fact, facts, known, began)
        return Sent()

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        """Nothing: `send` has kept and told its result."""

    async def _read(self, tenant_id: TenantId, fact: ConnectionChanged) -> Facts:
        try:
            # A client of its own: an open breaker or a known codebase of the last one would hide what is there now.
            site: ConnectWise = self.sites.client(tenant_id, fact)
        except (AddressRefused, NotConnectedError, UnsealError) as error:
            return Facts(fact.profile, Reach.UNUSABLE, str(error))
        async with site:
            return await read(site, fact.profile)


async def _keep(
    tx: Transaction, tenant_id: TenantId, fact: ConnectionChanged, facts: Facts, known: Kept | None, began: datetime
) -> None:
    same = known if known is not None and known.connection == _digest(fact) else None
    found = verdict(facts, same.before() if same is not None else Before())
    tries = same.tries + 1 if same is not None and found.passing else 0
    again = min(SOONEST_AGAIN * 2 ** min(tries, 10), LATEST_AGAIN) if found.passing else CHECKED_EVERY
    if same is not None and same.tries > 0 and same.says(found):
        await store.still(tx, tenant_id, began, again, tries)  # in trouble as before: nothing new to tell
    else:
        await _conclude(tx, tenant_id, _digest(fact), found, began, again, tries=tries)


async def _conclude(
    tx: Transaction,
    tenant_id: TenantId,
    connected: str,
    found: Verdict,
    checked_at: datetime,
    again: float | None,
    *,
    tries: int = 0,
    removed: bool = False,
) -> None:
    """Keep, add to the history, and tell. `again` is None where nothing is left to check, or a check is queued."""
    await store.keep(tx, tenant_id, connected, found, checked_at, again, tries=tries, removed=removed)
    defaults = found.catalog_defaults
    told = SetupChecked(
        status=found.status,
        features=found.features,
        findings=tuple(
            ToldFinding(
                check=finding.check.id,
                title=finding.check.title,
                state=finding.answer.state,
                severity=finding.check.severity,
                detail=finding.answer.detail,
                screen=finding.check.screen,
                fix=finding.check.fix,
            )
            for finding in found.findings
        ),
        time_zone=found.time_zone,
        catalog_defaults=CatalogDefaults(**asdict(defaults)) if defaults else None,
        checked_at=checked_at,
        removed=removed,
    )
    await outbox.add(tx, topics.SETUP, [Fact(tenant_id, tenant_id, told)])


def _digest(fact: ConnectionChanged) -> str:
    """Where a connection leads and as whom. Not its private key: sealing it anew makes it no other connection."""
    said = fact.model_dump_json(exclude={"name", "private_key"})
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
