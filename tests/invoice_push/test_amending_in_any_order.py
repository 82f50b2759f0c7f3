"""Whatever is amended, taken away, approved, refused or written in whatever order: a line is covered once, exactly.

Delivery is played: an operation is pending, on its way, or ends with a result that is told as delivery tells it.
"""

import itertools
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.events import CommandKind, SyncCommand
from contracts.values import DocumentId, RunId, to_cents
from delivery import Operation, Settled, State
from invoice_push import corrections, pusher, store
from invoice_push.pusher import Additions
from storage import Transaction
from tests.factories import facts
from tests.invoice_push.desk import Desk

pytestmark = pytest.mark.requirement("B1", "B12")

SEAT = Decimal("18.48")
ACTS = ("allow", "approve", "claim", "confirm", "refuse", "retry", "same file")
acts = st.one_of(st.tuples(st.just("seats"), st.integers(0, 12)), st.tuples(st.sampled_from(ACTS), st.just(0)))
OUTCOMES = {"confirm": State.CONFIRMED, "refuse": State.REJECTED, "dispute": State.CONFLICT}
_numbers = itertools.count(1)

ENDED = """
update operation set state = $2, remote_id = case $2 when 'confirmed' then seq end, epoch = gen_random_uuid()
where tenant_id = $1 and state in ('pending', 'in_flight')
returning tenant_id, operation_key as key, seq, effect, site_id, lane, kind, target, marker, body, run_id, state,
  attempts, reason"""
RELEASED = """
update coverage set released_at = now() where tenant_id = $1 and operation_key = any($2::text[]) and released_at is null
"""
CLAIMED = """
update operation set state = 'in_flight', epoch = gen_random_uuid() where tenant_id = $1 and state = 'pending'"""


class Played:
    """One line, through as many versions as are asked for; every version is brought by a run of its own."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.number = next(_numbers)
        self.version = 1
        self.seats = 0

    @property
    def run(self) -> RunId:
        return RunId(f"run-{self.number}-{self.version}")

    async def act(self, what: str, seats: int) -> None:
        if what == "seats":
            self.version += 1
            await self.brought(seats)
        elif what == "same file":
            await self.brought(self.seats)
        else:
            async with self.desk.db.transaction([self.desk.tenant]) as tx:
                await self.done(tx, what)
        await self.desk.resolve()

    async def brought(self, seats: int) -> None:
        line = facts.billed(
            self.number,
            str(SEAT * seats),
            quantity=Decimal(seats),
            document_version=self.version,
            run_id=self.run,
            document_id=DocumentId(f"document-{self.number}"),
        )
        if seats:
            await self.desk.billed(line)
        else:
            await self.desk.withdrawn(line)
        self.seats = seats

    async def done(self, tx: Transaction, what: str) -> None:
        tenant = self.desk.tenant
        runs = [RunId(f"run-{self.number}-{version}") for version in range(1, self.version + 1)]
        match what:
            case "allow":
                for run in runs:
                    await corrections.allow(tx, tenant, run, "finance")
            case "approve":
                for run in runs:
                    order = SyncCommand(run_id=run, command=CommandKind.APPROVE, requested_by="finance")
                    await pusher.approve(tx, tenant, order)
            case "claim":
                await tx.execute(CLAIMED, tenant)
            case "retry":
                await self.retried(tx, runs)
            case _:
                await self.ended(tx, OUTCOMES[what])

    async def retried(self, tx: Transaction, runs: list[RunId]) -> None:
        for run in runs:
            await store.retry(tx, self.desk.tenant, run)
            await corrections.retry(tx, self.desk.tenant, run)
        await store.ask_resolution(tx, [self.desk.tenant])

    async def ended(self, tx: Transaction, state: State) -> None:
        """Everything that is open ends so, as delivery stores and tells it."""
        ended = await tx.fetch(Operation, ENDED, self.desk.tenant, state)
        if not state.covers:
            await tx.execute(RELEASED, self.desk.tenant, [operation.key for operation in ended])
        effect = Additions(self.desk.db, None)  # type: ignore[arg-type] # it sends nothing here
        reason = "" if state is State.CONFIRMED else "rejected"
        results = [(one, Settled(state, one.seq if state.covers else None, reason)) for one in ended]
        await effect.settled(tx, results)

    async def covered(self, *states: str) -> Decimal:
        """What operations in these states stand for, in cost."""
        async with self.desk.db.transaction([self.desk.tenant]) as tx:
            return Decimal(
                await tx.value(
                    "select coalesce(sum(cost), 0) from coverage join operation using (tenant_id, operation_key) "
                    "where tenant_id = $1 and identity like $2 and released_at is null and state = any($3::text[])",
                    self.desk.tenant,
                    f"%line-{self.number:05d}-%",
                    list(states),
                )
            )

    async def adds_up(self) -> None:
        """What stands for the line, what waits to, and what it is charged, are one; nothing stands twice."""
        identity = facts.billed(self.number).identity
        ours = [one for one in await self.desk.corrections() if one.identity == identity]
        lines = [one for one in await self.desk.lines() if one.identity == identity]
        known = sum((line.written_cost for line in lines), Decimal(0))
        known += sum((one.cost for one in ours if one.written), Decimal(0))
        assert known == await self.covered("pending", "in_flight", "confirmed")
        assert len([one for one in ours if one.state in corrections.OPEN]) <= 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(acts, min_size=4, max_size=14))
@example([("approve", 0), ("claim", 0), ("seats", 12), ("confirm", 0), ("approve", 0), ("seats", 10), ("refuse", 0)])
@example([("approve", 0), ("confirm", 0), ("seats", 0), ("allow", 0), ("approve", 0), ("claim", 0), ("seats", 3)])
@example([("approve", 0), ("seats", 0), ("seats", 1)])  # back after it was queued and taken away
@example([("approve", 0), ("confirm", 0), ("seats", 11), ("approve", 0), ("seats", 10), ("confirm", 0)])
async def test_in_any_order_a_line_ends_covered_once_for_its_last_charge(
    desk: Desk, does: list[tuple[str, int]]
) -> None:
    played = Played(desk)
    await played.brought(10)
    for what, seats in does:
        await played.act(what, seats)
        await played.adds_up()
    for what in ("confirm", "retry", "allow", "approve", "confirm"):
        await played.act(what, 0)
        await played.adds_up()
    assert await played.covered("pending", "in_flight") == 0
    assert await played.covered("confirmed") == to_cents(SEAT * played.seats)


async def test_an_amendment_waits_for_a_conflict_that_may_stand_for_it(desk: Desk) -> None:
    played = Played(desk)
    await played.brought(10)
    for what, seats in (("approve", 0), ("confirm", 0), ("seats", 11), ("approve", 0), ("dispute", 0), ("seats", 12)):
        await played.act(what, seats)
    await played.act("approve", 0)
    assert [(one.component, one.state, one.reason) for one in await desk.corrections()] == [
        ("difference-1", "failed", "conflict")
    ]
    [last] = [step.counts for step in await desk.steps("lines") if step.run_id == played.run][-1:]
    assert last["held"] == 1
    assert [(row.part, row.reason, row.cost) for row in (await desk.proof()).rows] == [
        ("pushed", "", 10 * SEAT),
        ("held", "amended after it was written", SEAT),
        ("failed", "conflict", SEAT),
    ]
