"""What people can ask about products and their items."""

import pytest

from catalog_sync.api import catalog_items, products, router
from contracts.values import BillingPlan, TenantId
from servicekit import Principal
from servicekit.access import refuse_unguarded
from servicekit.paging import Asked
from tests.catalog_sync.house import House, product


def caller(tenant: TenantId) -> Principal:
    return Principal(tenant, "ines", frozenset({"catalog.read"}))


@pytest.mark.requirement("R62", "R90")
async def test_items_are_listed_with_when_and_how_they_were_linked(house: House) -> None:
    plans = (BillingPlan.MONTHLY, BillingPlan.ANNUAL, BillingPlan.UNKNOWN)
    made = sorted((product(plan=plan) for plan in plans), key=lambda one: one.key)
    await house.is_ready()
    await house.bills(*made)
    await house.syncs()

    who = caller(house.tenant)
    async with house.db.transaction([house.tenant]) as tx:
        first = await catalog_items(tx, who, Asked(size=2))
        rest = await catalog_items(tx, who, Asked(first.next or "", size=2))
        held = await catalog_items(tx, who, Asked(size=50), "held")
        known = await products(tx, who, Asked(size=50))
        others = await catalog_items(tx, caller(TenantId("somebody-else")), Asked(size=50))
    assert [link.product_key for link in (*first.items, *rest.items)] == [one.key for one in made]
    assert rest.next is None
    assert [link.reason for link in held.items] == ["its billing plan is unknown"]
    linked = [link for link in (*first.items, *rest.items) if link.state == "linked"]
    assert len(linked) == 2
    assert all(link.item_id and link.linked_at and not link.adopted for link in linked)
    assert [one.product_key for one in known.items] == [one.key for one in made]
    assert others.items == []


def test_every_route_names_its_permission() -> None:
    refuse_unguarded(router)
