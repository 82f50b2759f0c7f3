"""What every service knows of a tenant, from its copies of the console's and setup_validation's facts."""

from contracts import topics
from contracts.events import ConnectionChanged, ProgramChanged, SetupChecked
from contracts.values import TenantId
from messaging import copies, dead_letters
from storage import Transaction

COPIES = (topics.CONNECTIONS, topics.PROGRAMS, topics.SETUP)


async def connection(tx: Transaction, tenant_id: TenantId) -> ConnectionChanged | None:
    """The tenant's way to its ConnectWise site, if it has one that is not removed."""
    found = await copies.of_tenant(tx, topics.CONNECTIONS, tenant_id)
    return next((fact for fact in found if not fact.removed), None)


async def program(tx: Transaction, tenant_id: TenantId, source: str) -> ProgramChanged | None:
    """The tenant's settings for a source."""
    found = await copies.of_tenant(tx, topics.PROGRAMS, tenant_id)
    return next((fact for fact in found if fact.source == source and not fact.removed), None)


async def setup(tx: Transaction, tenant_id: TenantId) -> SetupChecked | None:
    """The last result of the tenant's setup checks."""
    found = await copies.one(tx, topics.SETUP, tenant_id, tenant_id)
    return None if found is None or found.removed else found


async def closed(tx: Transaction, tenant_id: TenantId, feature: str) -> str | None:
    """Why nothing may be written for the tenant now, in words for people; None when it may (R1, R35).

    Asked before every turn, so that a setup that turns bad stops writes in the middle of a run.
    """
    if await dead_letters.poisoned(tx, tenant_id):
        return "a configuration fact could not be read: see the dead letters"
    if (site := await connection(tx, tenant_id)) is None:
        return "no ConnectWise connection"
    if not site.enabled:
        return "the ConnectWise connection is switched off"
    if (found := await setup(tx, tenant_id)) is None:
        return "the setup has not been checked yet"
    if feature not in found.features:
        failed = [finding.title for finding in found.findings if finding.state != "passed"]
        return f"the setup does not allow {feature}: {'; '.join(failed[:3]) or found.status}"
    return None
