"""The pages for people: what they show, what their forms change, and what they never do."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectwise_simulator.pages.asked import Asked
from connectwise_simulator.pages.clock import month_end, next_month
from connectwise_simulator.pages.companies import companies, company
from connectwise_simulator.pages.faults import explained
from connectwise_simulator.pages.layout import document
from connectwise_simulator.pages.values import money, number
from connectwise_simulator.peers.faults import KINDS, FaultOrder
from connectwise_simulator.serve import application
from connectwise_simulator.tables import Table
from tests.connectwise_simulator.conftest import Site
from tests.connectwise_simulator.office import Office, monthly
from tests.connectwise_simulator.reading import Reading

ADDITION = "product: SEAT, price: 30, effective: 2025-06-01"
SECTIONS = (
    "",
    "/companies",
    "/agreements",
    "/catalog",
    "/invoices",
    "/audit",
    "/history",
    "/clock",
    "/faults",
    "/calls",
)


class People:
    """A browser without scripts, at the pages of an office's world."""

    def __init__(self, office: Office) -> None:
        self.office = office
        transport = httpx.ASGITransport(cast("Any", application(office.world)))
        self.browser = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def see(self, path: str, status: int = 200) -> Reading:
        answer = await self.browser.get(path if path == "/" else f"/sites/office{path}")
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return Reading(answer.text)

    async def send(self, page: str, /, **fields: str) -> Reading | None:
        """What the page says to a form; None where it did what was asked and leads back to itself."""
        answer = await self.browser.post(f"/sites/office{page}", data=fields)
        if answer.status_code == 303:
            assert answer.headers["location"] == f"/sites/office{page}"
            return None
        assert answer.status_code == 422, answer.text
        return Reading(answer.text)


@pytest.fixture
def office() -> Office:
    return Office(monthly("prorate: true", f"additions: [{{{ADDITION}, quantity: 10}}]"))


@pytest.fixture
async def people(office: Office) -> AsyncIterator[People]:
    found = People(office)
    async with found.browser:
        yield found


async def test_overview_shows_each_site_with_its_day_counts_and_public_keys(people: People) -> None:
    [row] = (await people.see("/")).table("Sites")
    assert (row["Company id"], row["Today"], row["Time zone"]) == ("office", "2026-03-10", "America/New_York")
    assert [row[name] for name in ("Companies", "Agreements", "Additions", "Catalog", "Invoices")] == list("11110")
    assert row["Public keys"] == "pub (admin)"


async def test_every_link_leads_to_a_page_that_can_be_used_without_mouse_script_or_sight(people: People) -> None:
    """All pages of a lively site, found by following links; none shows a private key."""
    people.office.site.keys["pub"].private = "canary-private-key"
    people.office.invoice("04-01")
    people.office.change("additions", 1, quantity=12)
    await people.send("/faults", kind="slow", delay="2")
    people.office.world.calls["office", "GET", "system/info"] += 3
    seen, to_see = set[str](), {"/", *(f"/sites/office{section}" for section in SECTIONS)}
    while to_see - seen:
        address = min(to_see - seen)
        seen.add(address)
        answer = await people.browser.get(address)
        page = Reading(answer.text)
        assert answer.status_code == 200, address
        assert "canary" not in answer.text
        assert "script" not in page.tags
        assert not [name for _, given in page.attributes for name in given if name.startswith("on") or name == "style"]
        assert len(page.texts["h1"]) == 1
        assert page.links[0] == "#content"
        assert not page.unlabelled(), address
        assert not page.repeated_ids(), address
        assert page.tags.count("table") == page.tags.count("caption") == page.tags.count("tbody")
        assert all(given.get("scope") for tag, given in page.attributes if tag == "th")
        to_see |= {link for link in page.links if link.startswith("/")}
    assert {"/sites/office/agreements/1", "/sites/office/companies/10", "/sites/office/invoices/1"} <= seen


async def test_page_may_load_nothing_and_run_nothing_but_its_own_style(people: People) -> None:
    answer = await people.browser.get("/sites/office/clock")
    policy = answer.headers["content-security-policy"]
    [style] = Reading(answer.text).texts["style"]
    assert f"style-src 'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy


@cache
def quiet_office() -> Office:
    """For examples by the hundred."""
    return Office(monthly())


def shown(office: Office, page: Callable[[Asked], Any], number_: int = 0, **query: str) -> str:
    view = page(Asked(office.world, office.site, number_, query))
    return bytes(document(view, office.site).body).decode()


@settings(max_examples=50)
@given(
    text=st.text(st.characters(), max_size=12)
    | st.sampled_from(["<script>alert(1)</script>", '"><b>', "&lt;", "\ud800"])
)
def test_any_text_is_shown_as_it_is_and_never_becomes_markup(text: str) -> None:
    office = quiet_office()
    record = {**office.record("companies", 10), "name": "plain", "city": "plain", "identifier": "plain"}
    office.site.tables["companies"].put(record)
    plain = Reading(shown(office, company, 10)), Reading(shown(office, companies, q=""))
    office.site.tables["companies"].put({**record, "name": text, "city": text, "identifier": text})
    one, many = Reading(shown(office, company, 10)), Reading(shown(office, companies, q=text))
    readable = text.encode("utf-8", "replace").decode()
    assert one.title == readable
    assert [tag for tag in one.tags if tag != "div"][:30] == [tag for tag in plain[0].tags if tag != "div"][:30]
    if text.strip():
        [box] = [given for tag, given in many.attributes if tag == "input"]
        assert box["value"] == text.strip().encode("utf-8", "replace").decode()
    [row] = many.table("Companies")
    assert row["Name"] == row["City"] == readable
    assert many.tags == plain[1].tags


async def test_company_called_like_a_script_is_only_called_so(site: Site) -> None:
    called = "<script>alert(1)</script>"
    made = await site.post("company/companies", json={"identifier": "s", "name": called, "site": {"name": "Main"}})
    assert made.status_code == 201, made.text
    for section in ("companies", "history", "audit", f"companies/{made.json()['id']}"):
        page = await site.get(f"{site.root}/sites/{site.company}/{section}")
        assert called not in page.text
        assert escape(called, quote=False) in page.text


async def test_agreement_shows_its_additions(people: People) -> None:
    people.office.add("03-17", "05-01", quantity=2.5, unitPrice=31.2456, lessIncluded=1, serialNumber="K7Q")
    first, second = (await people.see("/agreements/1")).table("Additions")
    assert (first["Id"], first["Product"], first["Quantity"], first["Price"]) == ("1", "SEAT Seat", "10", "30.00 USD")
    assert (first["Effective"], first["Cancelled"], first["Status"]) == ("2025-06-01", "", "Active")
    assert (second["Quantity"], second["Included"], second["Price"]) == ("2.5", "1", "31.2456 USD")
    assert (second["Amount"], second["Cost"]) == ("46.8684 USD", "20.00 USD")
    assert (second["Effective"], second["Cancelled"], second["Serial number"]) == ("2026-03-17", "2026-05-01", "K7Q")


def as_lines(lines: list[dict[str, Any]], currency: dict[str, Any]) -> list[tuple[str, ...]]:
    """Lines of the control API, as a table reads them."""
    return [
        (
            line["description"],
            line["first"],
            line["last"],
            f"{line['days']} of {line['periodDays']}",
            number(Decimal(str(line["quantity"]))),
            money(Decimal(str(line["unitPrice"])), currency),
            money(Decimal(str(line["amount"])), currency),
        )
        for line in lines
    ]


def read_lines(page: Reading) -> list[tuple[str, ...]]:
    names = ("Description", "First day", "Last day", "Days", "Quantity", "Unit", "Amount")
    return [tuple(row[name] for name in names) for row in page.table("Lines")]


async def test_next_invoice_is_the_control_apis(people: People) -> None:
    people.office.change("additions", 1, quantity=12)
    people.office.add("03-17", "05-10", quantity=2, unitPrice=31.5)
    control = await people.browser.get("/_simulator/sites/office/agreements/1/next-invoice")
    draft, currency = control.json(), people.office.record("agreements", 1)["currency"]
    assert len(draft["lines"]) > 2
    for path in ("/agreements/1", "/agreements/1/next-invoice"):
        page = await people.see(path)
        assert read_lines(page) == as_lines(draft["lines"], currency)
        assert page.facts["Total"] == money(Decimal(str(draft["total"])), currency)
        assert page.facts["Due"] == draft["due"]
        assert draft["refused"] in page.texts["p"]


async def test_made_invoice_shows_its_lines_and_total_and_stands_under_its_agreement(people: People) -> None:
    made = people.office.invoice("04-01")
    currency = made["currency"]
    page = await people.see(f"/invoices/{made['id']}")
    assert read_lines(page) == as_lines(made["lines"], currency)
    assert (page.facts["Total"], page.facts["Period"]) == ("300.00 USD", "2026-04-01 to 2026-04-30")
    [row] = (await people.see("/invoices?agreement=1")).table("Invoices")
    assert (row["Date"], row["Total"], row["Agreement"]) == ("2026-04-01", "300.00 USD", "A1")
    agreement = await people.see("/agreements/1")
    assert agreement.texts["summary"] == ["1 of 2026-04-01, 300.00 USD"]


async def test_child_says_whose_invoice_it_is_on() -> None:
    people = People(Office(monthly(), monthly("parent: A1", number=2)))
    assert "A child agreement is invoiced with its parent." in (await people.see("/agreements/2")).texts["p"]


async def test_invoice_of_many_lines_is_read_page_by_page() -> None:
    many = Office(monthly(f"additions: [{', '.join([f'{{{ADDITION}, quantity: 1}}'] * 60)}]"))
    people = People(many)
    page = await people.see("/agreements/1")
    assert len(page.table("Additions (60)")) == len(page.table("Lines (60)")) == 50
    assert "/sites/office/agreements/1/next-invoice" in page.links
    assert len((await people.see("/agreements/1/next-invoice?page=2")).table("Lines")) == 10
    assert len((await people.see("/agreements/1?page=2")).table("Additions")) == 10


@pytest.fixture
async def crowd() -> AsyncIterator[People]:
    """120 companies, each with an agreement."""
    found = People(Office(monthly()))
    company_, agreement = found.office.record("companies", 10), found.office.record("agreements", 1)
    for new in range(11, 130):
        named = {"id": new, "identifier": f"C{new}", "name": f"Company {new}"}
        found.office.site.tables["companies"].put({**company_, **named})
        found.office.site.tables["agreements"].put({**agreement, "id": new, "company": named})
    async with found.browser:
        yield found


async def test_companies_come_fifty_a_page_and_can_be_searched(crowd: People) -> None:
    pages = [await crowd.see(f"/companies?page={n}") for n in (1, 2, 3)]
    assert [int(row["Id"]) for page in pages for row in page.table("Companies (120)")] == list(range(10, 130))
    assert "/sites/office/companies?page=2" in pages[0].links
    assert [row["Name"] for row in (await crowd.see("/companies?q=ANY+77")).table("Companies")] == ["Company 77"]
    searched = await crowd.see("/companies?q=company")
    assert "/sites/office/companies?q=company&page=2" in searched.links
    assert "Companies (0): none." in (await crowd.see("/companies?q=zzz")).texts["p"]


class Watched(Table):
    """Counts the records that a page looks at."""

    looked_at = 0

    def listed(self, parent: int | None = None, after: int = 0, wanted: Any = ()) -> Any:
        for record in super().listed(parent, after, wanted):
            self.looked_at += 1
            yield record


async def test_company_finds_its_agreements_by_index(crowd: People) -> None:
    tables = crowd.office.site.tables
    watched = tables["agreements"]
    watched.__class__ = Watched
    assert isinstance(watched, Watched)
    assert len((await crowd.see("/companies/77")).table("Agreements")) == 1
    assert watched.looked_at == 1


async def test_catalog_shows_prices_in_the_sites_currency(people: People) -> None:
    [row] = (await people.see("/catalog?q=seat")).table("Catalog")
    assert (row["Identifier"], row["Price"], row["Cost"], row["Inactive"]) == ("SEAT", "30.00 USD", "20.00 USD", "no")


async def test_audit_trail_is_in_words_the_newest_first_and_can_be_narrowed(people: People) -> None:
    people.office.change("additions", 1, quantity=12)
    people.office.change("catalog", 50, description="Seats")
    texts = [row["What"] for row in (await people.see("/audit")).table("Audit trail")]
    assert texts == [
        'CatalogItem SEAT: description was changed from "Seat" to "Seats".',
        "Addition SEAT: quantity was changed from 10 to 12.",
    ]
    only = (await people.see("/audit?type=AgreementAddition")).table("Audit trail")
    assert [row["Type"] for row in only] == ["AgreementAddition"]


@pytest.mark.parametrize("section", ["history", "audit"])
async def test_long_history_is_read_page_by_page_without_a_gap(people: People, section: str) -> None:
    for quantity in range(20, 140):
        people.office.change("additions", 1, quantity=quantity)
    rows, path = list[dict[str, str]](), f"/{section}"
    while path:
        page = await people.see(path)
        rows += next(iter(page.tables.values()))
        older = [link for link in page.links if "before=" in link]
        path = older[0].removeprefix("/sites/office") if older else ""
    assert len(rows) == 120
    if section == "history":
        assert [int(row["No."]) for row in rows] == list(range(120, 0, -1))


async def test_history_shows_what_the_client_was_told_of_a_change_that_happened(site: Site) -> None:
    await site.fault("500_after", method="POST", path="additions", times=1)
    assert (await site.add(1, quantity=3, effectiveDate="2026-04-01T00:00:00Z")).status_code == 500
    page = Reading((await site.get(f"{site.root}/sites/{site.company}/history?type=additions")).text)
    [row] = page.table("History")
    assert (row["Call"], row["Told"], row["Member"]) == (
        "POST /v4_6_release/apis/3.0/finance/agreements/1/additions",
        "500",
        "pub",
    )
    assert '"quantity":3' in row["What"]


async def test_what_happened_elsewhere_is_not_a_sites_history(people: People) -> None:
    other = "{company_id: other, keys: [{public: p, private: q}], companies: [{id: 10, identifier: X, name: X}]}"
    await people.browser.post("/_simulator/sites", content=f"sites: [{other}]")
    edit = {"table": "companies", "id": 10, "values": {"name": "Y"}}
    assert (await people.browser.post("/_simulator/sites/other/edit", json=edit)).status_code == 200
    for section in ("history", "audit"):
        assert not (await people.see(f"/{section}")).tables


async def test_history_does_not_show_passwords(people: People) -> None:
    people.office.site.put(people.office.actor, "members", None, {"id": 900, "identifier": "x", "password": "canary"})
    answer = await people.browser.get("/sites/office/history")
    assert "canary" not in answer.text
    assert '"password":"(not shown)"' in "".join(Reading(answer.text).texts["pre"])


@pytest.mark.parametrize(
    ("fields", "today"),
    [
        ({"do": "advance", "days": "3"}, "2026-03-13"),
        ({"do": "month-end"}, "2026-03-31"),
        ({"do": "next-month"}, "2026-04-01"),
        ({"do": "set", "day": "2026-02-28"}, "2026-02-28"),
        ({"do": "set", "day": "2026-12-31", "time": "23:50"}, "2026-12-31"),
    ],
)
async def test_clock_is_set_and_advanced(people: People, fields: dict[str, str], today: str) -> None:
    assert await people.send("/clock", **fields) is None
    assert (await people.see("/clock")).facts["Today"] == today


@given(st.dates())
def test_month_ends_are_last_days_after_today(today: date) -> None:
    if today < date.max - timedelta(days=62):
        end, first = month_end(today), next_month(today)
        assert end > today
        assert (end + timedelta(days=1)).day == first.day == 1
        assert today < first <= end + timedelta(days=1) <= today + timedelta(days=62)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"do": "set", "day": "2026-02-30"}, "a day is written 2026-03-31"),
        ({"do": "set"}, "a day is written 2026-03-31"),
        ({"do": "set", "day": "2526-01-01"}, "a day should be from 1980-01-01 to 2199-12-31"),
        ({"do": "set", "day": "2026-03-31", "time": "25:00"}, "a time is written 23:50"),
        ({"do": "advance", "days": "999999"}, "a day should be from"),
        ({"do": "advance", "days": "1" * 5000}, "a number of days"),
        ({"do": "advance", "days": "-1"}, "a number of days"),
        ({"do": "anything"}, "a number of days"),
    ],
)
async def test_clock_that_cannot_be_turned_says_why_and_stays(
    people: People, fields: dict[str, str], reason: str
) -> None:
    page = await people.send("/clock", **fields)
    assert page is not None
    [alert] = page.alerts
    assert reason in alert
    assert page.facts["Today"] == "2026-03-10"


async def test_turned_clock_brings_what_the_days_bring_and_is_kept(people: People, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    people.office.change("agreements", 1, autoInvoiceFlag=True)
    people.office.world.journal.open(journal)
    assert await people.send("/clock", do="next-month") is None
    assert '["clock","office",' in journal.read_text()
    assert len((await people.see("/invoices")).table("Invoices (1)")) == 1


async def test_statuses_are_todays_though_nobody_called_the_api(people: People) -> None:
    people.office.cancel(1, "03-20")
    people.office.site.clock.set(date(2026, 3, 21))
    [row] = (await people.see("/agreements/1")).table("Additions")
    assert row["Status"] == "Cancelled"


async def test_fault_ordered_on_the_page_strikes_and_is_counted(site: Site) -> None:
    here = f"{site.root}/sites/{site.company}/faults"
    order = {"kind": "502_before", "method": "GET", "path": "companies$", "nth": "2", "times": "2", "probability": ""}
    assert (await site.post(here, data=order)).status_code == 303
    statuses = [(await site.get("company/companies")).status_code for _ in range(4)]
    assert statuses == [200, 502, 502, 200]
    [row] = Reading((await site.get(here)).text).table("Ordered faults")
    assert (row["Strikes"], row["Matched"], row["Struck"]) == ("on call 2 to 3", "4", "2")
    assert (await site.post(here, data={"do": "drop"})).status_code == 303
    assert await site.control("GET", f"faults?site={site.company}") == [
        rule for rule in await site.control("GET", "faults") if rule["site"] != site.company
    ]


async def test_site_shows_its_own_faults_and_those_of_every_site_and_drops_what_is_asked(people: People) -> None:
    for whom in ("this", "every"):
        assert await people.send("/faults", kind="reset_after", whom=whom, probability="0.25", times="3") is None
    people.office.world.faults.add(FaultOrder(kind="401", site="elsewhere"))
    rows = (await people.see("/faults")).table("Ordered faults")
    assert [(row["Site"], row["Strikes"]) for row in rows] == [
        ("office", "with probability 0.25, 3 times"),
        ("every site", "with probability 0.25, 3 times"),
    ]
    await people.send("/faults", do="drop")
    assert [rule["site"] for rule in people.office.world.faults.view()] == [None, "elsewhere"]
    await people.send("/faults", do="drop-all")
    assert people.office.world.faults.view() == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "no_such"}, "not a kind of fault"),
        ({"kind": "401", "path": "("}, "not a regular expression"),
        ({"kind": "401", "nth": "abc"}, "nth:"),
        ({"kind": "401", "nth": "0"}, "nth:"),
        ({"kind": "401", "probability": "nan"}, "probability:"),
        ({"kind": "401", "nth": "1", "probability": "0.5"}, "on the nth call or by chance"),
        ({"kind": "black_hole"}, "needs `delay`"),
        ({"path": "x"}, "kind: Field required"),
    ],
)
async def test_fault_that_cannot_be_ordered_says_why_and_keeps_what_was_written(
    people: People, fields: dict[str, str], reason: str
) -> None:
    page = await people.send("/faults", **fields)
    assert page is not None
    [alert] = page.alerts
    assert reason in alert
    assert people.office.world.faults.view() == []
    boxes = {given["name"]: given.get("value") for tag, given in page.attributes if tag == "input"}
    assert {name: boxes[name] for name in fields if name != "kind"} == {k: v for k, v in fields.items() if k != "kind"}


async def test_every_kind_of_fault_can_be_chosen_with_what_it_does(people: People) -> None:
    options = (await people.see("/faults")).texts["option"]
    assert [f"{kind}: {explained(kind)}" for kind in KINDS] == options[: len(KINDS)]
    assert len({explained(kind) for kind in KINDS}) == len(KINDS)


async def test_calls_are_counted_by_route_and_forgotten_on_demand(site: Site) -> None:
    here = f"{site.root}/sites/{site.company}/calls"
    for _ in range(2):
        await site.get("company/companies/10")
    assert Reading((await site.get(here)).text).table("API calls (2)") == [
        {"Call": "GET company/companies/{}", "Times": "2"}
    ]
    assert (await site.post(here, data={"do": "forget"})).status_code == 303
    assert "API calls (0): none." in Reading((await site.get(here)).text).texts["p"]


FOREIGN = [
    {"origin": "http://elsewhere.example"},
    {"origin": "null"},
    {"origin": "http://localhost:81"},
    {"sec-fetch-site": "cross-site", "origin": "http://localhost"},
    {"sec-fetch-site": "same-site"},
]
OWN = [
    {},
    {"origin": "http://localhost"},
    {"origin": "https://LocalHost"},
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_page_of_another_origin_changes_nothing(people: People, headers: dict[str, str]) -> None:
    clock = await people.browser.post("/sites/office/clock", data={"do": "next-month"}, headers=headers)
    order = await people.browser.post("/_simulator/faults", content='{"kind": "401"}', headers=headers)
    assert (clock.status_code, order.status_code) == (403, 403)
    assert str(people.office.site.clock.today()) == "2026-03-10"
    assert people.office.world.faults.view() == []


@pytest.mark.parametrize("headers", OWN)
async def test_own_page_and_programs_may_change_things(people: People, headers: dict[str, str]) -> None:
    clock = await people.browser.post("/sites/office/clock", data={"do": "next-month"}, headers=headers)
    order = await people.browser.post("/_simulator/faults", content='{"kind": "401"}', headers=headers)
    assert (clock.status_code, order.status_code) == (303, 201)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sites/nobody", 404),
        ("/sites/<script>", 404),
        ("/sites/office/nothing", 404),
        ("/sites/office/companies?page=abc", 400),
        ("/sites/office/companies?page=-1", 400),
        ("/sites/office/companies?page=0", 400),
        ("/sites/office/companies?page=2", 404),
        ("/sites/office/companies?page=" + "9" * 5000, 400),
        ("/sites/office/companies?page=%D9%A1", 400),  # a digit, of another script
        ("/sites/office/companies/11", 404),
        ("/sites/office/agreements/abc", 400),
        ("/sites/office/agreements/-1", 400),
        ("/sites/office/agreements/2/next-invoice", 404),
        ("/sites/office/invoices/1", 404),
        ("/sites/office/invoices?agreement=7", 404),
        ("/sites/office/invoices?company=x", 400),
        ("/sites/office/audit?type=Nothing", 400),
        ("/sites/office/history?before=abc", 400),
        ("/sites/office/history?type=%00", 400),
    ],
)
async def test_wrong_address_gets_a_page_that_says_so(people: People, path: str, status: int) -> None:
    answer = await people.browser.get(path)
    assert answer.status_code == status
    page = Reading(answer.text)
    assert page.title in ("Not found", "Not understood")
    assert "script" not in page.tags


@settings(max_examples=50)
@given(
    section=st.sampled_from(SECTIONS),
    query=st.dictionaries(
        st.sampled_from(("page", "q", "type", "before", "agreement", "company")), st.text(max_size=6), max_size=3
    ),
)
async def test_no_query_is_a_failure(section: str, query: dict[str, str]) -> None:
    answer = await People(quiet_office()).browser.get(f"/sites/office{section}", params=query)
    assert answer.status_code in (200, 400, 404)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"do": "next-month"}', "application/json"),
        (b"do=next-month&" + b"x" * 70_000, "application/x-www-form-urlencoded"),
        (b"do=next-month" + b"&x=1" * 100, "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_of_ours_changes_nothing(people: People, content: bytes, kind: str) -> None:
    answer = await people.browser.post("/sites/office/clock", content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert str(people.office.site.clock.today()) == "2026-03-10"


async def test_page_without_a_form_takes_none(people: People) -> None:
    assert (await people.browser.post("/sites/office/companies", data={"x": "1"})).status_code == 405


async def test_browser_that_looks_around_makes_no_api_call(people: People) -> None:
    await people.browser.post("/_simulator/faults", json={"kind": "401", "nth": 1})
    for path in ("/", "/favicon.ico", "/sites/office", "/sites/office/nothing", "/_simulator/faults"):
        await people.browser.get(path)
    assert not people.office.world.calls
    assert people.office.world.faults.view()[0]["matched"] == 0


async def test_api_of_a_codebase_called_sites_is_reached(site: Site) -> None:
    await site.control("POST", f"sites/{site.company}/settings", json={"codebase": "sites/"})
    assert (await site.get(f"{site.root}/sites/apis/3.0/system/info")).json()["version"]


def test_money_has_its_currencys_digits_or_more() -> None:
    yen, euro = (
        {"currencyIdentifier": "JPY", "numberOfDecimals": 0},
        {"currencyIdentifier": "EUR", "numberOfDecimals": 2},
    )
    assert money(Decimal("1234567.5"), euro) == "1,234,567.50 EUR"
    assert money(Decimal("5.2456"), euro) == "5.2456 EUR"
    assert money(Decimal(-1200), yen) == "-1,200 JPY"
    assert money(Decimal(3), None) == "3.00"
    assert not re.search("[0-9]", money(None, euro))
