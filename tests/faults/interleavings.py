"""Scripted interleavings, each the one that exposes a missing protection; the same script with and without it.

Nothing here is left to chance: what has to happen first is waited for, at a named point, at the peer or in the
database. Only quarantine and late applies are times.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from connectwise import collection
from connectwise.calls import Calls
from connectwise.paging import Page, Params
from contracts.envelope import Event
from contracts.values import SiteId
from delivery import Delivery, NewOperation, Operation, Pace, Sent, State
from delivery.ledger import sql
from delivery.operations import marker, operation_key
from delivery.points import Point
from httpkit import ApiError, Outcome, outcome
from invoice_push.pusher import Additions as RealAdditions
from storage import Transaction
from tests.delivery import struck
from tests.delivery.additions import Additions, content, creation
from tests.delivery.house import House, happens, until
from tests.delivery.peer import Fault, Peer
from tests.factories import facts
from tests.factories.site import MONTHLY, PREMIUM
from tests.faults.evidence import Evidence, Made, Standing
from tests.invoice_push.desk import Clients
from tests.invoice_push.desk import Desk as Office
from tests.invoice_push.desk import Worker as Sender
from tests.messaging.desk import Desk as Mail
from tests.messaging.desk import customer, eventually, new_topic, note, record, send

PACE = Pace(
    validity=0.2, deadline=0.2, late_apply=0.3, list_lag=0.0, tick=0.02, gate_wait=0.02, void_wait=0.02, rebalance=60.0
)
LATE = 0.5
# How long is waited for what does not happen.
PATIENCE = 2.0


class Held(Pace):
    """Lets a script hold a request for as long as it needs, with the quarantine of `PACE`."""

    @property
    def quarantine(self) -> float:
        return PACE.quarantine


HELD = Held(
    validity=0.2, deadline=10.0, late_apply=0.3, list_lag=0.0, tick=0.02, gate_wait=0.02, void_wait=0.02, rebalance=60.0
)


@dataclass
class Stage:
    """Where an interleaving is played; each uses what it needs."""

    house: House
    peer: Peer
    office: Office
    mail: Mail
    patch: pytest.MonkeyPatch
    _lines: dict[str, NewOperation] = field(default_factory=dict)

    async def accept(self, *operations: NewOperation) -> None:
        """Lines come, each with its operation."""
        await self.house.queue(operations)
        self._lines |= {operation.key: operation for operation in operations}

    def creation(self, number: int = 1, **more: Any) -> NewOperation:
        return creation(self.house.tenant, self.house.site, number, **more)

    async def ends(self) -> Evidence:
        """What is left when all is settled, or when nothing more happens; what is in doubt at the peer is applied."""
        try:
            async with asyncio.timeout(PATIENCE):
                await until(self.house.is_settled)
        except TimeoutError:
            pass  # the judge says so
        await self.peer.idle()
        records = {one.remote_id: (one.lane, one.content) for one in await self.peer.records("")}
        async with self.house.db.transaction([self.house.tenant]) as tx:
            standing = await tx.fetch(_Row, "select operation_key as key, state, remote_id from operation")
        line = {key: _line(operation) for key, operation in self._lines.items()}
        return Evidence(
            accepted={_line(one): (one.lane, one.body["content"]) for one in self._lines.values()},
            made=[Made(line[done.write.key], done.remote_id) for done in self.peer.history],
            standing=[Standing(line[row.key], row.state, row.remote_id) for row in standing],
            records=records,
        )


def _line(operation: NewOperation) -> str:
    [part] = operation.coverage
    return f"{part.identity}/{part.component}"


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    state: State
    remote_id: int | None


# One sender, and what the network does.


async def the_answer_is_lost(stage: Stage) -> Evidence:
    stage.peer.script(stage.creation().key, Fault.LOST_AFTER)
    await stage.accept(stage.creation())
    async with stage.house.worker(Additions(stage.peer), pace=PACE):
        return await stage.ends()


async def it_is_applied_late(stage: Stage) -> Evidence:
    """The answer is lost first; a read at once would find nothing."""
    stage.peer.late = LATE
    stage.peer.script(stage.creation().key, Fault.LATE)
    await stage.accept(stage.creation())
    async with stage.house.worker(Additions(stage.peer), pace=PACE):
        return await stage.ends()


async def a_connect_timeout_and_applied_all_the_same(stage: Stage) -> Evidence:
    """The same, and the HTTP client says that it could not connect."""

    class Deceived(Additions):
        async def send(self, operation: Operation) -> Sent:
            try:
                return await super().send(operation)
            except ApiError as error:
                said = outcome.classify(aiohttp.ConnectionTimeoutError())
                raise ApiError(said, "connect_timeout", error.message, retry_after=0.01) from error

    stage.peer.late = LATE
    stage.peer.script(stage.creation().key, Fault.LATE)
    await stage.accept(stage.creation())
    async with stage.house.worker(Deceived(stage.peer), pace=PACE):
        return await stage.ends()


async def our_record_was_edited_before_the_database_was_restored(stage: Stage) -> Evidence:
    """The line was written, somebody changed its amount, and a backup from before all that was restored."""
    operation = stage.creation()
    stage.peer.put(operation.lane, marker(operation.site_id, operation.key), content(1, "11.00"))
    await stage.accept(operation)
    async with stage.house.worker(Additions(stage.peer), pace=PACE):
        return await stage.ends()


# A sender that dies, sleeps or is replaced.


async def it_dies_after_the_bytes_left(stage: Stage) -> Evidence:
    await stage.accept(stage.creation())
    return await _killed(stage, Point.AFTER_BYTES_SENT)


async def it_dies_after_the_bytes_left_and_they_are_applied_late(stage: Stage) -> Evidence:
    stage.peer.late = LATE
    stage.peer.script(stage.creation().key, Fault.LATE)
    await stage.accept(stage.creation())
    return await _killed(stage, Point.AFTER_BYTES_SENT)


async def _killed(stage: Stage, point: Point) -> Evidence:
    with struck.standing_still_at(point) as blow:
        async with blow.victim(stage.house, Additions(stage.peer), PACE) as victim:
            await blow.landed()
            await victim.kill()
    async with stage.house.worker(Additions(stage.peer), pace=PACE):
        return await stage.ends()


async def it_sleeps_between_claim_and_send_and_is_replaced(stage: Stage) -> Evidence:
    await stage.accept(stage.creation())
    with struck.standing_still_at(Point.AFTER_CLAIM) as blow:
        async with blow.victim(stage.house, Additions(stage.peer), PACE) as sleeper:
            await blow.landed()
            session = sleeper.db.owner
            await _loses_its_lock(stage, sleeper)
            async with stage.house.worker(Additions(stage.peer), pace=PACE):
                await stage.house.holds(confirmed=1)
                blow.goes_on.set()
                await happens(lambda: session.closed)
                await sleeper.kill()
                return await stage.ends()


async def its_claim_comes_after_its_successor_has_sent(stage: Stage) -> Evidence:
    """It has read that nothing is there; its successor reads the same and sends; then it claims what it has read."""
    stage.peer.late = LATE
    stage.peer.script(stage.creation().key, Fault.LOST_BEFORE, Fault.LATE)
    await stage.accept(stage.creation())
    async with stage.house.worker(Additions(stage.peer), pace=PACE):
        await stage.house.holds(ambiguous=1)
    with struck.standing_still_at(Point.BEFORE_CLAIM) as blow:
        async with blow.victim(stage.house, Additions(stage.peer), PACE) as old:
            await blow.landed()
            session = old.db.owner
            await _loses_its_lock(stage, old)
            async with stage.house.worker(Additions(stage.peer), pace=PACE):
                await happens(lambda: len(stage.peer.asked) == 2)
                await stage.house.holds(ambiguous=1)
                blow.goes_on.set()
                await happens(lambda: session.closed)
                await old.kill()
                return await stage.ends()


async def its_result_falls_into_its_successors_send(stage: Stage) -> Evidence:
    """Its late "not sent" comes while its successor's request is under way, whose answer is lost."""
    operation = stage.creation()
    sending, answer = asyncio.Event(), asyncio.Event()

    class Stalled(Additions):
        async def send(self, operation: Operation) -> Sent:
            sending.set()
            await answer.wait()
            self.gated[operation.tenant_id] = "its part is played"
            raise ApiError(Outcome.NOT_SENT, "no_connection", "it never left", retry_after=0.01)

    stage.peer.late = LATE
    stage.peer.script(operation.key, Fault.LATE)
    stage.peer.held[operation.key] = asyncio.Event()
    await stage.accept(operation)
    async with stage.house.worker(Stalled(stage.peer), pace=HELD) as old:
        await sending.wait()
        session = old.db.owner
        await _loses_its_lock(stage, old)
        async with stage.house.worker(Additions(stage.peer), pace=HELD):
            await happens(lambda: len(stage.peer.asked) == 1)
            answer.set()

            async def is_over() -> bool:
                return session.closed or await stage.house.state(operation.key) == "pending"

            await until(is_over)
            stage.peer.held[operation.key].set()
            await old.kill()
            return await stage.ends()


async def it_is_stopped_at_the_socket_with_another_replica_there(stage: Stage) -> Evidence:
    """It sleeps longer than any lease; whether it is replaced meanwhile is the lock's to say."""
    first = stage.creation()
    elsewhere = SiteId(f"{stage.house.site}-b")  # what the other replica does shows that it has looked
    second = creation(stage.house.tenant, elsewhere, 2)
    awake = asyncio.Event()

    class Sleeper(Additions):
        async def send(self, operation: Operation) -> Sent:
            try:
                return await super().send(operation)
            finally:
                awake.set()

    await stage.accept(first)
    with struck.standing_still_at(Point.BEFORE_SEND) as blow:
        async with blow.victim(stage.house, Sleeper(stage.peer), HELD) as sleeper:
            await blow.landed()
            epoch = await _epoch(stage, stage.house.site)
            async with stage.house.worker(Additions(stage.peer), pace=HELD):
                await until(lambda: _replicas(stage, 2))
                await stage.accept(second)

                async def has_looked() -> bool:
                    taken = await _epoch(stage, elsewhere) is not None
                    return taken or await _epoch(stage, stage.house.site) != epoch

                await until(has_looked)
                if await _epoch(stage, stage.house.site) != epoch:
                    await happens(lambda: stage.peer.effects[first.key] == 1)
                blow.goes_on.set()
                await awake.wait()
                await until(lambda: _is_confirmed(stage, first))
                await sleeper.kill()
                return await stage.ends()


async def _loses_its_lock(stage: Stage, worker: Any) -> None:
    """What a connection pooler does that resets sessions: the lock is gone, the session is not."""
    await worker.db.owner.unlock(f"delivery.{stage.house.site}")


async def _epoch(stage: Stage, site: SiteId) -> object:
    async with stage.house.db.all_tenants() as tx:
        return await tx.value("select epoch from site_owner where site_id = $1", site)


async def _replicas(stage: Stage, expected: int) -> bool:
    async with stage.house.db.all_tenants() as tx:
        return bool(await tx.value(sql["replicas"]) == expected)


async def _is_confirmed(stage: Stage, operation: NewOperation) -> bool:
    return await stage.house.state(operation.key) == State.CONFIRMED


# What is queued, and what is read.


async def two_people_import_one_file_in_different_groups(stage: Stage) -> Evidence:
    await stage.accept(stage.creation(1, key=operation_key("by line", 1)))
    await stage.accept(stage.creation(1, key=operation_key("by product", 1)))
    async with stage.house.worker(Additions(stage.peer), pace=PACE):
        return await stage.ends()


async def a_record_is_deleted_between_two_pages(stage: Stage) -> Evidence:
    """The real effect at the simulated ConnectWise: an answer is lost, and a person deletes while it is looked for."""
    office, pages = stage.office, vars(collection)["forward_pages"]  # the mutant's, where there is one
    await office.furnished()
    theirs = [
        await office.site.add(
            MONTHLY, product={"id": PREMIUM}, quantity=1, billCustomer="Billable", effectiveDate="2026-12-01T00:00:00Z"
        )
        for _ in range(2)
    ]
    await office.site.fault("reset_after", method="POST", path="additions", nth=1)

    async def interrupted(calls: Calls, path: str, params: Params, **how: Any) -> AsyncIterator[Page]:
        read = 0
        async for page in pages(calls, path, params, **how):
            yield page
            read += 1
            if _ours(office) and read == len(theirs):
                await office.site.delete(MONTHLY, theirs.pop(0))

    stage.patch.setattr(collection, "forward_pages", interrupted)
    await office.billed(facts.billed(1))
    await office.approved()
    async with _sending(office):
        await until(office.is_settled)
    await office.resolve()
    line = await office.line()
    return Evidence(
        accepted={line.identity: (line.agreement_id, line.source_cost)},
        made=[Made(line.identity, one["id"]) for one in _ours(office)],
        standing=[Standing(line.identity, await _state(office), line.addition_id)],
        records={one["id"]: (one["agreementId"], Decimal(one["extCost"])) for one in office.site.additions()},
    )


def _ours(office: Office) -> list[Any]:
    made = [one.after for one in office.site.effects() if one.before is None]
    return [one for one in made if one.get("serialNumber")]


async def _state(office: Office) -> State:
    async with office.db.transaction([office.tenant]) as tx:
        return State(await tx.value("select state from operation"))


@asynccontextmanager
async def _sending(office: Office) -> AsyncIterator[None]:
    """A worker that asks for pages of one record."""
    pace = Pace(validity=0.3, deadline=0.5, late_apply=0.05, list_lag=0.0, tick=0.02, gate_wait=0.02, void_wait=0.02)

    class OneByOne(Clients):
        def client(self, *args: Any) -> Any:
            made = super().client(*args)
            made._page_size = 1
            return made

    async with office.database() as db:
        sites = OneByOne(db, facts.KEYRING, calls_per_minute=100_000, deadline=0.5, allow_loopback=True)
        worker = Sender(Delivery(db, RealAdditions(db, sites), pace=pace))
        try:
            yield
        finally:
            await worker.stop()
            for client in sites.made:
                await client.aclose()


# What comes from Kafka.


async def a_handler_fails_once(stage: Stage) -> Evidence:
    mail, tenant, topic = stage.mail, stage.house.tenant, await new_topic(stage.mail.kafka)
    failed = asyncio.Event()

    async def fails_once(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        if not failed.is_set():
            failed.set()
            raise ConnectionError("the database is away")
        await note(tx, events)

    async with mail.reading(mail.consumer(topic, fails_once)):
        await send(mail.kafka, topic, record(topic, tenant, name="A"))
        await failed.wait()
        await send(mail.kafka, topic, record(topic, tenant, name="B"))
        return await _noted(mail, "A", "B")


async def the_database_is_restored_and_kafka_is_not(stage: Stage) -> Evidence:
    mail, tenant, topic = stage.mail, stage.house.tenant, await new_topic(stage.mail.kafka)
    group = f"g-{tenant}"
    await send(mail.kafka, topic, *(record(topic, tenant, name=name) for name in "ABC"))
    async with mail.reading(mail.consumer(topic), group=group):
        await mail.noted_are("A", "B", "C")
    async with mail.db.all_tenants() as tx:
        await tx.execute("delete from inbox")
        await tx.execute("delete from noted where said <> 'A'")
        await tx.execute("update consumed_offset set next_offset = 1")
    await send(mail.kafka, topic, record(topic, tenant, name="D"))
    async with mail.reading(mail.consumer(topic), group=group):
        return await _noted(mail, "A", "B", "C", "D")


async def _noted(mail: Mail, *accepted: str) -> Evidence:
    """What the handler noted, once the last of them is there: they are in one partition, so no other comes after it."""

    async def is_last_there() -> bool:
        return accepted[-1] in await mail.noted()

    await eventually(is_last_there)
    noted = dict(enumerate(await mail.noted()))
    return Evidence(
        accepted={customer(name=name).name: name for name in accepted},
        made=[Made(name, number) for number, name in noted.items()],
        standing=[Standing(name, State.CONFIRMED, number) for number, name in noted.items()],
        records=noted,
    )
