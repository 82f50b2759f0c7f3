"""A right that ConnectWise refuses (403): its lane waits alone, unless the role lacks the right altogether (R14)."""

from collections.abc import Sequence

from contracts import topics
from contracts.events import CommandKind, Finding, SetupChecked, SyncCommand
from contracts.values import TenantId
from delivery import Operation, Scope, lift, pause, pauses
from delivery.queue import PERSON, Pause
from messaging import Fact, outbox
from storage import Transaction
from tenancy import OTHER_SITE

FEATURE = "additions"
SETUP = "setup"
# What pauses a lane without having to do with rights.
_OTHER = frozenset({PERSON, "not_found", OTHER_SITE})


async def refused(tx: Transaction, operation: Operation, scope: Scope, code: str) -> None:
    """Have the setup checked again, which knows each right by its name; the lane is paused already."""
    if scope is not Scope.LANE or code in _OTHER:
        return
    asked = SyncCommand(run_id=operation.run_id, command=CommandKind.CHECK_SETUP, requested_by="invoice-push")
    entity = operation.run_id or SETUP
    await outbox.add(tx, topics.SYNC_COMMANDS, [Fact(operation.tenant_id, entity, asked, operation.run_id)])


async def judged(tx: Transaction, tenant_id: TenantId, checked: SetupChecked) -> None:
    """Pause the whole tenant with the missing right where the check has found it, and end that when it is there."""
    paused = await pauses(tx, tenant_id)
    if FEATURE in checked.features:
        if any(one.scope is Scope.TENANT and one.code == SETUP for one in paused):
            await lift(tx, tenant_id, Scope.TENANT)
        return
    missing = [finding for finding in checked.findings if finding.state == "failed" and finding.severity == "required"]
    if missing and any(_is_of_rights(one) for one in paused):
        await pause(tx, tenant_id, Scope.TENANT, "", SETUP, _said(missing))


def _is_of_rights(one: Pause) -> bool:
    return one.scope is Scope.LANE and one.code not in _OTHER


def _said(missing: Sequence[Finding]) -> str:
    return "; ".join(f"{one.title}: {one.detail}" if one.detail else one.title for one in missing)[:2000]
