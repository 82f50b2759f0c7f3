"""Kafka in: a connection that is new, changed, switched off or gone; and a right that was refused to a writer."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts import topics
from contracts.envelope import Event
from contracts.events import CommandKind, ConnectionChanged, SyncCommand
from contracts.topics import Topic
from messaging import Handler
from setup_validation import checking
from storage import Transaction


async def connections_changed(tx: Transaction, events: Sequence[Event[ConnectionChanged]]) -> None:
    """Queue a check for each tenant, or withdraw what was said of a connection that is no more (R1, R6)."""
    for tenant_id in sorted({event.tenant_id for event in events}):
        await checking.connection_changed(tx, tenant_id)


async def commanded(tx: Transaction, events: Sequence[Event[SyncCommand]]) -> None:
    """Check again where ConnectWise refused a right: whether the role lacks it, or one agreement only (R14)."""
    for tenant_id in sorted({event.tenant_id for event in events if event.data.command is CommandKind.CHECK_SETUP}):
        await checking.ask(tx, tenant_id)


HANDLERS: Mapping[Topic[Any], Handler] = {
    topics.CONNECTIONS: connections_changed,
    topics.SYNC_COMMANDS: commanded,
}
