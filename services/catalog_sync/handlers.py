"""Kafka in: what products there are, who uses them, and what decides whether they need an item."""

from collections.abc import Mapping, Sequence
from typing import Any

from catalog_sync import store
from catalog_sync.items import FEATURE, LANE
from catalog_sync.store import SIGNAL
from contracts import topics
from contracts.envelope import Event
from contracts.events import (
    ConnectionChanged,
    InvoiceLineReceived,
    MappingChanged,
    ProductChanged,
    ProgramChanged,
    SetupChecked,
)
from contracts.topics import Topic
from delivery import Scope, lift
from messaging import Handler
from storage import Transaction


async def products_changed(tx: Transaction, events: Sequence[Event[ProductChanged]]) -> None:
    """Remember the products; ConnectWise is called later, by the site's owner."""
    await store.save_products(tx, [(event.tenant_id, event.data) for event in events])
    await _look_again(tx, events)


async def lines_received(tx: Transaction, events: Sequence[Event[InvoiceLineReceived]]) -> None:
    """A billed product is in use; whether its customer is mapped is asked when it is planned (R51)."""
    await store.save_uses(tx, [(event.tenant_id, event.data) for event in events])
    await _look_again(tx, events)


async def mappings_changed(tx: Transaction, events: Sequence[Event[MappingChanged]]) -> None:
    """A customer that is mapped brings its products (R51)."""
    await _look_again(tx, events)


async def programs_changed(tx: Transaction, events: Sequence[Event[ProgramChanged]]) -> None:
    """A switch or the mode decides which products are wanted (R48-R53)."""
    await _look_again(tx, events)


async def connection_changed(tx: Transaction, events: Sequence[Event[ConnectionChanged]]) -> None:
    """A new key may be a better one: what a 401 had paused goes on, and stops again where it is not."""
    for event in events:
        await lift(tx, event.tenant_id, Scope.TENANT)
    await _look_again(tx, events)


async def setup_checked(tx: Transaction, events: Sequence[Event[SetupChecked]]) -> None:
    """Whoever checks the setup has changed something: what was refused or was a question is tried again."""
    for event in events:
        if FEATURE in event.data.features:
            await lift(tx, event.tenant_id, Scope.LANE, LANE)
    await store.ask(tx, [event.tenant_id for event in events], retry=True)
    tx.signal(SIGNAL)


async def _look_again(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    await store.ask(tx, [event.tenant_id for event in events])
    tx.signal(SIGNAL)


HANDLERS: Mapping[Topic[Any], Handler] = {
    topics.PRODUCTS: products_changed,
    topics.INVOICE_LINES: lines_received,
    topics.CUSTOMER_MAPPINGS: mappings_changed,
    topics.PROGRAMS: programs_changed,
    topics.CONNECTIONS: connection_changed,
    topics.SETUP: setup_checked,
}
