"""What was found late, when all else held: changes that overtake each other, and news that cannot be told.

A wall clock that jumps, also in a quarantine, is played in `test_process.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest

from connectwise.models.agreements import AdditionChange
from contracts.values import TenantId
from delivery import Delivery, Hit, Kind, Lane, NewOperation, Operation, Reading, Sent, Settled, enqueue, operation_key
from storage import Database, Transaction
from tests.factories import facts
from tests.faults.ground import PACE, Case
from tests.faults.scene import Scene
from tests.faults.sender import Clients
from tests.faults.test_people import accepted, lines_of, with_more_seats
from tests.faults.test_postgres import refuses
from tests.invoice_push.desk import Worker

CHANGES = 5
CALL = {"method": "PATCH", "path": "additions"}
# What becomes of a change: lost on the way or back, or applied when its sender has long given up.
FATES = ("reset_before", "reset_after", "apply_late", "list_lag")
DEFECT, DUPLICATE = "P0001", "23505"
"""Errors that no waiting repairs: one of our own, and a row that is there already."""


@dataclass(frozen=True, slots=True)
class Quantities:
    """Changes of additions' quantities, each with the one before it as before-image."""

    db: Database
    sites: Clients
    name: str = "quantities"

    async def gate(self, _: Transaction, __: TenantId) -> str | None:
        return None

    async def find(self, lane: Lane, operations: Sequence[Operation]) -> Reading:
        site = await self.sites.open(lane.tenant_id, lane.site_id)
        there = {one.id: one.quantity async for one in site.additions(1).iterate(fields=("id", "quantity"))}
        hits, conflicts = {}, {}
        for operation in operations:
            record, before, after = (operation.body[name] for name in ("id", "before", "after"))
            if there[record] == after["quantity"]:
                hits[operation.key] = [Hit(record, equal=True)]
            elif there[record] != before["quantity"]:
                conflicts[operation.key] = f"the quantity is {there[record]}"
        return Reading(hits, conflicts)

    async def send(self, operation: Operation) -> Sent:
        site = await self.sites.open(operation.tenant_id, operation.site_id)
        change = AdditionChange(quantity=Decimal(operation.body["after"]["quantity"]))
        done = await site.additions(1).patch(
            operation.body["id"], change, attempts=1, admit_within=operation.leave_within
        )
        return Sent(done.id, status=200)

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        """Nobody is told."""


def changed(fate: str) -> Callable[[Case], Awaitable[None]]:
    """One of several changes of a record is in doubt: no later one overtakes it, and it overtakes no later one."""

    async def play(case: Case) -> None:
        await case.approved(lines=1, agreements=1)
        async with case.sending():
            await case.settles()
        [addition] = case.site.additions()
        first = int(addition["quantity"])
        await case.site.fault(
            fate, **CALL, nth=case.dice.randint(1, CHANGES - 1), delay=PACE.deadline + PACE.late_apply / 2
        )
        await queued(case, addition["id"], first)
        case.calm_from_now()
        db = Database(case.urls.app, case.urls.all_tenants, connections=4)
        await db.open()
        sites = Clients(db, facts.KEYRING, PACE)
        worker = Worker(Delivery(db, Quantities(db, sites), pace=PACE))
        try:
            await case.settles()
        finally:
            await worker.stop()
            await sites.aclose()
            await db.close()
        assert case.site.struck() == 1
        assert await case.states() == {"confirmed": 1 + CHANGES}
        [line], [billed] = case.tenants[0].accepted, lines_of(case.seed, [1])
        case.tenants[0].accepted = [line.then(accepted(with_more_seats(billed, CHANGES)))]
        await case.judged()

    return play


async def queued(case: Case, record: int, first: int) -> None:
    """From each quantity to the next, the last one in another lane."""
    tenant = case.desk.tenant
    changes = [
        NewOperation(
            tenant,
            case.site.site_id,
            operation_key("quantity", record, number),
            Kind.PATCH,
            "agreement-1" if number < CHANGES else "agreement-1, by night",
            {"id": record, "before": {"quantity": first + number - 1}, "after": {"quantity": first + number}},
            target=f"addition-{record}",
        )
        for number in range(1, CHANGES + 1)
    ]
    async with case.db.transaction([tenant]) as tx:
        await enqueue(tx, "quantities", changes)


SCENES = [
    *(Scene(f"a change, {fate}", changed(fate)) for fate in FATES),
    *(
        Scene(f"{state} at {what}, {times} times", refuses(what, state, times), one_in=6)
        for what in ("a result", "news of a result")
        for state in (DEFECT, DUPLICATE)
        for times in (1, 2, 5)
    ),
]


@pytest.mark.parametrize("judgement", SCENES, ids=str, indirect=True)
async def test_what_was_found_late_holds(judgement: Awaitable[None]) -> None:
    await judgement
