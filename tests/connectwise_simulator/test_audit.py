"""The audit trail: contract 3.5, and what it adds to the history."""

from typing import Any

import pytest

from connectwise_simulator.state.history import History
from connectwise_simulator.state.journal import Journal
from tests.connectwise_simulator.conftest import SITE, Site

DAY = {"effectiveDate": "2026-04-01T00:00:00Z"}


async def trail(site: Site, kind: str, record_id: int, **more: str) -> list[dict[str, Any]]:
    answer = await site.get("system/audittrail", params={"type": kind, "id": str(record_id), **more})
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def changed(site: Site, agreement: int = 1) -> int:
    added = (await site.add(agreement, **DAY)).json()["id"]
    change = [
        {"op": "replace", "path": "quantity", "value": 5},
        {"op": "replace", "path": "serialNumber", "value": "A"},
    ]
    path = f"finance/agreements/{agreement}/additions/{added}"
    async with site.as_member("sync") as other:
        assert (await other.patch(path, json=change)).status_code == 200
    assert (await site.delete(path)).status_code == 204
    return int(added)


@pytest.mark.requirement("R115")
async def test_every_change_is_told_with_member_and_time_the_oldest_first(site: Site) -> None:
    found = await trail(site, "AgreementAddition", await changed(site))
    assert [(e["auditSubType"], e["enteredBy"], e["text"]) for e in found] == [
        ("Added", "pub", "Addition SEAT was added."),
        ("Updated", "sync", "Addition SEAT: quantity was changed from 1 to 5."),
        ("Updated", "sync", 'Addition SEAT: serial number was changed from nothing to "A".'),
        ("Deleted", "pub", "Addition SEAT was deleted."),
    ]
    assert {(e["auditType"], e["auditSource"]) for e in found} == {("AgreementAddition", "REST")}
    assert [e["enteredDate"] for e in found] == sorted(e["enteredDate"] for e in found)
    assert set(found[0]) == {"text", "enteredDate", "enteredBy", "auditType", "auditSubType", "auditSource"}


async def test_edit_in_the_office_is_not_from_the_api(site: Site) -> None:
    order = {"table": "agreements", "id": 1, "values": {"nextInvoiceDate": "2026-05-01T00:00:00Z"}}
    await site.control("POST", f"sites/{site.company}/edit", json=order)
    [entry] = await trail(site, "Agreement", 1)
    assert (entry["enteredBy"], entry["auditSource"]) == ("office", "PSA")
    assert "next invoice date was changed" in entry["text"]


async def test_trail_is_paged_counted_filtered_and_ordered(site: Site) -> None:
    added = await changed(site)
    query = {"type": "agreementaddition", "id": str(added)}
    first = await site.get("system/audittrail", params={**query, "pageSize": "3"})
    assert len(first.json()) == 3
    rest = (await site.get(first.links["next"]["url"])).json()
    assert [e["auditSubType"] for e in rest] == ["Deleted"]
    assert (await site.get("system/audittrail/count", params=query)).json() == {"count": 4}
    by_sync = {"conditions": 'enteredBy = "sync"', "orderBy": "text desc", "fields": "text"}
    texts = [e["text"] for e in await trail(site, "AgreementAddition", added, **by_sync)]
    assert len(texts) == 2
    assert texts == sorted(texts, reverse=True)


@pytest.mark.parametrize("query", ["", "type=Agreement", "id=1", "type=Agreement&id=x", "type=Nothing&id=1"])
async def test_type_and_id_are_both_needed(site: Site, query: str) -> None:
    assert (await site.get(f"system/audittrail?{query}")).status_code == 400


async def test_forward_only_paging_is_refused(site: Site) -> None:
    answer = await site.get("system/audittrail?type=Agreement&id=1", headers={"pagination-type": "forward-only"})
    assert answer.status_code == 400


async def test_type_whose_records_are_not_here_has_an_empty_trail(site: Site) -> None:
    assert await trail(site, "Ticket", 1) == []
    assert await trail(site, "Agreement", 999) == []


async def test_trail_of_what_a_member_may_not_read_is_refused(site: Site) -> None:
    added = await changed(site, 1)
    async with site.as_member("cloud") as cloud, site.as_member("counts") as counts:
        refused = await cloud.get(f"system/audittrail?type=AgreementAddition&id={added}")
        assert refused.status_code == 403
        assert (await counts.get("system/audittrail?type=Company&id=10")).status_code == 403


async def test_site_made_anew_begins_an_empty_trail(site: Site) -> None:
    added = await changed(site)
    await site.control("DELETE", f"sites/{site.company}")
    await site.control("POST", "sites", content=SITE.replace("COMPANY", site.company))
    assert await trail(site, "AgreementAddition", added) == []


def test_trail_is_found_without_looking_at_other_effects() -> None:
    history = History(Journal())
    facts = {"time": "", "member": "", "method": "", "path": "", "table": "additions", "before": None, "after": None}
    for number in range(1000):
        history.append(site="s", record_id=number % 500, **facts)
    history._effects.clear()
    assert [effect.seq for effect in history.of_record("s", "additions", 7)] == [8, 508]
