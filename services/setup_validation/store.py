"""All SQL of setup_validation."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from contracts.values import TenantId
from setup_validation.domain.answers import State
from setup_validation.domain.checks import Severity
from setup_validation.domain.prerequisites import Defaults
from setup_validation.domain.verdict import Before, Finding, Status, Verdict
from storage import Transaction, named_queries

sql = named_queries(__package__, "setup.sql")


@dataclass(frozen=True, slots=True)
class Found:
    """A check's answer, with where and how it is mended."""

    check: str
    title: str
    state: State
    detail: str
    severity: Severity
    screen: str
    fix: str
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """What is said of a tenant's connection now."""

    status: Status
    features: tuple[str, ...]
    findings: tuple[Found, ...]
    time_zone: str
    catalog_defaults: Defaults | None
    removed: bool
    checked_at: datetime
    next_check_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept(Setup):
    """The same, with what it was found out with and how often the site has been in trouble since."""

    connection: str
    tries: int

    def before(self) -> Before:
        """What stays where a new reading does not know better."""
        return Before(self.features, self.time_zone, self.catalog_defaults)

    def says(self, found: Verdict) -> bool:
        """Whether it says the same already."""
        mine = [(finding.check, finding.state) for finding in self.findings]
        theirs = [(finding.check.id, finding.answer.state) for finding in found.findings]
        return (self.status, self.features, mine) == (found.status, found.features, theirs)


@dataclass(frozen=True, slots=True)
class Checked:
    """One entry of the history."""

    number: int
    status: Status
    features: tuple[str, ...]
    findings: tuple[Found, ...]
    removed: bool
    checked_at: datetime


async def now(tx: Transaction) -> datetime:
    """The database's time as of the transaction's begin: the one clock that all processes share."""
    found: datetime = await tx.value(sql["now"])
    return found


async def locked(tx: Transaction, tenant_id: TenantId) -> Kept | None:
    """What is said now; nobody else says anything of the tenant until the transaction ends."""
    await tx.execute(sql["lock"], tenant_id)
    return await tx.fetch_one(Kept, sql["setup"], tenant_id)


async def setup(tx: Transaction, tenant_id: TenantId) -> Setup | None:
    """What is said now."""
    return await tx.fetch_one(Setup, sql["setup"], tenant_id)


async def keep(
    tx: Transaction,
    tenant_id: TenantId,
    connection: str,
    found: Verdict,
    checked_at: datetime,
    again: float | None,
    *,
    tries: int,
    removed: bool,
) -> None:
    """Say this from now on, and add it to the history."""
    defaults = asdict(found.catalog_defaults) if found.catalog_defaults else None
    findings = [asdict(_found(finding)) for finding in found.findings]
    await tx.execute(
        sql["keep"],
        tenant_id,
        connection,
        found.status,
        list(found.features),
        findings,
        found.time_zone,
        defaults,
        removed,
        tries,
        checked_at,
        _after(again),
    )
    await tx.execute(sql["remember"], tenant_id, found.status, list(found.features), findings, removed, checked_at)


async def still(tx: Transaction, tenant_id: TenantId, checked_at: datetime, again: float, tries: int) -> None:
    """It was looked at again and is as it was."""
    await tx.execute(sql["still"], tenant_id, checked_at, _after(again), tries)


async def due(tx: Transaction) -> list[TenantId]:
    """Those whose next check is due."""
    return [TenantId(tenant) for tenant in await tx.column(sql["due"])]


async def queued(tx: Transaction, tenant_id: TenantId) -> None:
    """A check waits: it says itself when the next one is due."""
    await tx.execute(sql["queued"], tenant_id)


async def history(tx: Transaction, before: int, size: int) -> list[Checked]:
    """One page, newest first."""
    return await tx.fetch(Checked, sql["history"], before, size)


def _found(finding: Finding) -> Found:
    check, answer = finding.check, finding.answer
    return Found(
        check.id, check.title, answer.state, answer.detail, check.severity, check.screen, check.fix, check.requirements
    )


def _after(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
