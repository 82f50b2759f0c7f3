"""Section 3.5."""

import pytest

from tests.connectwise_simulator.conftest import Site

TRAIL = "system/audittrail"


async def test_changes_of_an_agreement_and_of_its_additions_are_entries(site: Site) -> None:
    """3.5: by type and id; text, date, member and kind; no id, no old and new values."""
    change = [{"op": "replace", "path": "customerPO", "value": "PO-7"}]
    assert (await site.patch("finance/agreements/1", json=change)).status_code == 200
    added = (await site.add(1, effectiveDate="2026-04-01T00:00:00Z")).json()
    for kind, record in (("Agreement", 1), ("AgreementAddition", added["id"])):
        entries = (await site.get(TRAIL, params={"type": kind, "id": record})).json()
        assert entries
        assert {"text", "enteredDate", "enteredBy", "auditType", "auditSubType", "auditSource"} >= set(entries[0])
        assert all(isinstance(value, str) for entry in entries for value in entry.values())
        assert {entry["auditType"] for entry in entries} == {kind}
        count = await site.get(f"{TRAIL}/count", params={"type": kind, "id": record})
        assert count.json() == {"count": len(entries)}


async def test_unchanged_record_has_no_entry(site: Site) -> None:
    """3.5: only what happened."""
    assert (await site.get(TRAIL, params={"type": "Agreement", "id": 6})).json() == []


@pytest.mark.parametrize("query", [{}, {"type": "Agreement"}, {"id": "1"}, {"type": "Nothing", "id": "1"}])
async def test_type_and_id_are_both_needed(site: Site, query: dict[str, str]) -> None:
    """3.5: in practice."""
    assert (await site.get(TRAIL, params=query)).status_code == 400


async def test_trail_is_paged_by_number_only(site: Site) -> None:
    """2.4, 3.5: forward-only is not supported: the header changes nothing, or is refused."""
    for value in ("a", "b", "c"):
        await site.patch("company/companies/12", json=[{"op": "replace", "path": "city", "value": value}])
    query = {"type": "Company", "id": "12", "pageSize": "2"}
    answer = await site.get(TRAIL, params=query)
    assert len(answer.json()) == 2
    assert "page=2" in answer.links["next"]["url"]
    forward = await site.get(TRAIL, params=query, headers={"pagination-type": "forward-only"})
    assert forward.status_code == 400 or "pageId" not in forward.headers.get("link", "")
