"""Mappings brought, put and taken back, on a real database."""

from datetime import date

import pytest

from contracts.values import CustomerKey, Motion
from customer_import import mapping, store
from customer_import.domain.mappings import Target
from customer_import.domain.refusals import MappingsRefused
from tests.customer_import.desk import ALDER, EXAMPLES, Desk

ALDER_ID = "bb516e65-265e-4e5b-88c3-bab2cec79213"
ROW = f'{ALDER_ID},"Alder & Finch, Inc.",,seat_monthly,AlderFinch,Monthly,2026-10-01'


@pytest.mark.requirement("B5", "B6", "R74", "R80", "R81")
async def test_file_makes_mappings_and_tells_them(desk: Desk) -> None:
    await desk.furnished()
    taken = await desk.bring(ROW, f"{ALDER_ID},,contract-7,seat_annual,alderfinch,one-time,2026-11-01")
    assert (taken.new, taken.changed, taken.unchanged) == (2, 0, 0)
    first, second = sorted(await desk.mappings(), key=lambda one: one.billing_contract)
    assert first.model_dump() == {
        "mapping_id": f"{ALDER}||seat_monthly",
        "customer_key": ALDER,
        "billing_contract": "",
        "motion": Motion.SEAT_MONTHLY,
        "company_id": 101,
        "agreement_id": 1,
        "go_live": date(2026, 10, 1),
        "version": 1,
        "removed": False,
    }
    assert (second.billing_contract, second.motion, second.agreement_id) == ("contract-7", "seat_annual", 2)


@pytest.mark.requirement("B5")
async def test_same_file_again_changes_and_tells_nothing(desk: Desk) -> None:
    await desk.furnished()
    await desk.bring(ROW)
    taken = await desk.bring(ROW)
    assert (taken.new, taken.changed, taken.unchanged) == (0, 0, 1)
    assert len(await desk.mappings()) == 1


@pytest.mark.requirement("B5")
async def test_changed_row_makes_a_new_version(desk: Desk) -> None:
    await desk.furnished()
    await desk.bring(ROW)
    taken = await desk.bring(ROW.replace("2026-10-01", "2026-12-01"))
    assert (taken.new, taken.changed, taken.unchanged) == (0, 1, 0)
    assert [(one.version, one.go_live) for one in await desk.mappings()] == [
        (1, date(2026, 10, 1)),
        (2, date(2026, 12, 1)),
    ]


@pytest.mark.requirement("R34", "R36", "R39", "C3")
@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (ROW.replace(ALDER_ID, "nobody"), "unknown_customer"),
        (ROW.replace("AlderFinch", "Nowhere"), "unknown_company"),
        (ROW.replace(",Monthly,", ",Nothing,"), "unknown_agreement"),
        (ROW.replace(",Monthly,", ",Brightwater Monthly,"), "other_company"),
        (ROW.replace(",Monthly,", ",Old,"), "closed_agreement"),
        (ROW.replace(",Monthly,", ",Twin,"), "ambiguous_agreement"),
        (ROW.replace(",Monthly,", ",Yearly,"), "unfit_agreement"),
        (ROW.replace(",Monthly,", ",One-Time,"), "unfit_agreement"),
        (ROW.replace("seat_monthly", "seat_annual"), "unfit_agreement"),
    ],
)
async def test_one_wrong_row_refuses_the_whole_file(desk: Desk, row: str, rule: str) -> None:
    await desk.furnished()
    with pytest.raises(MappingsRefused) as refused:
        await desk.bring(ROW.replace("seat_monthly", "azure"), row)
    assert [(refusal.rule, refusal.row) for refusal in refused.value.refusals] == [(rule, 3)]
    assert await desk.mappings() == []


@pytest.mark.requirement("B8")
async def test_child_is_judged_by_its_parents_cycle(desk: Desk) -> None:
    await desk.furnished()
    taken = await desk.bring(ROW.replace(",Monthly,", ",Child,"))
    assert taken.new == 1
    assert taken.advice == ["row 2, seat_monthly to Child: Prorate Agreement is not ticked (R38)"]


async def test_agreement_that_is_gone_cannot_be_mapped(desk: Desk) -> None:
    await desk.furnished()
    site = desk.world.site(desk.company)
    assert site is not None
    site.tables["agreements"].delete(1)
    await desk.read_again()
    with pytest.raises(MappingsRefused) as refused:
        await desk.bring(ROW)
    assert refused.value.refusals[0].rule == "closed_agreement"


@pytest.mark.requirement("B5")
async def test_list_by_ids_leaves_what_it_does_not_name(desk: Desk) -> None:
    await desk.furnished()
    await desk.bring(ROW)
    target = Target(1, ALDER, "", Motion.AZURE, 101, 1, date(2026, 10, 1))
    async with desk.db.transaction([desk.tenant]) as tx:
        taken = await mapping.put(tx, desk.tenant, [target], "somebody")
        assert (taken.new, taken.changed, taken.unchanged) == (1, 0, 0)
        names = [(one.motion, one.company, one.agreement) for one in await store.mappings(tx, "", "", 10)]
    assert names == [("azure", "AlderFinch", "Monthly"), ("seat_monthly", "AlderFinch", "Monthly")]


@pytest.mark.requirement("B5")
async def test_withdrawn_mapping_is_told_and_can_be_made_again(desk: Desk) -> None:
    await desk.furnished()
    await desk.bring(ROW)
    async with desk.db.transaction([desk.tenant]) as tx:
        gone = await mapping.withdraw(tx, desk.tenant, f"{ALDER}||seat_monthly", "somebody")
        assert gone is not None
        assert (gone.version, gone.removed, gone.changed_by) == (2, True, "somebody")
        assert await mapping.withdraw(tx, desk.tenant, f"{ALDER}||seat_monthly", "somebody") is None
        assert await store.mappings(tx, "", "", 10) == []
    taken = await desk.bring(ROW)
    assert (taken.new, taken.changed, taken.unchanged) == (1, 0, 0)
    assert [(one.version, one.removed) for one in await desk.mappings()] == [(1, False), (2, True), (3, False)]


@pytest.mark.requirement("R77", "R78", "R94")
async def test_customers_are_those_that_sources_named_with_what_is_mapped(desk: Desk) -> None:
    await desk.furnished()
    other = str(CustomerKey("microsoft-nce", "partner-1", "Zebra"))
    await desk.customers(other, ALDER)
    await desk.bring(ROW, ROW.replace("seat_monthly", "azure"))
    async with desk.db.transaction([desk.tenant]) as tx:
        found = await store.customers(tx, "", "", 10)
        assert [(one.key, [m.motion for m in one.mapped]) for one in found] == [
            (other, []),
            (ALDER, ["azure", "seat_monthly"]),
        ]
        assert [one.key for one in await store.customers(tx, "", "zebra", 10)] == [other]
        assert [one.key for one in await store.customers(tx, other, "", 10)] == [ALDER]


@pytest.mark.requirement("R80", "R88")
async def test_companies_and_agreements_are_searched_as_text(desk: Desk) -> None:
    await desk.furnished()
    async with desk.db.transaction([desk.tenant]) as tx:
        assert [one.company_id for one in await store.companies(tx, 0, "100 %", 10)] == [102]
        assert await store.companies(tx, 0, "%", 1) == await store.companies(tx, 101, "", 1)
        assert [one.agreement_id for one in await store.agreements(tx, 0, 102, "", 10)] == [7]
        assert [one.agreement_id for one in await store.agreements(tx, 0, None, "twin", 10)] == [8, 9]


@pytest.mark.requirement("B5")
async def test_example_file_is_taken_in_whole(desk: Desk) -> None:
    site = (EXAMPLES / "site.yaml").read_text().replace("company_id: harbor", f"company_id: {desk.company}")
    desk.there_is(site.replace("{", "{{").replace("}", "}}").replace("demo-", ""))
    content = (EXAMPLES / "mappings.csv").read_bytes()
    ids = {line.split(b",")[0].decode() for line in content.splitlines()[1:]}
    await desk.customers(*(str(CustomerKey("microsoft-nce", "partner-1", customer)) for customer in ids))
    await desk.connect()
    await desk.ready()
    await desk.read()
    async with desk.db.transaction([desk.tenant]) as tx:
        taken = await mapping.bring(tx, desk.tenant, content, "finance@example.org")
    assert (taken.new, taken.changed, taken.unchanged) == (content.count(b"\n") - 1, 0, 0)
    assert taken.advice == []
