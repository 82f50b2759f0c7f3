"""The work of the service: facts change runs, changed runs are told, and commands follow."""

from collections import defaultdict
from collections.abc import Sequence

import structlog

from contracts import topics
from contracts.events import CommandKind, RunStep, SetupChecked, SyncCommand, SyncRun, SyncStep
from contracts.values import NO_RUN, RunId, TenantId
from messaging import Fact, copies, outbox
from storage import Transaction
from sync_workflow import store
from sync_workflow.domain import run as domain
from sync_workflow.domain import view
from sync_workflow.domain.run import Report, Run, StepName, StepState
from sync_workflow.store import Stored

log = structlog.get_logger()

_SETUP = {"ready": StepState.DONE, "not_ready": StepState.BLOCKED, "unknown": StepState.WAITING}


async def learn(tx: Transaction, facts: Sequence[tuple[TenantId, RunId, domain.Fact]]) -> None:
    """Add facts to their runs, in order; a run begins with its first fact."""
    by_run: dict[tuple[TenantId, RunId], list[domain.Fact]] = defaultdict(list)
    for tenant_id, run_id, fact in facts:
        if run_id != NO_RUN:
            by_run[tenant_id, run_id].append(fact)
    # Sorted, so that two batches about the same runs wait for each other instead of deadlocking.
    for tenant_id, run_id in sorted(by_run):
        stored = await store.lock(tx, tenant_id, run_id)
        begun = await _setup_now(tx, tenant_id) if stored.version == 0 else ()
        await advance(tx, stored, (*begun, *by_run[tenant_id, run_id]))


async def advance(tx: Transaction, stored: Stored, facts: Sequence[domain.Fact]) -> Run:
    """What is known of a locked run after these facts; saved and told where it differs."""
    known, commands = stored.known, list[domain.Command]()
    for fact in facts:
        known, following = domain.decide(known, fact)
        commands.extend(following)
    if known != stored.known or stored.version == 0:
        await store.save(tx, stored, known, view.state(known))
    if stored.version == 0 or _told(stored.run_id, known) != _told(stored.run_id, stored.known):
        told = Fact(stored.tenant_id, stored.run_id, _told(stored.run_id, known), stored.run_id)
        await outbox.add(tx, topics.SYNC_RUNS, [told])
    for command in commands:
        order = SyncCommand(run_id=stored.run_id, command=CommandKind(command.order), requested_by=command.by)
        await outbox.add(tx, topics.SYNC_COMMANDS, [Fact(stored.tenant_id, stored.run_id, order, stored.run_id)])
        log.info("runs.commanded", tenant=stored.tenant_id, run=stored.run_id, command=command.order)
    return known


def setup_report(checked: SetupChecked) -> Report:
    """What a setup check says of a run's setup step."""
    failed = [finding.title for finding in checked.findings if finding.state == "failed"]
    return Report(
        version=int(checked.checked_at.timestamp() * 1_000_000),
        step=StepName.SETUP,
        state=_SETUP[checked.status],
        done=sum(finding.state == "passed" for finding in checked.findings),
        total=len(checked.findings),
        message="ready" if checked.status == "ready" else "; ".join(failed[:3]) or "not checked",
    )


async def _setup_now(tx: Transaction, tenant_id: TenantId) -> tuple[domain.Fact, ...]:
    checked = await copies.one(tx, topics.SETUP, tenant_id, tenant_id)
    return () if checked is None or checked.removed else (setup_report(checked),)


def _told(run_id: RunId, known: Run) -> SyncRun:
    return SyncRun(
        run_id=run_id,
        state=view.state(known).value,
        steps=tuple(
            SyncStep(
                run_id=run_id,
                step=RunStep(step.step),
                state=step.state.value,
                done=step.done,
                total=step.total,
                counts=step.counts,
                message=step.message,
            )
            for step in view.steps(known)
        ),
    )
