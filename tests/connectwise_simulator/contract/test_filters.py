from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.connectwise_simulator.conftest import Site

COMPANIES = "company/companies"
NAMES = ['plain "quoted"', "it's", "50% off", "[bracket]", "a_b", "back\\slash", "star*", "both ' and \"", "A&B + C"]


@pytest.fixture(scope="module", autouse=True)
async def facts(site: Site) -> None:
    """A company with custom fields, one with two kinds of contact data, and names that are hard to ask for."""
    fields: list[dict[str, Any]] = [{"caption": "TomNumber", "value": "abc"}, {"caption": "Rank", "value": 7}]
    for number, kind in enumerate(("Text", "Number"), 1):
        definition = {"caption": fields[number - 1]["caption"], "sequenceNumber": number, "fieldTypeIdentifier": kind}
        made = await site.post("system/userDefinedFields", json={"podId": 1, "screenId": "company", **definition})
        assert made.status_code == 201, made.text
    for number, (caption, kind) in enumerate((("TomNumber", "Text"), ("Rank", "Number")), 1):
        field = {"podId": 1, "screenId": "company", "caption": caption, "sequenceNumber": number}
        made = await site.post("system/userDefinedFields", json={**field, "fieldTypeIdentifier": kind})
        assert made.status_code == 201
    changed = [{"op": "replace", "path": "customFields", "value": fields}]
    assert (await site.patch(f"{COMPANIES}/11", json=changed)).status_code == 200
    items = [
        {"type": {"id": 1, "name": "Email"}, "value": "bo@birch.example", "communicationType": "Email"},
        {"type": {"id": 2, "name": "Direct"}, "value": "555-0100", "communicationType": "Phone"},
    ]
    body = {"firstName": "Bo", "company": {"id": 11}, "communicationItems": items}
    assert (await site.post("company/contacts", json=body)).status_code == 201
    for name in NAMES:
        assert (await site.post("procurement/types", json={"name": name})).status_code == 201


async def _refused(site: Site, path: str, **query: str) -> str:
    answer = await site.get(path, params=query)
    assert answer.status_code == 400
    body = answer.json()
    assert set(body) == {"code", "message"}  # no `errors` key in this one
    assert body["code"] == "ApiFindCondition"
    return str(body["message"])


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ("id = 10", [10]),
        ("id != 10", [11, 12]),
        ("id < 11", [10]),
        ("id <= 11", [10, 11]),
        ("id > 11", [12]),
        ("id >= 11", [11, 12]),
        ("id>=11 and id<12", [11]),
        ("id > -1", [10, 11, 12]),
        ("id < 10.5", [10]),
        ('name contains "DE"', [10]),
        ('name not contains "de"', [11, 12]),
        ("name like '%north%'", [12]),
        ('name like "*north*"', [12]),
        ('name like "north"', []),
        ('name not like "%e%"', []),
        ("name not like 'A%'", [11, 12]),
        ("id in (10, 12)", [10, 12]),
        ("id not in (10,12)", [11]),
        ("identifier in (\"alder\", 'CEDAR')", [10, 12]),
        ("id in (10)", [10]),
        ('name = "ALDER & ASH"', [10]),
        ("name = 'alder & ash'", [10]),
        ('name > "b"', [11, 12]),
        ('name contains "l*r"', [10]),
        ('name = "*alder*"', []),
        ('status/name = "*act*"', []),
        ('name in ("alder*", "%")', []),
        ('name != "*"', [10, 11, 12]),
        ("name like '_lder%'", [10]),
    ],
)
async def test_operators(site: Site, conditions: str, ids: list[int]) -> None:
    """2.5: every operator and its negation; texts compare in any case [assumed: the collation].

    `*` and `%` stand for themselves outside like and contains: 2.5 shows them with `like` [assumed].
    """
    assert await site.ids(COMPANIES, conditions=conditions) == ids


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ("id = 10 or id = 11 and id = 12", [10]),
        ("(id = 10 or id = 11) and id = 11", [11]),
        ("ID = 10 OR Id = 12", [10, 12]),
        ("id = 10 Or id = 12 aNd name contains 'cedar'", [10, 12]),
        ("((id = 10))", [10]),
        ("NAME LIKE 'ald%' AND Status/Id = 1", [10]),
        ("STATUS/NAME = 'inactive'", [11]),
    ],
)
async def test_logic_and_names_are_read_in_any_case(site: Site, conditions: str, ids: list[int]) -> None:
    """2.5: AND, OR, parentheses and names."""
    assert await site.ids(COMPANIES, conditions=conditions) == ids


@pytest.mark.parametrize(
    ("path", "conditions", "ids"),
    [
        (COMPANIES, "deletedFlag = FALSE", [10, 11, 12]),
        (COMPANIES, "deletedFlag = True", []),
        (COMPANIES, "deletedFlag != true", [10, 11, 12]),
        (COMPANIES, "phoneNumber = null", [10, 11, 12]),
        (COMPANIES, "phoneNumber != NULL", []),
        (COMPANIES, 'phoneNumber != "1"', []),
        (COMPANIES, 'phoneNumber not like "1%"', []),
        ("finance/agreements", "parentAgreement = null", [1, 2, 3, 5, 6]),
        ("finance/agreements", "parentAgreement/id != null", [4]),
        ("finance/agreements", "endDate = [2025-01-01]", [6]),
    ],
)
async def test_flags_and_null(site: Site, path: str, conditions: str, ids: list[int]) -> None:
    """2.5: true and false in any case; null finds what is left out of answers, and nothing else is compared with it."""
    assert await site.ids(path, conditions=conditions) == ids


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ("startDate = [2024-01-01T00:00:00Z]", [5, 6]),
        ("startDate = [2024-01-01]", [5, 6]),
        ("startDate < [2024-01-01T00:00:01Z]", [5, 6]),
        ("startDate < [2024-01-01T00:00:00Z]", []),
        ("startDate >= [2024-01-01T01:00:00+01:00]", [1, 2, 3, 4, 5, 6]),
        ("startDate > [2024-01-01T00:00:00Z] and startDate <= [2025-01-01]", [1, 2, 3, 4]),
        ("startDate < [0001-01-01]", []),
        ("nextInvoiceDate >= [2026-04-01]", [1, 3]),
        ("nextInvoiceDate = [2025-01-01]", [2, 4]),
    ],
)
async def test_dates_compare_as_instants(site: Site, conditions: str, ids: list[int]) -> None:
    """2.5: date and time, or a date alone, in square brackets."""
    assert await site.ids("finance/agreements", conditions=conditions) == ids


@pytest.mark.parametrize("name", ["lastUpdated", "dateEntered", "_info/lastUpdated"])
async def test_info_is_filtered_by_bare_name(site: Site, name: str) -> None:
    """2.5: `_info` members."""
    entered = (await site.get(f"{COMPANIES}/12")).json()["_info"][name.rpartition("/")[2]]
    before = datetime.fromisoformat(entered) - timedelta(seconds=1)
    assert 12 in await site.ids(COMPANIES, conditions=f"{name} > [{before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}]")
    assert 12 not in await site.ids(COMPANIES, conditions=f"{name} < [{entered}]")
    assert 12 in await site.ids(COMPANIES, conditions=f"{name} = [{entered}]")


@pytest.mark.parametrize(
    ("literal", "found"),
    [
        ("'plain \"quoted\"'", NAMES[0]),
        ('"plain \\"quoted\\""', NAMES[0]),
        ('"it\'s"', NAMES[1]),
        ("'it\\'s'", NAMES[1]),
        ('"50% off"', NAMES[2]),
        ('"[[]bracket]"', NAMES[3]),
        ('"[bracket]"', NAMES[3]),
        ('"back\\\\slash"', NAMES[5]),
        ('"star*"', NAMES[6]),
        ('"both \' and \\""', NAMES[7]),
        ('"A&B + C"', NAMES[8]),
    ],
)
@pytest.mark.parametrize("form", ["name = {}", "name in ({})"])
async def test_texts_in_either_quotes_with_escapes(site: Site, form: str, literal: str, found: str) -> None:
    """2.5: double or single quotes; a backslash escapes (five clients do so), `[[]` is a bracket."""
    query = {"conditions": form.format(literal), "fields": "name"}
    assert (await site.get("procurement/types", params=query)).json() == [{"name": found}]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[[]brack%", NAMES[3]),
        ("50[%] off", NAMES[2]),
        ("a[_]b", NAMES[4]),
        ("%a&b + c", NAMES[8]),
        ("star[*]", NAMES[6]),
    ],
)
async def test_wildcards_in_brackets_are_themselves(site: Site, pattern: str, found: str) -> None:
    """2.5: the escapes of patterns, as in SQL's LIKE."""
    query = {"conditions": f'name like "{pattern}"', "fields": "name"}
    assert (await site.get("procurement/types", params=query)).json() == [{"name": found}]


async def test_unencoded_ampersand_cuts_the_filter_and_an_unencoded_plus_is_a_space(site: Site) -> None:
    """2.5: why both have to be percent-encoded."""
    assert (await site.get(httpx.URL(f"{site.base_url}procurement/types?conditions=name='A&B'"))).status_code == 400
    plus = await site.get(httpx.URL(f"{site.base_url}procurement/types?conditions=name+like+'A%25C'&fields=name"))
    assert plus.json() == [{"name": NAMES[8]}]


@pytest.mark.parametrize(
    ("path", "conditions", "name"),
    [
        (COMPANIES, 'resources/identifier = "x"', "resources/identifier"),
        (COMPANIES, 'types/name = "Client"', "types/name"),
        (COMPANIES, "types = null", "types"),
        (COMPANIES, 'customFields/value = "abc"', "customFields/value"),
        (COMPANIES, "status/nothing = 1", "status/nothing"),
        (COMPANIES, "status/id/more = 1", "status/id/more"),
        ("company/contacts", 'communicationItems/value = "x"', "communicationItems/value"),
        ("procurement/catalog", "category/category/id = 1", "category/category/id"),
        ("company/companies/count", "nothing = 1", "nothing"),
    ],
)
async def test_name_that_cannot_be_filtered_is_named(site: Site, path: str, conditions: str, name: str) -> None:
    """2.5: unknown names, and lists, which answers show and filters refuse."""
    assert await _refused(site, path, conditions=conditions) == f"{name} is not a recognized name."


@pytest.mark.parametrize(
    "conditions",
    ['AgreementStatus Not Like "Canceled"', 'agreementStatus = "Canceled"', 'agreementStatus in ("Actve")'],
)
async def test_misspelt_enum_value_is_refused(site: Site, conditions: str) -> None:
    """2.5: it is spelt Cancelled."""
    assert await _refused(site, "finance/agreements", conditions=conditions) == "Enum value supplied was invalid"


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ('agreementStatus = "cancelled"', [5]),
        ('agreementStatus Not Like "Cancelled" and company/id = 11', [6]),
        ('agreementStatus like "Can%"', [5]),
        ('agreementStatus in ("Cancelled","Expired")', [5, 6]),
    ],
)
async def test_enum_values_are_texts(site: Site, conditions: str, ids: list[int]) -> None:
    """2.5: in any case."""
    assert await site.ids("finance/agreements", conditions=conditions) == ids


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("deletedFlag = 1", "Expected a boolean value, not a numeric."),
        ('deletedFlag = "true"', "Expected a boolean value, not a string."),
        ('id = "10"', "Expected a numeric value, not a string."),
        ('status/id = "1"', "Expected a numeric value, not a string."),
        ("name = 5", "Expected a string value, not a numeric."),
        ("name = true", "Expected a string value, not a boolean."),
        ('lastUpdated > "2026-01-01"', "Expected a date value, not a string."),
        ("status = 1", "Expected a null value, not a numeric."),
    ],
)
async def test_value_of_another_kind_is_refused(site: Site, conditions: str, message: str) -> None:
    """2.5: the first sentence of the vendor's text."""
    assert (await _refused(site, COMPANIES, conditions=conditions)).startswith(message)


@pytest.mark.parametrize(
    "conditions",
    [
        "lastUpdated > [2026-W14-3]",
        "lastUpdated > [20260401]",
        *("id", "id =", "= 10", "id = 10 and", "or id = 10", "(id = 10", "id = 10)", "id 10", "id is 10", "id not 10"),
        *(
            "id in 10",
            "id in ()",
            "id in (10",
            "id = 10 id = 11",
            "id == 10",
            "name = Alder",
            "name = 'Alder",
            "id = 1e5",
        ),
        *("lastUpdated > [yesterday]", "lastUpdated > 2026-01-01", "lastUpdated > [0001-01-01T00:00:00+01:00]"),
        *("id > null", "deletedFlag > true", "name like 5", "name not = 'x'", "name = 'a'; drop", "(" * 100 + "id = 1"),
    ],
)
async def test_what_is_no_condition_is_refused(site: Site, conditions: str) -> None:
    """2.5: never a crash, never everything."""
    assert await _refused(site, COMPANIES, conditions=conditions)


@pytest.mark.parametrize(
    ("path", "conditions", "ids"),
    [
        (COMPANIES, "types/id = 3", [12]),
        (COMPANIES, 'types/name = "client"', [10, 12]),
        (COMPANIES, "Types/Id = 1 or types/id = 2", [10, 11, 12]),
        (COMPANIES, "types/id = 1 and types/id = 3", []),  # one element holds all of it
        (
            "company/contacts",
            'communicationItems/value like "bo%" AND communicationItems/communicationType="Email"',
            True,
        ),
        (
            "company/contacts",
            'communicationItems/value like "bo%" AND communicationItems/communicationType="Phone"',
            [],
        ),
        ("company/contacts", 'communicationItems/type/name = "Direct"', True),
    ],
)
async def test_child_conditions_look_into_lists(site: Site, path: str, conditions: str, ids: list[int] | bool) -> None:
    """2.5: companies by type, contacts by what reaches them."""
    if ids is True:
        ids = await site.ids(path, conditions='firstName = "Bo"')
    assert await site.ids(path, childConditions=conditions) == ids


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ('caption="TomNumber" AND value != null', [11]),
        ('caption="TomNumber" AND value = "ABC"', [11]),
        ('caption = "Rank" and value > 6', [11]),
        ('caption = "Rank" and value = "abc"', []),
        ('caption = "Nothing"', []),
        ('value like "a%"', [11]),
    ],
)
async def test_custom_field_conditions_hold_on_one_field(site: Site, conditions: str, ids: list[int]) -> None:
    """2.5: by caption and value."""
    assert await site.ids(COMPANIES, customFieldConditions=conditions) == ids


@pytest.mark.parametrize(
    ("parameter", "conditions"),
    [
        ("childConditions", "types/id in (1)"),
        ("childConditions", "types/id not in (1)"),
        ("customFieldConditions", 'value in ("abc")'),
    ],
)
async def test_child_and_custom_field_conditions_have_no_in(site: Site, parameter: str, conditions: str) -> None:
    """2.5: the operator that they lack."""
    assert await _refused(site, COMPANIES, **{parameter: conditions})


@pytest.mark.parametrize(
    ("parameter", "conditions"),
    [
        ("childConditions", "id = 10"),
        ("childConditions", "types = 1"),
        ("childConditions", "types/nothing = 1"),
        ("customFieldConditions", "nothing = 1"),
    ],
)
async def test_child_and_custom_field_conditions_know_their_names(site: Site, parameter: str, conditions: str) -> None:
    """2.5: names that are not theirs."""
    assert (await _refused(site, COMPANIES, **{parameter: conditions})).endswith("is not a recognized name.")


async def test_all_three_kinds_of_conditions_hold_together(site: Site) -> None:
    """2.5: each narrows what the others find, in lists and in counts."""
    query = {
        "conditions": "id > 9",
        "childConditions": "types/id = 2",
        "customFieldConditions": 'caption = "Rank" AND value = 7',
    }
    assert await site.ids(COMPANIES, **query) == [11]
    assert (await site.get(f"{COMPANIES}/count", params=query)).json() == {"count": 1}
    assert await site.ids(COMPANIES, **{**query, "childConditions": "types/id = 1"}) == []


async def test_parameters_are_read_in_any_case(site: Site) -> None:
    """4: a public client writes them in lower case."""
    assert await site.ids(COMPANIES, childconditions="types/id = 3") == [12]
    assert await site.ids(COMPANIES, CONDITIONS="id = 12") == [12]


@pytest.mark.parametrize(
    "path", ["company/companies/search", "finance/agreements/search", "procurement/catalog/search"]
)
async def test_there_is_no_search_for_companies_agreements_and_catalog(site: Site, path: str) -> None:
    """2.5: only tickets have one."""
    assert (await site.post(path, json={"conditions": "id > 0"})).status_code in (404, 405)
