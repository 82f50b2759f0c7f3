"""ConnectWise read back after a run: it says what differs and repairs nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from contracts.values import NO_RUN, Motion, RunId, SiteId
from delivery import Kind, Operation, OperationKey, State, marker
from invoice_push import proving, readings, reconciling
from invoice_push.additions import EFFECT
from invoice_push.comparing import is_marker
from invoice_push.nights import DIFFERENCES, KINDS, UNEXPLAINED, Nights, night_of
from invoice_push.pusher import Additions
from invoice_push.readings import Reconciliation
from tests.factories import facts
from tests.factories.grounds import until
from tests.factories.site import CHILD, MAILBOX, MONTHLY, PREMIUM, SECOND, Site
from tests.invoice_push.desk import Desk

pytestmark = pytest.mark.requirement("B3")

LATER = RunId("run-2")
DESCRIPTION = "Business Premium: cycleCharge 10, 2026-10-15 to 2026-11-14"


async def written(desk: Desk, lines: int = 2) -> list[dict[str, Any]]:
    """Lines on one agreement, written."""
    await desk.billed(*(facts.billed(number) for number in range(lines)))
    await desk.pushed()
    return desk.site.additions()


def copy_of(addition: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An addition as a person's copy of it says it."""
    names = (
        "quantity",
        "unitPrice",
        "unitCost",
        "billCustomer",
        "effectiveDate",
        "cancelledDate",
        "serialNumber",
        "taxableFlag",
        "invoiceDescription",
    )
    values = {name: str(addition[name]) if name == "quantity" else addition[name] for name in names}
    numbers = {name: float(values[name]) for name in ("quantity", "unitPrice", "unitCost")}
    return values | numbers | {"product": {"id": addition["product"]["id"]}} | changes


def kinds(found: Reconciliation) -> list[str]:
    return [one["kind"] for one in found.differences]


async def test_what_stands_as_it_was_written_is_proven_in_money(desk: Desk) -> None:
    await written(desk)
    [found] = await desk.read_back()
    assert found.differences == []
    assert (found.agreement_name, found.company_id) == ("Cloud Monthly", 101)
    assert (found.additions, found.cost, found.price) == (2, Decimal("369.60"), Decimal("406.56"))
    assert (found.expected, found.expected_cost, found.expected_price) == (2, found.cost, found.price)
    [step] = await desk.steps("reconcile")
    assert (step.state, step.done, step.message) == ("done", 1, "1 agreements read back, all as written")


async def test_reading_back_twice_says_the_same_once(desk: Desk) -> None:
    await written(desk)
    assert [one.additions for one in await desk.read_back()] == [one.additions for one in await desk.read_back()] == [2]
    assert len(await desk.steps("reconcile")) == 2


async def test_an_addition_that_somebody_deleted_is_missing(desk: Desk) -> None:
    first, second = await written(desk)
    await desk.site.delete(MONTHLY, first["id"])
    [found] = await desk.read_back()
    [difference] = found.differences
    assert (difference["kind"], difference["remote_id"]) == ("missing", first["id"])
    [proposed] = difference["operations"]
    assert (proposed["kind"], proposed["agreement_id"]) == ("create", MONTHLY)
    assert proposed["addition"]["serialNumber"] == first["serialNumber"]
    assert Decimal(proposed["addition"]["unitPrice"]) == first["unitPrice"]
    assert (found.additions, found.expected) == (1, 2)
    assert found.cost == round(second["extCost"], 2)
    [step] = await desk.steps("reconcile")
    assert (step.state, step.counts, step.message) == (
        "failed",
        {"differences": 1},
        "1 agreements read back, 1 differences",
    )
    assert len(desk.site.additions()) == 1


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("quantity", 11, "quantity 11 instead of 10"),
        ("unitPrice", 20, "unit price 20 instead of 20.3280"),
        ("unitCost", 1, "unit cost 1 instead of 18.480000"),
        ("cancelledDate", "2026-12-15T00:00:00Z", "cancelled date 2026-12-15 instead of 2026-12-31"),
        ("cancelledDate", None, "cancelled date None instead of 2026-12-31"),
        ("product", {"id": MAILBOX}, f"product {MAILBOX} instead of {PREMIUM}"),
        ("billCustomer", "NoCharge", "bill customer NoCharge instead of Billable"),
        ("taxableFlag", True, "taxable True instead of False"),
        ("invoiceDescription", "Ours", f"invoice description 'Ours' instead of {DESCRIPTION!r}"),
    ],
)
async def test_an_addition_that_somebody_edited_has_drifted(desk: Desk, member: str, value: Any, says: str) -> None:
    [addition] = await written(desk, 1)
    await desk.site.edit("additions", addition["id"], **{member: value})
    [found] = await desk.read_back()
    [edited] = [one for one in desk.site.additions() if one["id"] == addition["id"]]
    who = f"last changed by office at {edited['_info']['lastUpdated']}"
    assert [(one["kind"], one["remote_id"], one["detail"]) for one in found.differences] == [
        ("drifted", addition["id"], f"{says}; {who}")
    ]
    patched = [[change["member"] for change in one["changes"]] for one in found.differences[0]["operations"]]
    assert patched == ([] if member == "product" else [[member]])


@pytest.mark.requirement("B18")
async def test_a_copy_on_its_own_agreement_is_a_duplicate(desk: Desk) -> None:
    [addition] = await written(desk, 1)
    twin = await desk.site.add(MONTHLY, **copy_of(addition))
    [found] = await desk.read_back()
    [difference] = found.differences
    assert difference["kind"] == "duplicate"
    assert str(twin) in difference["detail"]
    assert difference["operations"] == [{"kind": "delete", "agreement_id": MONTHLY, "addition_id": twin}]
    assert (found.additions, found.expected, found.cost) == (2, 1, 2 * found.expected_cost)


@pytest.mark.requirement("B18")
async def test_a_copy_on_another_agreement_is_said_to_be_that_once(desk: Desk) -> None:
    await desk.agreement(SECOND, name="Second")
    await desk.mapped(Motion.AZURE, SECOND)
    azure = facts.billed(2, "10.00", motion=Motion.AZURE, quantity=Decimal(1))
    await desk.billed(facts.billed(1), azure)
    await desk.pushed()
    [addition] = desk.site.additions(MONTHLY)
    copied = await desk.site.add(SECOND, **copy_of(addition))
    here, there = await desk.read_back()
    assert [(one["kind"], one["remote_id"], one["detail"]) for one in here.differences] == [
        ("copied", copied, "a copy of ours on agreement-4")
    ]
    assert here.differences[0]["operations"] == [{"kind": "delete", "agreement_id": SECOND, "addition_id": copied}]
    assert there.differences == []
    assert (there.additions, there.expected) == (1, 1)


async def test_a_marker_that_no_operation_knows_is_unknown_and_other_numbers_are_nobodys_business(desk: Desk) -> None:
    [addition] = await written(desk, 1)
    ours = marker(SiteId("site"), OperationKey("of a lost database"))
    for serial in (ours, "SN-2026-000017", "x" * 32, "ü" * 32):
        await desk.site.add(MONTHLY, **copy_of(addition, serialNumber=serial))
    [found] = await desk.read_back()
    assert kinds(found) == ["unknown"]


async def test_an_addition_that_was_made_anew_with_our_marker_is_told(desk: Desk) -> None:
    [addition] = await written(desk, 1)
    await desk.site.delete(MONTHLY, addition["id"])
    anew = await desk.site.add(MONTHLY, **copy_of(addition))
    [found] = await desk.read_back()
    assert [one["detail"] for one in found.differences] == [
        f"it is addition {anew}, and was written as {addition['id']}"
    ]


async def test_an_agreement_that_somebody_deleted_is_told_and_the_others_are_read(desk: Desk) -> None:
    await desk.agreement(SECOND, name="Second")
    await desk.mapped(Motion.AZURE, SECOND)
    await desk.billed(facts.billed(1), facts.billed(2, "10.00", motion=Motion.AZURE, quantity=Decimal(1)))
    await desk.pushed()
    await desk.site.delete_agreement(SECOND)
    other, gone = await desk.read_back()
    assert kinds(gone) == ["gone"]
    assert (gone.additions, gone.expected, other.additions, other.differences) == (0, 1, 1, [])


async def test_the_proof_is_kept_with_the_reading_that_it_stands_beside(desk: Desk) -> None:
    await written(desk)
    await desk.read_back()
    async with desk.db.transaction([desk.tenant]) as tx:
        kept = await readings.reconciled(tx, desk.tenant, facts.RUN)
    assert kept is not None
    assert (kept.agreements, kept.differences, kept.unexplained) == (1, 0, 0)
    assert [(one["unexplained"], [row["part"] for row in one["rows"]]) for one in kept.proof] == [
        ("0.000000", ["pushed"])
    ]


async def test_the_proof_of_many_documents_is_read_to_the_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "PAGE", 2)
    for number in range(5):
        await desk.billed(facts.billed(number, document_id=f"document-{number}"))
    await desk.resolve()
    async with desk.db.transaction([desk.tenant]) as tx:
        found = [one.document_id async for one in proving.whole_proof(tx, desk.tenant, NO_RUN)]
    assert found == [f"document-{number}" for number in range(5)]


async def test_what_a_night_has_found_is_in_the_metrics(desk: Desk) -> None:
    first, _ = await written(desk)
    await desk.site.delete(MONTHLY, first["id"])
    await desk.read_all()
    await Nights(desk.db).measure()
    told = {kind: DIFFERENCES.labels(kind)._value.get() for kind in KINDS}
    assert told == dict.fromkeys(KINDS, 0) | {"missing": 1}
    assert UNEXPLAINED._value.get() == 0


async def test_everything_that_was_ever_written_is_read_with_the_companys_other_agreements(desk: Desk) -> None:
    [addition] = await written(desk, 1)
    await desk.agreement(SECOND, name="Second")
    await desk.agreement(CHILD, name="Of others", company_id=102)
    copied = await desk.site.add(SECOND, **copy_of(addition))
    await desk.site.add(CHILD, **copy_of(addition))
    [found] = await desk.read_all()
    assert (found.agreement_id, found.additions, kinds(found)) == (MONTHLY, 1, ["copied"])
    assert found.differences[0]["remote_id"] == copied
    async with desk.db.transaction([desk.tenant]) as tx:
        kept = await readings.reconciled(tx, desk.tenant, "")
    assert kept is not None
    assert (kept.agreements, kept.differences) == (1, 1)


async def test_reading_everything_goes_on_where_it_was_killed(desk: Desk) -> None:
    await written(desk, 1)
    await desk.site.edit("agreements", SECOND, company={"id": 102})
    await desk.agreement(SECOND, name="Second", company_id=102)
    await desk.mapped(Motion.AZURE, SECOND)
    await desk.billed(facts.billed(7, "10.00", motion=Motion.AZURE, quantity=Decimal(1)))
    await desk.pushed()
    await desk.site.fault("500_before", method="GET", path=f"agreements/{SECOND}/additions")

    async def read() -> dict[int, datetime]:
        async with desk.db.transaction([desk.tenant]) as tx:
            return {one.agreement_id: one.read_at for one in await readings.reconciliations(tx, "", 0, 9)}

    async def some_is_read() -> bool:
        return bool(await read())

    async with desk.db.transaction([desk.tenant]) as tx:
        assert await reconciling.ask(tx, desk.tenant)
    async with desk.delivering() as worker:
        await until(some_is_read)
        await worker.kill()
    first = await read()
    await desk.site.control("DELETE", "/faults")
    await desk.delivered()
    both = await read()
    assert (list(first), list(both)) == ([MONTHLY], [MONTHLY, SECOND])
    assert both[MONTHLY] == first[MONTHLY]


async def test_what_is_written_while_it_is_read_is_not_missing(desk: Desk) -> None:
    await desk.billed(facts.billed())
    await desk.approved()

    class Slow:
        """Answers with what was there before the line was written."""

        @property
        def agreements(self) -> Any:
            return self

        async def get(self, _: int) -> None:
            """It is there."""

        def additions(self, _: int) -> Any:
            return self

        async def list(self, **_: Any) -> list[Any]:
            await desk.delivered()
            return []

    site: Any = Slow()
    job = Operation(
        tenant_id=desk.tenant,
        key=OperationKey("job"),
        seq=0,
        effect=EFFECT,
        site_id=desk.site.site_id,
        lane=reconciling.LANE,
        kind=Kind.JOB,
        target=reconciling.LANE,
        marker=None,
        body={"run_id": facts.RUN},
        run_id=facts.RUN,
        state=State.IN_FLIGHT,
        attempts=1,
    )
    await reconciling.read_back(desk.db, site, job)
    async with desk.db.transaction([desk.tenant]) as tx:
        [found] = await readings.reconciliations(tx, facts.RUN, 0, 9)
    assert (found.differences, found.expected) == ([], 0)


async def test_nights_that_have_piled_up_are_done_with_one_reading(desk: Desk) -> None:
    await written(desk, 1)
    for night in ("night-2026-11-08", "night-2026-11-09", "night-2026-11-10"):
        async with desk.db.transaction([desk.tenant]) as tx:
            await reconciling.ask_once(tx, desk.tenant, desk.site.site_id, night)
    calls = desk.site.calls()
    await desk.delivered()
    assert desk.site.calls() == calls + 1
    await desk.read_all()
    assert desk.site.calls() == calls + 2


async def test_a_night_is_read_back_once_by_however_many_processes(desk: Desk) -> None:
    await written(desk, 1)
    await desk.tell(topics.SETUP, (desk.tenant, facts.setup(time_zone="America/New_York")))
    here, other = Nights(desk.db), Nights(desk.db)
    assert await here.queue_due(datetime(2026, 11, 8, 12, 0, tzinfo=UTC)) == 0
    night = datetime(2026, 11, 8, 8, 0, tzinfo=UTC)
    assert await here.queue_due(night) == await other.queue_due(night) == 1
    assert (await desk.operations())["pending"] == 1
    await desk.delivered()
    assert await here.queue_due(night) == 1
    assert await desk.is_settled()


@pytest.mark.parametrize(
    ("hour", "zone", "ends"),
    [
        (7, "America/New_York", date(2026, 11, 8)),
        (10, "America/New_York", None),
        (3, "UTC", date(2026, 11, 8)),
        (3, "nowhere/at all", date(2026, 11, 8)),
        (15, "Australia/Sydney", date(2026, 11, 9)),
    ],
)
def test_a_night_is_the_sites_own(hour: int, zone: str, ends: date | None) -> None:
    assert night_of(datetime(2026, 11, 8, hour, 30, tzinfo=UTC), zone) == ends


async def test_after_a_restore_everything_is_read_back_once_before_anything_is_written(desk: Desk) -> None:
    await written(desk, 1)
    effect = Additions(desk.db, None)  # type: ignore[arg-type] # it calls nobody here

    async def recovered(restores: int) -> bool:
        async with desk.db.transaction([desk.tenant]) as tx:
            return await effect.recovered(tx, desk.tenant, desk.site.site_id, restores)

    assert not await recovered(1)
    assert not await recovered(1)
    await desk.delivered()
    assert await recovered(1)
    assert not await recovered(2)


async def test_only_the_agreements_of_the_run_are_read(desk: Desk) -> None:
    await written(desk, 1)
    assert await desk.read_back(LATER) == []
    [step] = await desk.steps("reconcile")
    assert (step.run_id, step.state, step.total) == (LATER, "done", 0)


async def test_nothing_is_changed_by_reading_back(desk: Desk) -> None:
    [addition] = await written(desk, 1)
    await desk.site.edit("additions", addition["id"], quantity=11)
    effects = len(desk.site.effects())
    await desk.read_back()
    assert len(desk.site.effects()) == effects


@given(st.text(min_size=1, max_size=50), st.text())
def test_markers_of_ours_are_told_from_other_serial_numbers(key: str, serial: str) -> None:
    assert is_marker(marker(SiteId("site"), OperationKey(key.encode("ascii", "replace").decode())))
    assert not is_marker(serial) or len(serial) == 32


async def test_what_was_written_to_another_site_is_not_looked_for_on_this_one(desk: Desk) -> None:
    await written(desk, 1)
    other = Site(desk.site.world, desk.site.url)
    for agreement_id in (CHILD, MONTHLY):
        await other.delete_agreement(agreement_id)
    await desk.connected(site_id=other.site_id, company_id=other.company)
    assert (await desk.read_all(), await desk.read_back()) == ([], [])
