"""Kafka in: lines recorded, documents sealed, commands obeyed, and another look when something they need changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts import topics
from contracts.envelope import Event
from contracts.events import (
    AgreementChanged,
    CatalogItemLinked,
    CommandKind,
    ConnectionChanged,
    InvoiceLineReceived,
    InvoiceSealed,
    MappingChanged,
    ProgramChanged,
    SetupChecked,
    SyncCommand,
)
from contracts.topics import Topic
from delivery import Scope, lift
from invoice_push import pusher, reconciling, rights, store
from invoice_push.resolver import SIGNAL
from messaging import Handler
from storage import Transaction


async def lines_received(tx: Transaction, events: Sequence[Event[InvoiceLineReceived]]) -> None:
    """Record each line once; everything slow happens later, when its site's owner delivers it."""
    await store.record(tx, [(event.tenant_id, event.data) for event in events])
    await _look_again(tx, events)


async def documents_sealed(tx: Transaction, events: Sequence[Event[InvoiceSealed]]) -> None:
    """Keep what the lines must add up to; what a version no longer has is to be accounted for."""
    for event in events:
        await store.seal(tx, event.tenant_id, event.data)
    await store.report_due(tx, {(event.tenant_id, event.data.run_id) for event in events})
    await _look_again(tx, events)


async def commanded(tx: Transaction, events: Sequence[Event[SyncCommand]]) -> None:
    """Do what a person asked of a run."""
    for event in events:
        match event.data.command:
            case CommandKind.APPROVE:
                await pusher.approve(tx, event.tenant_id, event.data)
            case CommandKind.RECONCILE:
                await reconciling.ask(tx, event.tenant_id, event.data.run_id)
            case CommandKind.CHECK_SETUP:
                pass  # setup_validation's


async def connection_changed(tx: Transaction, events: Sequence[Event[ConnectionChanged]]) -> None:
    """A new key may be a better one: what a 401 had paused goes on, and stops again where it is not."""
    for event in events:
        await lift(tx, event.tenant_id, Scope.TENANT)
    await _look_again(tx, events)


async def setup_checked(tx: Transaction, events: Sequence[Event[SetupChecked]]) -> None:
    """Whether what ConnectWise refused is missing altogether, or one agreement's affair (R14)."""
    for event in events:
        await rights.judged(tx, event.tenant_id, event.data)


async def mappings_changed(tx: Transaction, events: Sequence[Event[MappingChanged]]) -> None:
    """Lines that waited for a mapping are looked at again."""
    await _look_again(tx, events)


async def agreements_changed(tx: Transaction, events: Sequence[Event[AgreementChanged]]) -> None:
    """The next invoice date of an agreement decides the dates of what is not queued yet."""
    await _look_again(tx, events)


async def items_linked(tx: Transaction, events: Sequence[Event[CatalogItemLinked]]) -> None:
    """Lines that waited for their catalog item are looked at again."""
    await _look_again(tx, events)


async def programs_changed(tx: Transaction, events: Sequence[Event[ProgramChanged]]) -> None:
    """A price rule or a switch changes what lines become."""
    await _look_again(tx, events)


async def _look_again(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    await store.ask_resolution(tx, [event.tenant_id for event in events])
    tx.signal(SIGNAL)


HANDLERS: Mapping[Topic[Any], Handler] = {
    topics.INVOICE_LINES: lines_received,
    topics.INVOICE_SEALED: documents_sealed,
    topics.SYNC_COMMANDS: commanded,
    topics.CONNECTIONS: connection_changed,
    topics.SETUP: setup_checked,
    topics.PROGRAMS: programs_changed,
    topics.CUSTOMER_MAPPINGS: mappings_changed,
    topics.AGREEMENTS: agreements_changed,
    topics.CATALOG_ITEMS: items_linked,
}
