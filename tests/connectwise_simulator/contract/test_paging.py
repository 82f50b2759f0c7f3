import asyncio
from itertools import pairwise

import httpx
import pytest

from tests.connectwise_simulator.conftest import Site
from tests.connectwise_simulator.contract.conftest import MakeSite

UNITS = "procurement/unitOfMeasures"
FORWARD = {"pagination-type": "forward-only"}
OURS = 'name like "Unit %"'


@pytest.fixture(scope="module", autouse=True)
async def sixty_units(site: Site) -> None:
    """58, and the two that every site has."""
    made = [site.post(UNITS, json={"name": f"Unit {number:03}"}) for number in range(58)]
    assert {answer.status_code for answer in await asyncio.gather(*made)} == {201}


async def _all(site: Site, url: str | httpx.URL, **headers: str) -> list[list[int]]:
    pages = []
    while url:
        answer = await site.get(url, headers=headers)
        pages.append([row["id"] for row in answer.json()])
        url = answer.links["next"]["url"] if "next" in answer.links else ""
    return pages


async def test_page_holds_25_unless_asked(site: Site) -> None:
    """2.4: the default of pageSize."""
    assert [len(page) for page in await _all(site, UNITS)] == [25, 25, 10]


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 400), (999999, 400)])
@pytest.mark.parametrize("knob", ["cap", "refuse"])
async def test_page_above_a_thousand_is_capped_or_refused(
    site_with: MakeSite, knob: str, size: int, status: int
) -> None:
    """2.4: one operator saw it capped, without an error (knob large_pages)."""
    site = await site_with(large_pages=knob)
    answer = await site.get(UNITS, params={"pageSize": size})
    assert answer.status_code == (status if knob == "refuse" else 200)


async def test_capped_page_holds_a_thousand(site_with: MakeSite) -> None:
    """2.4: and its links say so."""
    units = [{"id": 1, "name": "Each"}, *({"id": n, "name": f"Unit {n}"} for n in range(2, 1002))]
    many = await site_with({"unitOfMeasures": units})
    answer = await many.get(UNITS, params={"pageSize": 5000, "fields": "id"})
    assert len(answer.json()) == 1000
    assert "pageSize=1000&page=2>" in answer.headers["link"]


async def test_links_have_the_form_of_rfc_5988_and_lead_nowhere_never(site: Site) -> None:
    """2.4: first and prev are missing on the first page, next and last on the last."""
    asked = f"{UNITS}?pageSize=20"
    here = f"{site.base_url}{UNITS}?pageSize=20&page="
    links = [(await site.get(f"{asked}&page={page}")).headers["link"] for page in (1, 2, 3)]
    assert links == [
        f'<{here}2>; rel="next", <{here}3>; rel="last"',
        f'<{here}1>; rel="first", <{here}1>; rel="prev", <{here}3>; rel="next", <{here}3>; rel="last"',
        f'<{here}1>; rel="first", <{here}2>; rel="prev"',
    ]


async def test_list_of_one_page_has_no_link(site: Site) -> None:
    """2.4: nothing before it and nothing after."""
    assert "link" not in (await site.get("company/companies")).headers


async def test_page_past_the_end_is_200_and_empty(site: Site) -> None:
    """2.4: not a 404."""
    answer = await site.get(UNITS, params={"page": "9"})
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("headers", [{}, FORWARD])
async def test_links_keep_every_parameter_as_it_was_written(site: Site, headers: dict[str, str]) -> None:
    """2.4: a client that follows links keeps its filter."""
    query = {"conditions": OURS, "childConditions": "", "fields": "id,name", "pageSize": "30"}
    answer = await site.get(UNITS, params=query, headers=headers)
    url = httpx.URL(answer.links["next"]["url"])
    assert {k: v for k, v in url.params.items() if k not in ("page", "pageId")} == query
    following = await site.get(url, headers=headers)
    assert [len(answer.json()), len(following.json())] == [30, 28]


async def test_rows_shift_between_navigable_pages(site_with: MakeSite) -> None:
    """2.4: two pages of navigable paging are no snapshot: a row is lost when one before it goes."""
    site = await site_with()
    first = await site.ids("company/companies", pageSize="1", orderBy="identifier")
    await site.patch(
        f"company/companies/{first[0]}", json=[{"op": "replace", "path": "identifier", "value": "Zelkova"}]
    )
    second = await site.ids("company/companies", pageSize="1", page="2", orderBy="identifier")
    assert (first, second) == ([10], [12])  # 11 is on the first page now


async def test_forward_only_goes_by_id_and_ends_with_an_empty_link(site: Site) -> None:
    """2.4: the header is always there; `page` is ignored."""
    pages = await _all(site, f"{UNITS}?pageSize=20&page=7", **FORWARD)
    assert [len(page) for page in pages] == [20, 20, 20]
    ids = [number for page in pages for number in page]
    assert all(a < b for a, b in pairwise(ids))
    last = await site.get(UNITS, params={"pageId": ids[-1]}, headers=FORWARD)
    assert (last.json(), last.headers["link"]) == ([], "")


async def test_forward_only_link_names_the_last_id(site: Site) -> None:
    """2.4: `pageId` is the condition `id > pageId`."""
    answer = await site.get(f"{UNITS}?pageSize=7", headers=FORWARD)
    last = answer.json()[-1]["id"]
    assert answer.headers["link"] == f'<{site.base_url}{UNITS}?pageSize=7&pageId={last}>; rel="next"'
    greater = await site.get(UNITS, params={"conditions": f"id > {last}", "pageSize": "7"})
    assert (await site.get(answer.links["next"]["url"], headers=FORWARD)).json() == greater.json()


async def test_page_id_needs_the_header(site: Site) -> None:
    """2.4: the header `pagination-type` chooses the kind."""
    assert (await site.ids(UNITS, pageId="1000000")) != []


async def test_forward_only_refuses_order_by(site: Site) -> None:
    """2.4: it is ordered by id."""
    answer = await site.get(UNITS, params={"orderBy": "name"}, headers=FORWARD)
    assert answer.status_code == 400


@pytest.mark.parametrize(("name", "headers"), [("page", {}), ("pageSize", {}), ("pageId", FORWARD)])
@pytest.mark.parametrize("value", ["-1", "1.5", "x", "9" * 30])
async def test_page_that_is_no_number_is_refused(site: Site, name: str, headers: dict[str, str], value: str) -> None:
    """2.4: whole numbers, as published; the answer is assumed."""
    assert (await site.get(UNITS, params={name: value}, headers=headers)).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"conditions": OURS},
        {"conditions": "id < 0"},
        {"pageSize": "5", "page": "3"},
    ],
)
async def test_count_takes_the_same_filter_and_no_page(site: Site, query: dict[str, str]) -> None:
    """2.4: `{"count": N}`."""
    answer = await site.get(f"{UNITS}/count", params=query)
    every = {k: v for k, v in query.items() if k not in ("page", "pageSize")} | {"pageSize": "1000"}
    assert answer.json() == {"count": len((await site.get(UNITS, params=every)).json())}
