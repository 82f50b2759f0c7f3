"""The copy of an agreement, and what a restart finds of copies and invoices."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from connectwise_simulator.billing import invoicing
from connectwise_simulator.billing.copying import copied
from connectwise_simulator.records import rules
from connectwise_simulator.state.image import image
from connectwise_simulator.state.restore import restore
from connectwise_simulator.world import World
from tests.connectwise_simulator.conftest import Site
from tests.connectwise_simulator.office import Office, monthly

PRORATING = 1


@pytest.mark.requirement("B18")
async def test_copy_takes_additions_and_their_serial_numbers_along(site: Site) -> None:
    wanted = {"effectiveDate": "2026-04-01T00:00:00Z", "serialNumber": "psab:7", "quantity": 3, "unitPrice": 9}
    first = (await site.add(PRORATING, **wanted)).json()
    answer = await site.post(f"finance/agreements/{PRORATING}/copy")
    assert answer.status_code == 201
    made, original = answer.json(), (await site.get(f"finance/agreements/{PRORATING}")).json()
    assert made["id"] != PRORATING
    assert made["name"] == "Prorating (Copy)"
    assert {k: v for k, v in made.items() if k not in ("id", "name", "_info")} == {
        k: v for k, v in original.items() if k not in ("id", "name", "_info")
    }
    (twin,) = (await site.get(f"finance/agreements/{made['id']}/additions")).json()
    assert twin["id"] != first["id"]
    same = {"id", "agreementId", "_info"}
    assert {k: v for k, v in twin.items() if k not in same} == {k: v for k, v in first.items() if k not in same}
    assert twin["agreementId"] == made["id"]


async def test_copy_has_its_own_additions(site: Site) -> None:
    first = (await site.add(PRORATING, effectiveDate="2026-04-01T00:00:00Z")).json()
    made = (await site.post(f"finance/agreements/{PRORATING}/copy")).json()
    (twin,) = await site.ids(f"finance/agreements/{made['id']}/additions")
    await site.delete(f"finance/agreements/{made['id']}/additions/{twin}")
    assert await site.ids(f"finance/agreements/{PRORATING}/additions") == [first["id"]]


async def test_longest_name_still_fits_in_the_copy(site: Site) -> None:
    order = [{"op": "replace", "path": "name", "value": "n" * 100}]
    await site.patch(f"finance/agreements/{PRORATING}", json=order)
    made = (await site.post(f"finance/agreements/{PRORATING}/copy")).json()
    assert made["name"] == "n" * 93 + " (Copy)"


async def test_copy_is_an_add_of_agreements_the_role_sees(site: Site) -> None:
    async with site.as_member("counts") as counts, site.as_member("cloud") as cloud:
        assert (await counts.post(f"finance/agreements/{PRORATING}/copy")).status_code == 403
        assert (await cloud.post(f"finance/agreements/{PRORATING}/copy")).status_code == 403
        assert (await cloud.post("finance/agreements/3/copy")).status_code == 201
    assert (await site.post("finance/agreements/999/copy")).status_code == 404


def test_copy_invoices_nothing_that_its_original_has_invoiced() -> None:
    seats = "additions: [{product: SEAT, price: 30, effective: 2025-06-01}]"
    office = Office(monthly("prorate: true", seats))
    office.add("03-17", unitPrice=31)
    made = copied(office.site, office.actor, office.record("agreements", 1))
    assert office.amounts("04-01", made["id"]) == [("04-01", "04-30", 30), ("04-01", "04-30", 31)]
    assert office.amounts("04-01") == [("04-01", "04-30", 30), ("03-17", "03-31", 15), ("04-01", "04-30", 31)]


def _tables(world: World) -> Any:
    return image(world.sites["office"])["tables"]


@pytest.mark.parametrize("large", [64_000_000, 0])
def test_restart_finds_invoices_lines_copies_and_what_was_invoiced_before(tmp_path: Path, large: int) -> None:
    """By replay, and out of a file that was written anew."""
    office = Office(
        monthly("prorate: true", "more: {billAmount: 10}"),
        monthly("more: {autoInvoiceFlag: true, billAmount: 5}", number=2),
    )
    state = tmp_path / "state.jsonl"
    restore(office.world, state, dict, print)
    addition = office.add("03-17", quantity=2, unitPrice=31)
    office.invoice("04-01")
    copied(office.site, office.actor, office.record("agreements", 1))
    rules.rewrite(
        office.site, office.actor, "agreements", office.record("agreements", 1), {"nextInvoiceDate": "2026-06-01"}
    )
    office.invoice("06-01")
    invoicing.withdraw(office.site, office.actor, office.record("invoices", office.invoices(1)[-1]["id"]))
    office.cancel(addition, "06-20")
    office.world.journal.keep()
    for number in range(2):  # the second start reads what the first one wrote
        again, path = World(), tmp_path / f"state{number}.jsonl"
        shutil.copy(state, path)
        restore(again, path, dict, print, large=large)
        assert _tables(again) == _tables(office.world)
        state = path
    assert [i["total"] for i in office.invoices(2)] == [5, 5, 5]
