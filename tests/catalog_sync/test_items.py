"""Products on one side, the catalog of a site on the other."""

import itertools

import pytest

from connectwise_simulator.peers.faults import FaultOrder
from contracts import topics
from contracts.values import BillingPlan
from tests.catalog_sync.conftest import MakeHouse
from tests.catalog_sync.house import DEFAULTS, House, customer, product
from tests.factories import facts

SKU = "CFQ7TTC0LCHC:0002"
EXCHANGE = "CFQ7TTC0LH16:0001"
MONTHLY, ANNUAL = product(), product(plan=BillingPlan.ANNUAL)
OLD_ITEM = f"{{identifier: 'PC_{EXCHANGE}', vendor_sku: '{EXCHANGE}', description: Hosted mailbox, price: 6, cost: 5}}"


@pytest.mark.requirement("R51", "R58", "R61", "R69", "R71", "R72")
async def test_a_sku_in_two_billing_plans_becomes_two_items(house: House) -> None:
    await house.is_ready()
    await house.bills(MONTHLY, ANNUAL)
    await house.syncs()

    made = house.items()
    assert set(made) == {f"PC_{SKU}-M", f"PC_{SKU}-A"}
    assert await house.links() == {
        MONTHLY.key: ("linked", f"PC_{SKU}-M", made[f"PC_{SKU}-M"]["id"]),
        ANNUAL.key: ("linked", f"PC_{SKU}-A", made[f"PC_{SKU}-A"]["id"]),
    }
    told = {fact.product_key: fact for fact in await house.told(topics.CATALOG_ITEMS)}
    assert told[ANNUAL.key].state == "linked"
    assert told[ANNUAL.key].item_id == made[f"PC_{SKU}-A"]["id"]


@pytest.mark.requirement("R59", "R67", "R29", "R31", "R55", "B15", "B16")
async def test_a_new_item_has_the_sites_defaults_and_no_amounts_of_an_unknown_currency(house: House) -> None:
    await house.is_ready(new_items_taxable=True)
    await house.bills(MONTHLY)
    await house.syncs()

    item = house.items()[f"PC_{SKU}-M"]
    assert item["description"] == item["customerDescription"] == f"Business Premium {SKU}"
    assert (item["category"]["id"], item["subcategory"]["id"], item["type"]["id"]) == (1, 1, 1)
    assert item["unitOfMeasure"]["name"] == "Each"
    assert (item["inactiveFlag"], item["taxableFlag"], item["productClass"]) == (False, True, "NonInventory")
    assert item["vendorSku"] == SKU
    assert not item.get("price")
    assert not item.get("cost")


@pytest.mark.requirement("R58", "R60", "R62")
async def test_a_renamed_item_keeps_its_name_and_is_not_made_again(house: House) -> None:
    await house.is_ready()
    await house.bills(MONTHLY)
    await house.syncs()
    site = house.world.site(house.company)
    assert site is not None
    item = house.items()[f"PC_{SKU}-M"]
    site.tables["catalog"].put({**item, "identifier": "SEATS", "description": "Our seats", "vendorSku": None})

    await house.bills(product(name="Business Premium (new)"), run_id="run-2")
    await house.checks()
    await house.syncs()

    assert set(house.items()) == {"SEATS"}
    assert house.items()["SEATS"]["description"] == "Our seats"
    assert (await house.links())[MONTHLY.key][2] == item["id"]


@pytest.mark.requirement("R51")
async def test_only_products_of_mapped_customers_are_wanted_until_one_more_is_mapped(house: House) -> None:
    other = product("CFQ7TTC0LDPB:0001")
    await house.is_ready()
    await house.bills(MONTHLY)
    await house.bills(other, customer=customer(2))
    await house.syncs()
    assert set(await house.links()) == {MONTHLY.key}

    await house.maps(customer(2))
    await house.syncs()
    assert set(await house.links()) == {MONTHLY.key, other.key}


@pytest.mark.requirement("R44", "R48", "R50")
async def test_the_program_decides_whether_anything_is_created(house: House) -> None:
    await house.is_ready(products="off")
    await house.bills(MONTHLY, customer=customer(2))
    await house.syncs()
    assert await house.links() == {}
    steps = await house.told(topics.SYNC_STEPS)
    assert [(step.state, step.message) for step in steps] == [("done", "products are switched off")]

    await house.hears(topics.PROGRAMS, "program-1", facts.program(products="all"))
    await house.syncs()
    assert set(await house.links()) == {MONTHLY.key}


async def test_without_a_program_it_waits(house: House) -> None:
    await house.bills(MONTHLY)
    await house.plans()
    assert await house.links() == {}
    assert [step.state for step in await house.told(topics.SYNC_STEPS)] == ["waiting"]


@pytest.mark.requirement("R52", "R53")
async def test_a_motion_that_is_not_chosen_needs_no_items(house: House) -> None:
    await house.is_ready(motions=("azure",))
    await house.bills(MONTHLY)
    await house.plans()
    assert await house.links() == {}


@pytest.mark.requirement("R32")
async def test_a_missing_default_holds_the_product_and_names_what_is_missing(house: House) -> None:
    finding = topics.SETUP.data.model_validate(
        {
            "status": "not_ready",
            "checked_at": "2026-11-07T00:00:00Z",
            "findings": [
                {"check": "unit", "title": "Unit of measure Each is active", "state": "failed", "detail": "is missing"}
            ],
        }
    ).findings
    await house.is_ready()
    await house.checks(status="not_ready", features=("additions",), catalog_defaults=None, findings=finding)
    await house.bills(MONTHLY)
    await house.syncs()

    assert (await house.links())[MONTHLY.key][0] == "held"
    assert "Unit of measure Each is active: is missing" in await house.reason(MONTHLY.key)
    assert [fact.state for fact in await house.told(topics.CATALOG_ITEMS)] == ["held"]
    assert house.items() == {}

    await house.checks()
    await house.syncs()
    assert (await house.links())[MONTHLY.key][0] == "linked"


@pytest.mark.requirement("C10", "R60")
async def test_an_item_without_a_plan_is_adopted_as_it_is(houses: MakeHouse) -> None:
    house = houses(OLD_ITEM)
    mailbox = product(EXCHANGE, term="P1M")
    await house.is_ready()
    await house.bills(mailbox)
    await house.syncs()

    (item,) = house.items().values()
    assert await house.links() == {mailbox.key: ("linked", f"PC_{EXCHANGE}", item["id"])}
    assert item["description"] == "Hosted mailbox"
    assert item["price"] == 6
    assert house.creations() == 0


@pytest.mark.requirement("C10", "R69")
async def test_an_item_is_adopted_for_one_product_only_and_the_other_gets_its_own(houses: MakeHouse) -> None:
    house = houses(OLD_ITEM)
    mailboxes = [product(EXCHANGE, term="P1M"), product(EXCHANGE, plan=BillingPlan.ANNUAL)]
    await house.is_ready()
    await house.bills(*mailboxes)
    await house.syncs()

    links = await house.links()
    first, second = sorted(links.values(), key=lambda link: link[2] or 0)
    assert first[1] == f"PC_{EXCHANGE}"
    assert second[1].startswith(f"PC_{EXCHANGE}-")
    assert first[2] != second[2]
    assert house.creations() == 1


@pytest.mark.requirement("C10")
async def test_several_items_are_a_question_until_one_is_left(houses: MakeHouse) -> None:
    twin = OLD_ITEM.replace(f"PC_{EXCHANGE}'", "MAILBOX'")
    house = houses(OLD_ITEM, twin)
    mailbox = product(EXCHANGE)
    await house.is_ready()
    await house.bills(mailbox)
    await house.syncs()

    assert (await house.links())[mailbox.key][0] == "held"
    assert "several items have its vendor SKU" in await house.reason(mailbox.key)
    assert house.creations() == 0
    assert (await house.told(topics.SYNC_STEPS))[-1].state == "blocked"

    site = house.world.site(house.company)
    assert site is not None
    site.tables["catalog"].put({**house.items()["MAILBOX"], "vendorSku": "other"})
    await house.checks()
    await house.syncs()
    assert (await house.links())[mailbox.key][:2] == ("linked", f"PC_{EXCHANGE}")


@pytest.mark.requirement("R58")
@pytest.mark.parametrize("kind", ["reset_after", "504_after", "truncated", "silent_after"])
async def test_a_lost_answer_makes_no_second_item(house: House, kind: str) -> None:
    await house.is_ready()
    await house.bills(MONTHLY, ANNUAL)
    order = FaultOrder(kind=kind, method="POST", path="procurement/catalog", site=house.company, nth=1)
    house.world.faults.add(order)
    await house.syncs()

    assert set(house.items()) == {f"PC_{SKU}-M", f"PC_{SKU}-A"}
    assert house.creations() == 2
    assert {link[0] for link in (await house.links()).values()} == {"linked"}


async def test_what_the_site_refuses_is_told_and_tried_again_after_a_check(house: House) -> None:
    await house.is_ready()
    await house.checks(catalog_defaults=DEFAULTS.model_copy(update={"subcategory_id": 99}))
    await house.bills(MONTHLY)
    await house.syncs()
    assert (await house.links())[MONTHLY.key][0] == "failed"
    assert [fact.state for fact in await house.told(topics.CATALOG_ITEMS)] == ["failed"]

    await house.checks()
    await house.syncs()
    assert (await house.links())[MONTHLY.key][:2] == ("linked", f"PC_{SKU}-M")


async def test_nothing_is_sent_while_the_setup_does_not_allow_the_catalog(house: House) -> None:
    await house.is_ready()
    await house.checks(status="not_ready", features=("additions",))
    await house.bills(MONTHLY)
    await house.plans()
    async with house.delivering():
        assert not await house.is_settled()
    assert house.items() == {}
    step = (await house.told(topics.SYNC_STEPS))[-1]
    assert (step.state, step.counts["waiting"]) == ("blocked", 1)
    assert "does not allow catalog" in step.message


async def test_the_catalog_step_says_how_many_items_a_run_has(house: House) -> None:
    await house.is_ready()
    await house.bills(MONTHLY, ANNUAL)
    await house.bills(product("CFQ7TTC0LDPB:0001"), run_id="run-2")
    await house.syncs()
    await house.plans()

    last = {step.run_id: step for step in await house.told(topics.SYNC_STEPS)}
    assert {run: (step.state, step.done, step.total) for run, step in last.items()} == {
        "run-1": ("done", 2, 2),
        "run-2": ("done", 1, 1),
    }
    told = [step.model_dump() for step in await house.told(topics.SYNC_STEPS)]
    assert all(before != after for before, after in itertools.pairwise(told)), "only changes are told"


async def test_a_product_that_nobody_can_bill_is_held(house: House) -> None:
    unknown = product(plan=BillingPlan.UNKNOWN)
    await house.is_ready()
    await house.bills(unknown)
    await house.plans()
    assert await house.reason(unknown.key) == "its billing plan is unknown"


async def test_facts_told_twice_change_nothing(house: House) -> None:
    await house.is_ready()
    for _ in range(2):
        await house.bills(MONTHLY)
        await house.maps()
        await house.syncs()
    assert house.creations() == 1
    assert len(await house.told(topics.CATALOG_ITEMS)) == 1
