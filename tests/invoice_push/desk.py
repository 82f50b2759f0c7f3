"""The service on a real database and a simulated ConnectWise; facts come in through its own consumers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import asyncpg

from connectwise import ConnectWise
from contracts import topics
from contracts.envelope import Data
from contracts.events import (
    AdditionSettled,
    CommandKind,
    ConnectionChanged,
    InvoiceLineReceived,
    MappingChanged,
    SyncCommand,
    SyncStep,
)
from contracts.topics import Topic
from contracts.values import NO_RUN, Motion, RunId, TenantId
from delivery import Delivery, Pace, Scope, pause, pauses, resume
from devstack import provision
from invoice_push import corrections, readings, reconciling, store
from invoice_push.corrections import Correction
from invoice_push.domain.proof import Bridge
from invoice_push.handlers import HANDLERS
from invoice_push.lines import Line
from invoice_push.proving import proof
from invoice_push.pusher import Additions
from invoice_push.resolver import Resolver
from messaging import Consumer
from storage import Database
from tenancy import Sites
from tests.factories import facts
from tests.factories.grounds import until
from tests.factories.site import Site

# Scaled down together; the simulator in this process answers in milliseconds.
PACE = Pace(
    validity=1.0, deadline=1.0, late_apply=0.1, list_lag=0.0, tick=0.05, gate_wait=0.05, void_wait=0.05, defect_wait=0.2
)
COPIES = (
    topics.CONNECTIONS,
    topics.PROGRAMS,
    topics.SETUP,
    topics.CUSTOMER_MAPPINGS,
    topics.AGREEMENTS,
    topics.CATALOG_ITEMS,
)
STATES = ("pending", "in_flight", "ambiguous")
PATIENCE = 20.0


@dataclass
class Desk:
    """One tenant with one site."""

    urls: provision.Database
    db: Database
    tenant: TenantId
    site: Site
    consumers: dict[str, Consumer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for topic in dict.fromkeys((*COPIES, *HANDLERS)):
            handler = HANDLERS.get(topic)
            self.consumers[topic.name] = Consumer(self.db, "invoice-push", topic, handler, copy=topic in COPIES)
        self.resolver = Resolver(self.db)

    async def tell(self, topic: Topic[Any], *told: tuple[str, Data]) -> None:
        """Facts from another service, in one batch."""
        await self.consumers[topic.name].handle([facts.record(topic, self.tenant, *one) for one in told])
        async with self.db.all_tenants() as tx:
            assert not await tx.column("select reason from dead_letter where tenant_id = $1", self.tenant)

    async def connected(self, **changes: Any) -> None:
        """The tenant has a connection and setup allows additions."""
        fact = facts.connection(self.tenant, self.site.site_id, self.site.url, self.site.company, **changes)
        await self.tell(topics.CONNECTIONS, (fact.connection_id, fact))
        await self.tell(topics.SETUP, (self.tenant, facts.setup()))

    async def furnished(self) -> None:
        """Everything a line needs to be ready."""
        await self.connected()
        await self.tell(topics.PROGRAMS, ("program-1", facts.program()))
        await self.agreement()
        await self.mapped()
        await self.tell(topics.CATALOG_ITEMS, (facts.PRODUCT, facts.item()))

    async def agreement(self, agreement_id: int = 1, **changes: Any) -> None:
        """customer_import says how an agreement stands."""
        await self.tell(topics.AGREEMENTS, (str(agreement_id), facts.agreement(agreement_id, **changes)))

    async def mapped(self, motion: Motion = Motion.SEAT_MONTHLY, agreement_id: int = 1, **changes: Any) -> None:
        """Somebody has mapped the customer."""
        fact: MappingChanged = facts.mapping(motion, agreement_id, **changes)
        await self.tell(topics.CUSTOMER_MAPPINGS, (fact.mapping_id, fact))

    async def billed(self, *lines: InvoiceLineReceived, **seal: Any) -> None:
        """A document comes with these lines; what they become is decided."""
        await self.tell(topics.INVOICE_LINES, *((line.customer_key, line) for line in lines))
        whole = facts.sealed(lines, **seal)
        await self.tell(topics.INVOICE_SEALED, (whole.document_id, whole))
        await self.resolve()

    async def resolve(self) -> None:
        """One look at everything that is due, and what is said of it."""
        while await self.resolver.resolve_due():
            pass
        await self.resolver.report_due()

    async def command(self, command: CommandKind, run: RunId = facts.RUN) -> None:
        """Somebody asks something of the run."""
        await self.tell(
            topics.SYNC_COMMANDS, (run, SyncCommand(run_id=run, command=command, requested_by="finance@example.org"))
        )

    async def approved(self, run: RunId = facts.RUN) -> None:
        """Somebody approves the run."""
        await self.command(CommandKind.APPROVE, run)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Pools of another process."""
        db = Database(self.urls.app, self.urls.all_tenants, connections=4)
        await db.open()
        try:
            yield db
        finally:
            await db.close()

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator["Worker"]:
        """A worker with clients and pools of its own."""
        async with self.database() as db:
            sites = Clients(db, facts.KEYRING, calls_per_minute=100_000, deadline=1.0, allow_loopback=True)
            worker = Worker(Delivery(db, Additions(db, sites), pace=PACE))
            try:
                yield worker
            finally:
                await worker.stop()
                for client in sites.made:
                    await client.aclose()

    async def delivered(self) -> None:
        """Everything that is queued has ended."""
        async with self.delivering():
            await until(self.is_settled)
        await self.resolve()

    async def pushed(self, run: RunId = facts.RUN) -> None:
        """Approved and delivered."""
        await self.approved(run)
        await self.delivered()

    async def retried(self, run: RunId = facts.RUN) -> None:
        """Somebody has the run's failed lines looked at again."""
        async with self.db.transaction([self.tenant]) as tx:
            await store.retry(tx, self.tenant, run)
            await corrections.retry(tx, self.tenant, run)
            await store.ask_resolution(tx, [self.tenant])
        await self.resolve()

    async def withdrawn(
        self, *gone: InvoiceLineReceived, keeps: Sequence[InvoiceLineReceived] = (), **seal: Any
    ) -> None:
        """A version of the document comes that no longer has these lines; what follows is decided."""
        whole = facts.sealed([*gone, *keeps], removed_identities=tuple(line.identity for line in gone), **seal)
        whole = whole.model_copy(update={"lines": len(keeps), "cost_total": total(keeps)})
        await self.tell(topics.INVOICE_SEALED, (whole.document_id, whole))
        await self.resolve()

    async def credits_allowed(self, run: RunId) -> int:
        """Somebody lets what of the run is below zero be billed."""
        async with self.db.transaction([self.tenant]) as tx:
            return await corrections.allow(tx, self.tenant, run, "finance@example.org")

    async def corrections(self) -> list[Correction]:
        """All corrections in the order in which they came."""
        async with self.db.transaction([self.tenant]) as tx:
            return await corrections.page(tx, 0, "", "", 100_000)

    async def coverage(self) -> dict[str, Decimal]:
        """What stands for the lines, in cost, by component."""
        async with self.db.transaction([self.tenant]) as tx:
            names = await tx.column("select component from coverage where released_at is null order by 1")
            costs = await tx.column("select cost from coverage where released_at is null order by component")
        return dict(zip(names, costs, strict=True))

    async def paused(self) -> None:
        """Somebody stops everything."""
        async with self.db.transaction([self.tenant]) as tx:
            await pause(tx, self.tenant, Scope.TENANT, "", "person", "month end")

    async def resumed(self) -> None:
        """Somebody lets everything go on."""
        async with self.db.transaction([self.tenant]) as tx:
            await resume(tx, self.tenant)

    async def read_back(self, run: RunId = facts.RUN) -> list[readings.Reconciliation]:
        """ConnectWise is read back and compared."""
        await self.command(CommandKind.RECONCILE, run)
        await self.delivered()
        async with self.db.transaction([self.tenant]) as tx:
            return await readings.reconciliations(tx, run, 0, 1000)

    async def read_all(self) -> list[readings.Reconciliation]:
        """All that was ever written is read back and compared."""
        async with self.db.transaction([self.tenant]) as tx:
            assert await reconciling.ask(tx, self.tenant)
        await self.delivered()
        async with self.db.transaction([self.tenant]) as tx:
            return await readings.reconciliations(tx, "", 0, 1000)

    async def is_settled(self) -> bool:
        """Nothing is on its way."""
        states = await self.operations()
        return not any(states.get(state) for state in STATES)

    async def is_owned(self) -> bool:
        """A worker has taken the site."""
        async with self.db.all_tenants() as tx:
            return bool(await tx.value("select true from site_owner where site_id = $1", self.site.site_id))

    async def operations(self) -> dict[str, int]:
        """How many operations are in which state."""
        async with self.db.transaction([self.tenant]) as tx:
            found = await tx.column("select state || ' ' || count(*) from operation where kind <> 'job' group by state")
            jobs = await tx.column("select 'pending' from operation where kind = 'job' and state <> 'confirmed'")
        counted = {state: int(count) for state, count in (one.split() for one in found)}
        return counted | ({"pending": counted.get("pending", 0) + len(jobs)} if jobs else {})

    async def pauses(self) -> dict[str, str]:
        """What waits for a person, by lane, and why."""
        async with self.db.transaction([self.tenant]) as tx:
            return {one.name: f"{one.code}: {one.message}" for one in await pauses(tx, self.tenant)}

    async def lines(self) -> list[Line]:
        """All lines in the order in which they came."""
        async with self.db.transaction([self.tenant]) as tx:
            return await store.lines(tx, 0, "", "", "", "", 100_000)

    async def line(self) -> Line:
        """The only one."""
        [line] = await self.lines()
        return line

    async def stands(self) -> tuple[str, str, str]:
        """State, reason and detail of the only line."""
        line = await self.line()
        return line.state, line.reason, line.detail

    async def proof(self) -> Bridge:
        """The bridge of the only document; it always adds up."""
        async with self.db.transaction([self.tenant]) as tx:
            [found] = await proof(tx, self.tenant, NO_RUN)
        assert found.unexplained == 0
        return found

    async def told(self, topic: Topic[Any]) -> list[Any]:
        """What was told on a topic, as its readers decode it."""
        async with self.db.all_tenants() as tx:
            values = await tx.column(
                "select value from outbox where tenant_id = $1 and topic = $2 order by id", self.tenant, topic.name
            )
        return [topic.decode(value).data for value in values]

    async def steps(self, step: str) -> list[SyncStep]:
        """What was told of a step, oldest first."""
        return [one for one in cast("list[SyncStep]", await self.told(topics.SYNC_STEPS)) if one.step == step]

    async def settled(self) -> list[AdditionSettled]:
        """What was told of additions."""
        return await self.told(topics.ADDITIONS)

    async def as_owner(self, statement: str) -> None:
        """What only the schema's owner may do."""
        owner = await asyncpg.connect(self.urls.owner)
        try:
            await owner.execute(statement)
        finally:
            await owner.close()


class Clients(Sites):
    """Clients that are closed with their worker, also those that a new key has replaced."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.made: list[ConnectWise] = []

    def client(self, tenant_id: TenantId, fact: ConnectionChanged) -> ConnectWise:
        """A new one, remembered."""
        self.made.append(super().client(tenant_id, fact))
        return self.made[-1]


class Worker:
    """A running `Delivery`."""

    def __init__(self, delivery: Delivery) -> None:
        self._stop = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(delivery.run(self._stop))

    async def stop(self) -> None:
        """In good order; what made it fail is raised here."""
        self._stop.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(self._task, PATIENCE)

    async def kill(self) -> None:
        """In the middle of whatever it does."""
        self._task.cancel()
        await asyncio.wait([self._task])


def total(lines: Sequence[InvoiceLineReceived]) -> Decimal:
    """What lines cost together."""
    return sum((line.cost for line in lines), Decimal(0))
