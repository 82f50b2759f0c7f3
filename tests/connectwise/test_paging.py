"""Both kinds of paging: to the end, with the same filters on every page, whatever happens meanwhile."""

import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectwise import ConditionTooLong, NewAddition, Ref, ScanBroken, custom_field, where
from connectwise.paging import forward_pages, numbered_pages
from httpkit import ApiError
from tests.connectwise.rehearsal import MONTHLY, SEAT, Rehearsal
from tests.connectwise.site import calls, connected
from tests.httpkit.peer import Behaviour, in_turn, reply


def numbered(ids: list[int], *, following: int | None, last: int = 9) -> Behaviour:
    query = "orderBy=name%20asc&pageSize=2"
    links = [f'<https://elsewhere.example/x?{query}&page=1>; rel="first"']
    if following is not None:
        links.append(f'<https://elsewhere.example/x?{query}&page={following}>; rel="next"')
        links.append(f'<https://elsewhere.example/x?{query}&page={last}>; rel="last"')
    return reply(200, [{"id": number} for number in ids], headers={"Link": ", ".join(links)})


async def test_ordered_list_is_read_by_numbered_pages_to_the_end() -> None:
    api = in_turn(numbered([3, 1], following=2), numbered([], following=3), numbered([2], following=None))
    async with connected(api) as (psa, there):
        order = where.Agreement.name.ascending.then(where.Agreement.start_date.descending)
        found = await psa.agreements.list(
            where.Agreement.company_id == 12, custom=custom_field("Tier") == 5, order_by=order, fields=("name",)
        )
    assert [each.id for each in found] == [3, 1, 2]
    assert [asked.query["page"] for asked in calls(there)] == ["1", "2", "3"]
    for asked in calls(there):
        assert asked.query["conditions"] == "company/id = 12"
        assert asked.query["customFieldConditions"] == 'caption = "Tier" AND value = 5'
        assert asked.query["orderBy"] == "name asc, startDate desc"
        assert asked.query["fields"] == "id,name"
        assert "pagination-type" not in asked.headers


@pytest.mark.parametrize(
    "second",
    [
        numbered([4], following=2),  # goes round in a circle
        numbered([4], following=1),
        reply(200, [{"id": 4}], headers={"link": '<https://x/?pageId=5>; rel="next"'}),
        reply(200, [{"id": number} for number in range(1, 501)]),  # a full page that does not say what comes next
        reply(200, {}),
        reply(500, {}),
    ],
)
async def test_ordered_list_that_does_not_reach_its_end_raises(second: Behaviour) -> None:
    async with connected(in_turn(numbered([1, 2], following=2), second)) as (psa, _):
        with pytest.raises(ApiError) as caught:
            await psa.agreements.list(order_by=where.Agreement.id.ascending)
    assert isinstance(caught.value, ScanBroken) or caught.value.status == 500


async def test_ordered_list_of_one_page_may_have_no_link() -> None:
    async with connected(reply(200, [{"id": 1}])) as (psa, there):
        assert len(await psa.agreements.list(order_by=where.Agreement.id.ascending)) == 1
    assert len(calls(there)) == 1


FULL = reply(200, [{"id": number} for number in range(1, 501)])


@pytest.mark.parametrize(
    ("behind", "read"),
    [
        ([reply(200, [])], 500),  # past the end (contract 2.4)
        ([reply(200, [], headers={"link": '<https://x/?page=1>; rel="first"'})], 500),
        ([numbered([501], following=3), numbered([502], following=None)], 502),
    ],
)
async def test_full_page_that_does_not_say_what_comes_next_is_looked_behind(behind: list[Behaviour], read: int) -> None:
    async with connected(in_turn(FULL, *behind)) as (psa, there):
        found = await psa.agreements.list(order_by=where.Agreement.id.ascending)
    assert [each.id for each in found] == list(range(1, read + 1))
    assert [asked.query["page"] for asked in calls(there)] == ["1", "2", "3"][: 1 + len(behind)]
    assert {asked.query["orderBy"] for asked in calls(there)} == {"id asc"}


@pytest.mark.parametrize("behind", [FULL, reply(200, [{"id": 501}])])
async def test_rows_behind_a_page_that_says_nothing_are_not_taken_for_all(behind: Behaviour) -> None:
    """Perhaps the site ignores the number, and these are the first page again."""
    async with connected(in_turn(FULL, behind)) as (psa, there):
        pages = numbered_pages(psa._calls, "/finance/agreements", {}, page_size=500)
        assert len((await anext(pages))[0]) == 500
        with pytest.raises(ScanBroken):
            await anext(pages)
    assert len(calls(there)) == 2


@pytest.mark.parametrize("size", [1, 2, 3, 4])
async def test_ordered_list_is_complete_whatever_the_page_size(rehearsal: Rehearsal, size: int) -> None:
    async with rehearsal.another_client(page_size=size) as psa:
        found = [each.id for each in await psa.companies.list(order_by=where.Company.id.descending)]
    assert found == [12, 11, 10]


async def test_ordered_list_is_not_asked_for_in_parts() -> None:
    async with connected(reply(200, [])) as (psa, there):
        with pytest.raises(ConditionTooLong):
            await psa.agreements.list(where.Agreement.id.in_(range(2000)), order_by=where.Agreement.id.ascending)
    assert there.asked == []


async def test_filters_on_rows_leave_room_for_the_others() -> None:
    async with connected(reply(200, [], headers={"link": ""})) as (psa, there):
        child = where.Company.types_name == "x" * 900
        await psa.companies.list(where.Company.id.in_(range(1, 400)), child=child)
        with pytest.raises(ConditionTooLong):
            await psa.companies.list(child=where.Company.types_name == "x" * 2000)
    assert len(calls(there)) > 1
    assert max(len(asked.target) for asked in calls(there)) <= 1745
    assert {asked.query["childConditions"] for asked in calls(there)} == {f'types/name = "{"x" * 900}"'}


async def test_scan_keeps_one_page_in_memory() -> None:
    """A page is let go before the next one is asked for, however long the list is."""
    pages = in_turn(
        *(reply(200, [{"id": n}], headers={"link": f'<https://x/?pageId={n}>; rel="next"'}) for n in range(1, 50)),
        reply(200, [], headers={"link": ""}),
    )
    async with connected(pages) as (psa, there):
        asked_before = []
        async for _rows, _answer in forward_pages(psa._calls, "/finance/agreements", {}):
            asked_before.append(len(calls(there)))
    assert asked_before == list(range(1, 51))


async def test_audit_trail_has_numbered_pages() -> None:
    first = reply(200, [{"text": "a"}], headers={"link": '<https://x/?type=Agreement&id=5&page=2>; rel="next"'})
    async with connected(in_turn(first, reply(200, [{"text": "b"}]))) as (psa, there):
        entries = [entry.text async for entry in psa.system.audit_trail("Agreement", 5)]
    assert entries == ["a", "b"]
    assert [(asked.query["type"], asked.query["id"], asked.query["page"]) for asked in calls(there)] == [
        ("Agreement", "5", "1"),
        ("Agreement", "5", "2"),
    ]
    assert not any("pagination-type" in asked.headers for asked in calls(there))


Step = tuple[str, int]
steps = st.lists(st.tuples(st.sampled_from(["add", "delete"]), st.integers(0, 9)), max_size=6)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(1, 6), size=st.integers(1, 4), meanwhile=st.lists(steps, max_size=4))
async def test_scan_loses_nothing_that_was_there_all_the_time(
    rehearsal: Rehearsal, first: int, size: int, meanwhile: Sequence[list[Step]]
) -> None:
    """Additions come and go between the pages; each that stayed is found, and none is found twice."""
    additions, mark = rehearsal.psa.additions(MONTHLY), secrets.token_hex(4)
    new = NewAddition(product=Ref(id=SEAT), quantity=1, effective_date=date(2026, 4, 1), serial_number=mark)
    stayed = {(await additions.create(new)).id for _ in range(first)}
    left, found = list(meanwhile), list[int]()
    params: dict[str, str | int] = {"pageSize": size, "conditions": (where.Addition.serial_number == mark).text}
    async for rows, _ in forward_pages(additions._calls, additions._path, params):
        found += [row["id"] for row in rows]
        for step, number in left.pop(0) if left else []:
            if step == "add":
                await additions.create(new)
            elif stayed:
                gone = sorted(stayed)[number % len(stayed)]
                await additions.delete(gone)
                stayed.remove(gone)
    assert len(found) == len(set(found))
    assert stayed <= set(found)


async def test_builder_and_python_select_the_same_rows(rehearsal: Rehearsal) -> None:
    psa = rehearsal.psa
    every = await psa.companies.list()
    name: Any = where.Company.name
    for condition, holds in (
        (name == "Birch [West] 100%_", lambda text: text == "Birch [West] 100%_"),
        (name.contains("[West]"), lambda text: "[West]" in text),
        (name.contains("%_"), lambda text: "%_" in text),
        (name.starts_with('Cedar "'), lambda text: text.startswith('Cedar "')),
        (~name.contains("&"), lambda text: "&" not in text),
        (name.in_(["Alder & Ash", 'Cedar "North"']), lambda text: text in {"Alder & Ash", 'Cedar "North"'}),
    ):
        found = await psa.companies.list(condition)
        assert {each.id for each in found} == {each.id for each in every if holds(each.name)}, condition
