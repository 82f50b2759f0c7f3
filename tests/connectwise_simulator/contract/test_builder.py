"""What the client's builder writes, read by the simulator, finds what the same question finds in Python (2.5)."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from connectwise.filters import Condition, UnsafeText, custom_field, where
from connectwise_simulator.filters.matching import child_test, custom_field_test, record_test
from connectwise_simulator.models.company import COMPANY
from connectwise_simulator.models.finance import ADDITION

Row = dict[str, Any]
Question = tuple[Any, Callable[[Row], bool]]

NASTY = "\"'[]%_() =<>!,&+orandOR AND ) id = 1"
texts = st.text(max_size=12) | st.text(alphabet=NASTY, max_size=10) | st.sampled_from(["a", "B", "[x]", "50%", "a_b"])
numbers = st.integers(-3, 3)
decimals = st.decimals(-3, 3, places=2)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 3), timezones=st.just(UTC))  # noqa: DTZ001
rows = st.fixed_dictionaries(
    {
        "id": numbers,
        "name": texts,
        "deletedFlag": st.booleans(),
        "status": st.fixed_dictionaries({"id": numbers}),
        "_info": st.builds(lambda at: {"lastUpdated": f"{at:%Y-%m-%dT%H:%M:%SZ}"}, instants),
        "types": st.lists(st.fixed_dictionaries({"id": numbers, "name": texts}), max_size=3),
        "customFields": st.lists(
            st.fixed_dictionaries({"caption": st.sampled_from(["One", "Two"])}, optional={"value": texts | numbers}),
            max_size=3,
        ),
    }
)


def _safely(build: Callable[[], Any]) -> Any:
    try:
        return build()
    except UnsafeText:
        assume(False)
        raise


@st.composite
def questions(draw: st.DrawFn) -> Question:
    company, kind = where.Company, draw(st.sampled_from(range(8)))
    text, number, at = draw(texts), draw(numbers), draw(instants).replace(microsecond=0)
    several = draw(st.lists(numbers, min_size=1, max_size=4))
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    found: list[tuple[Callable[[], Condition], Callable[[Row], bool]]] = [
        (lambda: company.name == text, lambda row: row["name"].lower() == text.lower()),
        (lambda: company.name.contains(text), lambda row: text.lower() in row["name"].lower()),
        (lambda: company.name.starts_with(text), lambda row: row["name"].lower().startswith(text.lower())),
        (lambda: company.name.in_([text, "a"]), lambda row: row["name"].lower() in (text.lower(), "a")),
        (lambda: company.id <= number, lambda row: bool(row["id"] <= number)),
        (lambda: company.status_id.in_(several), lambda row: row["status"]["id"] in several),
        (lambda: company.deleted.is_true, lambda row: bool(row["deletedFlag"])),
        (lambda: company.last_updated > at, lambda row: bool(row["_info"]["lastUpdated"] > stamp)),
    ]
    build, holds = found[kind]
    return _safely(build), holds


def _joined(inner: st.SearchStrategy[Question]) -> st.SearchStrategy[Question]:
    return st.one_of(
        st.builds(lambda a, b: (a[0] & b[0], lambda row: a[1](row) and b[1](row)), inner, inner),
        st.builds(lambda a, b: (a[0] | b[0], lambda row: a[1](row) or b[1](row)), inner, inner),
        st.builds(lambda a: (~a[0], lambda row: not a[1](row)), inner),
    )


@given(st.recursive(questions(), _joined, max_leaves=6), st.lists(rows, max_size=6))
def test_conditions_find_what_they_say(question: Question, records: list[Row]) -> None:
    condition, holds = question
    test = record_test(COMPANY, condition.text)
    assert [row for row in records if test(row)] == [row for row in records if holds(row)]


@given(decimals, st.lists(decimals, min_size=1))
def test_decimals_compare_as_numbers(asked: Decimal, kept: list[Decimal]) -> None:
    test = record_test(ADDITION, (where.Addition.quantity > asked).text)
    assert [n for n in kept if test({"quantity": n, "_info": {}})] == [n for n in kept if n > asked]


@given(st.sampled_from(["=", "!="]), st.lists(st.none() | texts, max_size=5))
def test_null_finds_what_is_absent(operator: str, kept: list[str | None]) -> None:
    condition = where.Company.identifier == None if operator == "=" else where.Company.identifier != None  # noqa: E711
    test = record_test(COMPANY, condition.text)
    records = [{"_info": {}, **({} if value is None else {"identifier": value})} for value in kept]
    assert [test(record) for record in records] == [(value is None) == (operator == "=") for value in kept]


@st.composite
def child_questions(draw: st.DrawFn) -> Question:
    text, number = draw(texts), draw(numbers)
    company = where.Company
    build, holds = draw(
        st.sampled_from(
            [
                (lambda: company.types_id == number, lambda row: bool(row["id"] == number)),
                (lambda: company.types_id > number, lambda row: bool(row["id"] > number)),
                (lambda: company.types_name == text, lambda row: row["name"].lower() == text.lower()),
                (lambda: company.types_name.contains(text), lambda row: text.lower() in row["name"].lower()),
                (
                    lambda: company.types_name.starts_with(text),
                    lambda row: row["name"].lower().startswith(text.lower()),
                ),
            ]
        )
    )
    return _safely(build), holds


@given(
    st.recursive(
        child_questions(),
        lambda inner: st.one_of(
            st.builds(lambda a, b: (a[0] & b[0], lambda row: a[1](row) and b[1](row)), inner, inner),
            st.builds(lambda a, b: (a[0] | b[0], lambda row: a[1](row) or b[1](row)), inner, inner),
        ),
        max_leaves=4,
    ),
    rows,
)
def test_child_conditions_hold_if_one_row_satisfies_all(question: Question, record: Row) -> None:
    condition, holds = question
    assert child_test(COMPANY, condition.text)(record) == any(holds(row) for row in record["types"])


@given(st.sampled_from(["One", "Two", "Three"]), texts, numbers, rows)
def test_custom_field_conditions_hold_if_one_field_satisfies_all(
    caption: str, text: str, number: int, record: Row
) -> None:
    def found(condition: Any, holds: Callable[[Any], bool]) -> None:
        named = [field for field in record["customFields"] if field["caption"] == caption and "value" in field]
        expected = any(holds(field["value"]) for field in named)
        assert custom_field_test(condition.text)(record) == expected

    name = custom_field(caption)
    found(name.is_set, lambda _: True)
    found(name > number, lambda value: isinstance(value, int) and value > number)
    found(_safely(lambda: name == text), lambda value: isinstance(value, str) and value.lower() == text.lower())
    found(_safely(lambda: name.contains(text)), lambda value: text.lower() in str(value).lower())
