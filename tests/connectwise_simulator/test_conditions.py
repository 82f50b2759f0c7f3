from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectwise_simulator.conditions import parse
from connectwise_simulator.errors import ApiError
from connectwise_simulator.matching import record_test
from connectwise_simulator.models_company import COMPANY
from tests.connectwise_simulator.conftest import Site

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


def _found(text: str, **record: Any) -> bool:
    return record_test(COMPANY, text)({"id": 1, "_info": {}, **record})


@given(wanted=_TEXTS, kept=_TEXTS, quote=st.sampled_from("\"'"))
def test_no_text_changes_the_meaning_of_its_filter(wanted: str, kept: str, quote: str) -> None:
    escaped = wanted.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    assert _found(f"name = {quote}{escaped}{quote}", name=kept) == (wanted.lower() == kept.lower())


@given(text=st.text(alphabet="abid()=!<>and or\"'[]/ 12.,not inlike%*\\", max_size=40))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        parse(text)
    except ApiError as refusal:
        told = (refusal.status, refusal.body["code"])
        assert told == (400, "ApiFindCondition")


@given(st.lists(st.tuples(st.sampled_from(["<", "<=", "=", "!=", ">", ">="]), st.integers(0, 6)), min_size=1))
def test_and_binds_stronger_than_or(parts: list[tuple[str, int]]) -> None:
    words = [f"id {op} {n}" for op, n in parts]
    text = " or ".join(f"{a} AND {b}" for a, b in zip(words, reversed(words), strict=True))
    grouped = " or ".join(f"(({a}) and ({b}))" for a, b in zip(words, reversed(words), strict=True))
    for record_id in range(7):
        record = {"id": record_id, "_info": {}}
        assert record_test(COMPANY, text)(record) == record_test(COMPANY, grouped)(record)


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ('name = "alder & ash"', [10]),
        ("NAME='Cedar \"North\"'", [12]),
        ('name = "Cedar \\"North\\""', [12]),
        ("name like '%western%'", []),
        ('name like "Birch [[]West]"', [11]),
        ('name like "*north*"', [12]),
        ('name contains "DE"', [10]),
        ('name not contains "de"', [11, 12]),
        ("id in (10, 12)", [10, 12]),
        ("id not in (10)", [11, 12]),
        ("Status/Id = 1 AND (id > 10 or name like 'Ald%')", [10, 12]),
        ("deletedFlag = False", [10, 11, 12]),
        ("phoneNumber = null", [10, 11, 12]),
        ("phoneNumber != null", []),
        ('phoneNumber != "1"', []),
        ("lastUpdated > [2026-01-01]", [10, 11, 12]),
        ("dateEntered >= [2026-12-01T00:00:00Z]", []),
    ],
)
async def test_conditions_find(site: Site, conditions: str, ids: list[int]) -> None:
    assert await site.ids("company/companies", conditions=conditions) == ids


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ('resources/identifier = "x"', "resources/identifier is not a recognized name."),
        ('types/name = "Client"', "types/name is not a recognized name."),
        ("deletedFlag = 1", "Expected a boolean value, not a numeric."),
        ("name = ", "The condition ends too early."),
    ],
)
async def test_conditions_that_cannot_be_are_400_without_errors_key(site: Site, conditions: str, message: str) -> None:
    answer = await site.get("company/companies", params={"conditions": conditions})
    assert answer.status_code == 400
    assert answer.json() == {"code": "ApiFindCondition", "message": message}


async def test_misspelt_enum_is_refused(site: Site) -> None:
    answer = await site.get("finance/agreements", params={"conditions": 'AgreementStatus Not Like "Canceled"'})
    assert answer.json()["message"] == "Enum value supplied was invalid"
    assert await site.ids("finance/agreements", conditions='agreementStatus = "cancelled"') == [5]


async def test_child_conditions_hold_on_one_element(site: Site) -> None:
    assert await site.ids("company/companies", childConditions="types/id = 3") == [12]
    both = 'communicationItems/value like "ada%" AND communicationItems/communicationType="Email"'
    assert await site.ids("company/contacts", childConditions=both) == [100]


async def test_child_conditions_have_no_in(site: Site) -> None:
    answer = await site.get("company/companies", params={"childConditions": "types/id in (1)"})
    assert answer.status_code == 400


async def test_custom_field_conditions(site: Site) -> None:
    fields = [{"id": 1, "caption": "Marker", "value": "abc"}]
    await site.patch("company/companies/11", json=[{"op": "add", "path": "customFields", "value": fields}])
    found = await site.ids("company/companies", customFieldConditions='caption = "Marker" AND value != null')
    assert found == [11]
