"""All SQL of sync_workflow."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from contracts.values import DocumentId, RunId, TenantId
from storage import Transaction, named_queries
from sync_workflow.domain.run import Run
from sync_workflow.domain.view import RunState

sql = named_queries(__package__, "runs.sql")

_KNOWN = TypeAdapter(Run)


class RunChangedMeanwhile(Exception):  # noqa: N818 (named by the fact)
    """Another transaction changed the run since it was read; nothing was saved, trying again is right."""

    def __init__(self, run_id: RunId) -> None:
        super().__init__(f"run {run_id} was changed meanwhile")


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as it is kept. Version 0: nothing has been saved yet."""

    tenant_id: TenantId
    run_id: RunId
    version: int
    state: RunState
    known: Run
    created_at: datetime
    updated_at: datetime


async def lock(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> Stored:
    """The run, begun if need be, locked until the transaction ends: so its facts are told in order."""
    await tx.execute(sql["begin"], tenant_id, run_id)
    found = await tx.fetch_one(Stored, sql["lock"], tenant_id, run_id)
    if found is None:
        raise RunChangedMeanwhile(run_id)
    return found


async def save(tx: Transaction, stored: Stored, known: Run, state: RunState) -> None:
    """Keep what is known now; RunChangedMeanwhile where it was not made from the newest version."""
    saved = await tx.execute(
        sql["save"], stored.tenant_id, stored.run_id, stored.version, state, _KNOWN.dump_python(known, mode="json")
    )
    if not saved:
        raise RunChangedMeanwhile(stored.run_id)


async def open_runs(tx: Transaction, tenant_id: TenantId) -> list[RunId]:
    """Runs that still wait for something."""
    return [RunId(run) for run in await tx.column(sql["open_runs"], tenant_id)]


async def first_brought_by(
    tx: Transaction, tenant_id: TenantId, document_id: DocumentId, version: int, run_id: RunId
) -> RunId:
    """The run that brought this version of a document first."""
    return RunId(await tx.value(sql["first_brought_by"], tenant_id, document_id, version, run_id))


async def brought_earlier(
    tx: Transaction, tenant_id: TenantId, document_id: DocumentId, version: int, run_id: RunId
) -> list[RunId]:
    """Other runs that brought an earlier version of this document."""
    found = await tx.column(sql["brought_earlier"], tenant_id, document_id, version, run_id)
    return [RunId(earlier) for earlier in found]


async def runs(tx: Transaction, tenant_id: TenantId, before: str, size: int) -> list[Stored]:
    """One page, newest first."""
    return await tx.fetch(Stored, sql["runs"], tenant_id, before, size)


async def run(tx: Transaction, tenant_id: TenantId, run_id: str) -> Stored | None:
    """One of them."""
    return await tx.fetch_one(Stored, sql["run"], tenant_id, run_id)
