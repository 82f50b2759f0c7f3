from itertools import pairwise

from tests.connectwise_simulator.conftest import Site


async def _fill(site: Site, count: int) -> None:
    for number in range(count):
        answer = await site.post("procurement/unitOfMeasures", json={"name": f"Unit {number:03}"})
        assert answer.status_code == 201


async def test_navigable_pages_hold_25_and_link_both_ways(site: Site) -> None:
    await _fill(site, 58)  # and two usual ones
    first = await site.get("procurement/unitOfMeasures")
    assert len(first.json()) == 25
    assert set(first.links) == {"next", "last"}
    second = await site.get(first.links["next"]["url"])
    assert set(second.links) == {"first", "prev", "next", "last"}
    last = await site.get(second.links["last"]["url"])
    assert len(last.json()) == 10
    assert set(last.links) == {"first", "prev"}


async def test_page_past_the_end_is_empty(site: Site) -> None:
    answer = await site.get("company/companies", params={"page": "9"})
    assert (answer.status_code, answer.json()) == (200, [])


async def test_forward_only_ends_with_an_empty_link(site: Site) -> None:
    await _fill(site, 8)
    seen, url = [], "procurement/unitOfMeasures?pageSize=4&page=7"
    while url:
        answer = await site.get(url, headers={"pagination-type": "forward-only"})
        seen += [row["id"] for row in answer.json()]
        assert "link" in answer.headers
        url = answer.links["next"]["url"] if answer.headers["link"] else ""
    assert len(seen) == 10
    assert all(a < b for a, b in pairwise(seen))


async def test_forward_only_keeps_the_filter_in_its_links(site: Site) -> None:
    await _fill(site, 8)
    query = {"conditions": 'name like "Unit %"', "pageSize": "3"}
    answer = await site.get("procurement/unitOfMeasures", params=query, headers={"pagination-type": "forward-only"})
    assert "conditions=" in answer.links["next"]["url"]


async def test_forward_only_refuses_order_by(site: Site) -> None:
    answer = await site.get("company/companies?orderBy=name", headers={"pagination-type": "forward-only"})
    assert answer.status_code == 400


async def test_count_uses_the_same_filter(site: Site) -> None:
    answer = await site.get("company/companies/count", params={"conditions": 'identifier = "alder"'})
    assert answer.json() == {"count": 1}


async def test_order_by_several_names(site: Site) -> None:
    answer = await site.get("company/companies", params={"orderBy": "status/name desc, name", "fields": "id"})
    assert [row["id"] for row in answer.json()] == [11, 10, 12]


async def test_fields_select_nested_members_and_ignore_unknown_ones(site: Site) -> None:
    answer = await site.get("company/companies/10", params={"fields": "id,status/name,assignedTo"})
    assert answer.json() == {"id": 10, "status": {"name": "Active"}}


async def test_info_is_in_a_whole_record_and_otherwise_only_if_named(site: Site) -> None:
    assert "lastUpdated" in (await site.get("company/companies/10")).json()["_info"]
    named = await site.get("company/companies/10", params={"fields": "id,_info"})
    assert set(named.json()) == {"id", "_info"}


async def test_null_members_are_left_out(site: Site) -> None:
    assert "nextInvoiceDate" not in (await site.get("finance/agreements/2")).json()
