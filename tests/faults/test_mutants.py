"""Each protection is needed: the same interleaving with it and without it, and the effects tell them apart."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from connectwise_simulator.world import World
from contracts.values import TenantId
from delivery import State
from devstack import provision
from storage import Database
from tests.delivery.house import House, Urls
from tests.delivery.peer import Peer
from tests.factories.grounds import cleared, simulated
from tests.factories.site import Site
from tests.faults.evidence import Evidence, Made, Standing
from tests.faults.interleavings import Stage
from tests.faults.mutants import MUTANTS, Mutant
from tests.faults.nets import without_nets
from tests.faults.oracle import Invariant
from tests.invoice_push.desk import Desk as Office
from tests.messaging.desk import Desk as Mail


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def unguarded(pg: str) -> AsyncIterator[provision.Database]:
    async with without_nets(pg) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def simulator() -> AsyncIterator[tuple[World, str]]:
    async with simulated() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    unguarded: provision.Database,
    simulator: tuple[World, str],
    kafka: str,
    tenant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stage]:
    db = Database(unguarded.app, unguarded.all_tenants, connections=4)
    await db.open()
    house = House(Urls(unguarded.owner, unguarded.app, unguarded.all_tenants), db, TenantId(tenant))
    office = Office(unguarded, db, TenantId(tenant), Site(*simulator))
    yield Stage(house, Peer(), office, Mail(db, unguarded, kafka), monkeypatch)
    await cleared(unguarded, "told", "noted", "inbox", "consumed_offset", "resolve_due", "run_report")
    await db.close()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_with_the_protection_the_interleaving_breaks_nothing(stage: Stage, mutant: Mutant) -> None:
    for guard in mutant.guards:
        guard(stage.patch)
    assert (await mutant.interleaving(stage)).broken() == set()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_without_the_protection_the_same_interleaving_breaks_what_the_table_says(
    stage: Stage, mutant: Mutant
) -> None:
    for guard in mutant.guards:
        guard(stage.patch)
    mutant.taken_out(stage.patch)
    assert (await mutant.interleaving(stage)).broken() == {mutant.breaks}


FINE = Evidence(
    accepted={"line": "10.00"},
    made=[Made("line", 1), Made("line, changed", 1, number=1)],
    standing=[Standing("line", State.CONFIRMED, 1)],
    records={1: "10.00"},
)


@pytest.mark.parametrize(
    ("evidence", "broken"),
    [
        (FINE, set()),
        (replace(FINE, standing=[Standing("line", State.REJECTED)], made=[]), set()),
        (replace(FINE, standing=[Standing("line", State.AMBIGUOUS)]), {Invariant.ENDED}),
        (replace(FINE, standing=[Standing("line", State.SUPERSEDED)]), {Invariant.ENDED}),
        (replace(FINE, standing=[]), {Invariant.ENDED}),
        (replace(FINE, made=[], records={}), {Invariant.ENDED, Invariant.CONTENT}),
        (replace(FINE, made=[Made("line", 1), Made("line", 2)]), {Invariant.ONCE}),
        (replace(FINE, records={1: "11.00"}), {Invariant.CONTENT}),
        (replace(FINE, standing=[Standing("line", State.CONFIRMED, 1)] * 2), {Invariant.BIJECTION}),
        (replace(FINE, made=[Made("other", 1)]), {Invariant.BIJECTION}),
        (replace(FINE, made=[Made("line, changed", 1, number=1), Made("line", 1)]), {Invariant.ORDER}),
    ],
)
def test_the_judge_sees_each_invariant_broken(evidence: Evidence, broken: set[Invariant]) -> None:
    assert evidence.broken() == broken
