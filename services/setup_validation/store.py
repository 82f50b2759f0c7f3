"""All SQL of setup_validation."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.values import TenantId
from setup_validation.domain.prerequisites import Defaults
from setup_validation.domain.verdict import Before, Finding, Verdict
from storage import Transaction, named_queries

sql = named_queries(__package__, "setup.sql")


@dataclass(frozen=True, slots=True)
class Setup:
    """What is said of a tenant's connection now."""

    connection: str
    status: str
    features: tuple[str, ...]
    findings: list[dict[str, Any]]
    time_zone: str
    catalog_defaults: Defaults | None
    removed: bool
    tries: int
    checked_at: datetime
    next_check_at: datetime | None

    def before(self) -> Before:
        """What stays where a new reading does not know better."""
        return Before(self.features, self.time_zone, self.catalog_defaults)

    def says(self, found: Verdict) -> bool:
        """Whether it says the same already."""
        states = [(finding["check"], finding["state"]) for finding in self.findings]
        return (self.status, self.features, states) == (
            found.status,
            found.features,
            [(finding.check.id, finding.answer.state) for finding in found.findings],
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """One entry of the history."""

    number: int
    status: str
    features: list[str]
    findings: list[dict[str, Any]]
    removed: bool
    checked_at: datetime


async def now(tx: Transaction) -> datetime:
    """The database's time as of the transaction's begin: the one clock that all processes share."""
    found: datetime = await tx.value(sql["now"])
    return found


async def locked(tx: Transaction, tenant_id: TenantId) -> Setup | None:
    """What is said now; nobody else says anything of the tenant until the transaction ends."""
    await tx.execute(sql["lock"], tenant_id)
    return await tx.fetch_one(Setup, sql["setup"], tenant_id)


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
    findings = _findings(found.findings)
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


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "check": finding.check.id,
            "title": finding.check.title,
            **asdict(finding.answer),
            "severity": finding.check.severity,
            "screen": finding.check.screen,
            "fix": finding.check.fix,
            "requirements": list(finding.check.requirements),
        }
        for finding in findings
    ]


def _after(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
