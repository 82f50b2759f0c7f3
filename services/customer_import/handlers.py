"""Kafka in: customers of a source remembered, and the site read again when it may have become readable."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts import topics
from contracts.envelope import Event
from contracts.events import ConnectionChanged, CustomerChanged, SetupChecked
from contracts.topics import Topic
from customer_import import reading, store
from delivery import lift
from messaging import Handler
from storage import Transaction


async def customers_changed(tx: Transaction, events: Sequence[Event[CustomerChanged]]) -> None:
    """Remember whom a source bills: only they can be mapped (R94)."""
    await store.save_customers(tx, [(event.tenant_id, event.data) for event in events])


async def connections_changed(tx: Transaction, events: Sequence[Event[ConnectionChanged]]) -> None:
    """A new key may be a better one: what a 401 had paused goes on, and stops again where it is not."""
    for tenant_id in sorted({event.tenant_id for event in events}):
        await lift(tx, tenant_id)


async def setup_checked(tx: Transaction, events: Sequence[Event[SetupChecked]]) -> None:
    """Read companies and agreements where the setup has just said that it may be done: at first, and every day."""
    for event in sorted(events, key=lambda event: event.tenant_id):
        if reading.FEATURE in event.data.features and not event.data.removed:
            await lift(tx, event.tenant_id)
            await reading.ask(tx, event.tenant_id)


HANDLERS: Mapping[Topic[Any], Handler] = {
    topics.CUSTOMERS: customers_changed,
    topics.CONNECTIONS: connections_changed,
    topics.SETUP: setup_checked,
}
