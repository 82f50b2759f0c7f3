"""The one registry of topics: name, fact, key, partitions, retention. Everything else is generated from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from contracts import events
from contracts.envelope import Data, Event

DataT_co = TypeVar("DataT_co", bound=Data, covariant=True)

# Twelve partitions: the most members a group of ours has, with room; a change re-keys, so it is chosen once.
PARTITIONS = 12
DEAD_LETTERS_KEPT = timedelta(days=30)
FACTS_KEPT = timedelta(days=14)
COMPACTION_LAG = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Topic(Generic[DataT_co]):
    """A topic and the one kind of fact it carries. `key` says in words what its record key names."""

    name: str
    data: type[DataT_co]
    key: str
    producer: str
    compacted: bool = False
    partitions: int = PARTITIONS
    retention: timedelta | None = FACTS_KEPT

    @property
    def type(self) -> str:
        """The event type: the topic's name without its major version."""
        return self.name.rpartition(".v")[0]

    @property
    def version(self) -> int:
        """The major version its name ends with."""
        return int(self.name.rpartition(".v")[2])

    def configs(self) -> dict[str, str]:
        """The broker's settings for it."""
        if self.compacted:
            lag = str(int(COMPACTION_LAG.total_seconds() * 1000))
            return {"cleanup.policy": "compact", "max.compaction.lag.ms": lag}
        if self.retention is None:
            return {"cleanup.policy": "delete", "retention.ms": "-1"}
        return {"cleanup.policy": "delete", "retention.ms": str(int(self.retention.total_seconds() * 1000))}

    def decode(self, value: bytes) -> Event[DataT_co]:
        """The event in a record's value; pydantic's ValidationError where it is none, or not of this topic."""
        event = Event[self.data].model_validate_json(value)  # type: ignore[name-defined]
        if (event.type, event.version) != (self.type, self.version):
            raise UnknownEventError(self.name, event.type, event.version)
        return event


class UnknownEventError(ValueError):
    """A record whose type or version is not the topic's own."""

    def __init__(self, topic: str, kind: str, version: int) -> None:
        super().__init__(f"topic {topic} carries no event {kind!r} of version {version}")


CONNECTIONS = Topic(
    "config.connections.v1", events.ConnectionChanged, "tenant:connection", "console", compacted=True, retention=None
)
PROGRAMS = Topic(
    "config.programs.v1", events.ProgramChanged, "tenant:program", "console", compacted=True, retention=None
)
CUSTOMERS = Topic(
    "billing.customers.v1",
    events.CustomerChanged,
    "tenant:customer key",
    "billing_intake",
    compacted=True,
    retention=None,
)
PRODUCTS = Topic(
    "billing.products.v1", events.ProductChanged, "tenant:product key", "billing_intake", compacted=True, retention=None
)
INVOICE_LINES = Topic("billing.invoice-lines.v1", events.InvoiceLineReceived, "tenant:customer key", "billing_intake")
INVOICE_SEALED = Topic("billing.invoice-sealed.v1", events.InvoiceSealed, "tenant:document", "billing_intake")
USAGE_COUNTS = Topic("billing.usage-counts.v1", events.UsageCounted, "tenant:customer key", "billing_intake")
SETUP = Topic("psa.setup.v1", events.SetupChecked, "tenant", "setup_validation", compacted=True, retention=None)
COMPANIES = Topic(
    "psa.companies.v1", events.CompanyChanged, "tenant:company", "customer_import", compacted=True, retention=None
)
AGREEMENTS = Topic(
    "psa.agreements.v1", events.AgreementChanged, "tenant:agreement", "customer_import", compacted=True, retention=None
)
CUSTOMER_MAPPINGS = Topic(
    "psa.customer-mappings.v1",
    events.MappingChanged,
    "tenant:mapping",
    "customer_import",
    compacted=True,
    retention=None,
)
CATALOG_ITEMS = Topic(
    "psa.catalog-items.v1",
    events.CatalogItemLinked,
    "tenant:product key",
    "catalog_sync",
    compacted=True,
    retention=None,
)
ADDITIONS = Topic("psa.additions.v1", events.AdditionSettled, "tenant:agreement", "invoice_push")
SYNC_COMMANDS = Topic("sync.commands.v1", events.SyncCommand, "tenant:run", "sync_workflow, invoice_push")
SYNC_STEPS = Topic("sync.steps.v1", events.SyncStep, "tenant:run", "every service that works for a run")
SYNC_RUNS = Topic("sync.runs.v1", events.SyncRun, "tenant:run", "sync_workflow")


def dead_letters(service: str) -> Topic[events.DeadLettered]:
    """The topic on which a service says what it could not handle."""
    return Topic(f"{service}.dead-letters.v1", events.DeadLettered, "tenant", service, retention=DEAD_LETTERS_KEPT)


CONSUMING = (
    "billing-intake",
    "catalog-sync",
    "console",
    "customer-import",
    "invoice-push",
    "setup-validation",
    "sync-workflow",
)

ALL: tuple[Topic[Data], ...] = (
    CONNECTIONS,
    PROGRAMS,
    CUSTOMERS,
    PRODUCTS,
    INVOICE_LINES,
    INVOICE_SEALED,
    USAGE_COUNTS,
    SETUP,
    COMPANIES,
    AGREEMENTS,
    CUSTOMER_MAPPINGS,
    CATALOG_ITEMS,
    ADDITIONS,
    SYNC_COMMANDS,
    SYNC_STEPS,
    SYNC_RUNS,
    *(dead_letters(service) for service in CONSUMING),
)

BY_NAME: Mapping[str, Topic[Data]] = {topic.name: topic for topic in ALL}
