from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectwise import (
    ChildCondition,
    Condition,
    ConditionTooLong,
    CustomFieldCondition,
    UnsafeText,
    custom_field,
    where,
)
from connectwise.filters.conditions import cut
from tests.connectwise.grammar import Reader

NASTY = "\"'[]%_*\\() =<>!,orandOR AND ) company/id = 1"
typed = st.text(max_size=30) | st.text(alphabet=NASTY, max_size=20)


def built(build: Any, *values: Any) -> Condition:
    try:
        condition: Condition = build(*values)
    except UnsafeText:
        assume(False)
        raise
    return condition


@given(typed)
def test_text_stays_one_value_with_the_same_characters(text: str) -> None:
    test = Reader(built(where.Company.name.__eq__, text).text).read()
    assert test({"name": text})
    assert not test({"name": text + "x"})


@given(typed, typed)
def test_part_of_a_text_is_looked_for_literally(part: str, name: str) -> None:
    test = Reader(built(where.Company.name.contains, part).text).read()
    assert test({"name": name}) == (part in name)
    assert test({"name": f"a{part}b"})


@given(typed, typed)
def test_start_of_a_text_is_looked_for_literally(part: str, name: str) -> None:
    test = Reader(built(where.Company.name.starts_with, part).text).read()
    assert test({"name": name}) == name.startswith(part)


@pytest.mark.parametrize(
    "text", ["both \" and '", "back\\slash", "wild*card", "line\nbreak", "nul\0", "\x85", "\u2028", "\ud800"]
)
def test_text_without_a_proven_escape_is_refused(text: str) -> None:
    for build in (where.Company.name.__eq__, where.Company.name.contains, where.Company.name.starts_with):
        with pytest.raises(UnsafeText):
            build(text)


@pytest.mark.parametrize("name", ["Café\xa0Noir", "全角\u3000社", "👩\u200d💻 Ada", "soft\xadly"])
def test_name_with_a_blank_or_joiner_of_its_script_can_be_looked_for(name: str) -> None:
    assert (where.Company.name == name).text == f'name = "{name}"'
    assert Reader(where.Company.name.contains(name).text).read()({"name": f"{name} Ltd"})


numbers = st.integers(-50, 50)
simple = st.one_of(
    st.builds(lambda n: where.Agreement.id == n, numbers),
    st.builds(lambda n: where.Agreement.id != n, numbers),
    st.builds(lambda n: where.Agreement.id < n, numbers),
    st.builds(lambda n: where.Agreement.id <= n, numbers),
    st.builds(lambda n: where.Agreement.id > n, numbers),
    st.builds(lambda n: where.Agreement.id >= n, numbers),
    st.builds(where.Agreement.id.in_, st.lists(numbers, min_size=1, max_size=6)),
    st.just(where.Agreement.cancelled.is_true),
    st.builds(lambda name: where.Agreement.name == name, st.sampled_from(["a", "b c", '"', "'", "[x]"])),
)
compound = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
    ),
    max_leaves=8,
)
rows = st.fixed_dictionaries(
    {"id": numbers, "cancelledFlag": st.booleans(), "name": st.sampled_from(["a", "b c", '"', "'", "[x]"])}
)


@given(compound, compound, rows)
def test_combinations_mean_what_they_say(left: Condition, right: Condition, row: dict[str, Any]) -> None:
    holds_left, holds_right = Reader(left.text).read()(row), Reader(right.text).read()(row)
    assert Reader((left & right).text).read()(row) == (holds_left and holds_right)
    assert Reader((left | right).text).read()(row) == (holds_left or holds_right)
    assert Reader((~left).text).read()(row) == (not holds_left)


@given(compound, rows, st.integers(60, 400))
def test_parts_of_a_cut_filter_find_together_what_it_finds(
    condition: Condition, row: dict[str, Any], longest: int
) -> None:
    try:
        parts = cut(condition, longest)
    except ConditionTooLong:
        assume(False)
        return
    assert all(part.encoded_length <= longest for part in parts)
    assert any(Reader(part.text).read()(row) for part in parts) == Reader(condition.text).read()(row)


def test_long_list_is_cut_and_keeps_its_other_conditions() -> None:
    condition = (where.Agreement.company_id == 12) & where.Agreement.id.in_(range(1, 2001))
    parts = cut(condition, 1500)
    assert 5 < len(parts) < 25
    assert all(part.text.startswith("company/id = 12 AND id in (") for part in parts)


def test_filter_that_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ConditionTooLong):
        cut(~where.Agreement.id.in_(range(2000)), 1500)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (where.Agreement.company_id == 12, "company/id = 12"),
        (where.Agreement.start_date >= date(2025, 1, 31), "startDate >= [2025-01-31T00:00:00Z]"),
        (
            where.Agreement.last_updated > datetime(2025, 1, 31, 1, 2, 3, 999, tzinfo=timezone(timedelta(hours=1))),
            "lastUpdated > [2025-01-31T00:02:03Z]",
        ),
        (where.Agreement.end_date == None, "endDate = null"),  # noqa: E711 - a condition, not a comparison
        (where.Addition.quantity == Decimal("1E+2"), "quantity = 100"),
        (where.Addition.serial_number.in_(["A", "B", "A"]), 'serialNumber in ("A","B")'),
        (~where.Company.deleted.is_true, "deletedFlag != true"),
        (~(where.Company.name.contains("x") & (where.Company.id < 5)), 'name not contains "x" OR id >= 5'),
        (where.Company.name == 'a "b"', "name = 'a \"b\"'"),
        (where.Company.name == "[x]", 'name = "[[]x]"'),
    ],
)
def test_condition_is_written_in_the_grammar(condition: Condition, text: str) -> None:
    assert condition.text == text


@pytest.mark.parametrize(
    "build",
    [
        lambda: where.Agreement.id == "1 OR 1=1",
        lambda: where.Agreement.id == True,  # noqa: E712 - a value of the wrong type
        lambda: where.Addition.quantity == 0.1,
        lambda: where.Addition.quantity == Decimal("NaN"),
        lambda: where.Agreement.start_date == datetime(2025, 1, 1, tzinfo=UTC),
        lambda: where.Agreement.last_updated > datetime(2025, 1, 1),  # noqa: DTZ001 - that is what is refused
        lambda: where.Agreement.last_updated >= date(2025, 1, 1),  # type: ignore[operator]  # that is what is refused
        lambda: where.Agreement.last_updated < date(2025, 1, 1),  # type: ignore[operator]
        lambda: where.Agreement.name == 5,
        lambda: bool(where.Agreement.id == 1),
    ],
)
def test_value_of_another_type_is_refused(build: Any) -> None:
    with pytest.raises(TypeError):
        build()


def test_number_that_fills_no_url_is_refused() -> None:
    """Written out, this one takes a gigabyte."""
    with pytest.raises(UnsafeText):
        _ = where.Addition.quantity == Decimal("1E+999999999")


def test_empty_list_is_refused() -> None:
    with pytest.raises(ValueError, match="finds nothing"):
        where.Agreement.id.in_([])


kinds = st.integers(1, 4)
names = st.sampled_from(["a", "b c", "[x]", "100%", "'"])
child_simple = st.one_of(
    st.builds(lambda n: where.Company.types_id == n, kinds),
    st.builds(lambda n: where.Company.types_id != n, kinds),
    st.builds(lambda n: where.Company.types_id < n, kinds),
    st.builds(lambda n: where.Company.types_id >= n, kinds),
    st.builds(lambda name: where.Company.types_name == name, names),
    st.builds(where.Company.types_name.contains, names),
    st.builds(where.Company.types_name.starts_with, names),
)
child_compound = st.recursive(
    child_simple,
    lambda inner: st.one_of(st.builds(lambda a, b: a & b, inner, inner), st.builds(lambda a, b: a | b, inner, inner)),
    max_leaves=6,
)
child_rows = st.lists(st.fixed_dictionaries({"types/id": kinds, "types/name": names}), max_size=3)


def any_row(condition: ChildCondition | CustomFieldCondition, rows_of: list[dict[str, Any]]) -> bool:
    """As the site reads both kinds of filters: one row satisfies the whole."""
    test = Reader(condition.text).read()
    return any(test(row) for row in rows_of)


@given(child_compound, child_compound, child_rows)
def test_child_conditions_are_about_one_row(
    left: ChildCondition, right: ChildCondition, within: list[dict[str, Any]]
) -> None:
    holds_left, holds_right = Reader(left.text).read(), Reader(right.text).read()
    assert any_row(left & right, within) == any(holds_left(row) and holds_right(row) for row in within)
    assert any_row(left | right, within) == any(holds_left(row) or holds_right(row) for row in within)


@given(typed, typed)
def test_caption_and_value_of_a_custom_field_stay_values(caption: str, value: str) -> None:
    assume(caption)
    try:
        condition = custom_field(caption) == value
    except UnsafeText:
        assume(False)
        raise
    assert any_row(condition, [{"caption": caption, "value": value}])
    others = [{"caption": caption, "value": value + "x"}, {"caption": caption + "x", "value": value}]
    assert not any_row(condition, others)


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5))
def test_alternatives_of_custom_fields_are_about_one_field_each(bound: int, first: int, second: int) -> None:
    within = [{"caption": "A", "value": first}, {"caption": "B", "value": second}]
    assert any_row((custom_field("A") < bound) | (custom_field("B") >= bound), within) == (
        first < bound or second >= bound
    )


def test_there_is_no_list_of_values_in_rows_and_no_negation() -> None:
    """The site has no `in` there, and turning an operator round would ask about another row."""
    for name in (where.Company.types_id, where.Contact.communications_value, custom_field("A")):
        assert not hasattr(name, "in_")
    for condition in (where.Company.types_id == 4, custom_field("A") == 4):
        assert not hasattr(condition, "__invert__")
        with pytest.raises(TypeError):
            bool(condition)
    assert not hasattr(custom_field("A") == 4, "__and__")


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (custom_field("Tom Number").is_set, 'caption = "Tom Number" AND value != null'),
        (custom_field("Ready") == True, 'caption = "Ready" AND value = true'),  # noqa: E712 - a condition
        (custom_field("Due") <= date(2026, 1, 31), 'caption = "Due" AND value <= [2026-01-31T00:00:00Z]'),
        (custom_field("Rate") > Decimal("1.50"), 'caption = "Rate" AND value > 1.50'),
        (
            (custom_field("A") == "x") | (custom_field("B") != 2),
            '(caption = "A" AND value = "x") OR (caption = "B" AND value != 2)',
        ),
        (
            where.Contact.communications_value.contains("x") & (where.Contact.communications_type == "Email"),
            'communicationItems/value contains "x" AND communicationItems/communicationType = "Email"',
        ),
        (where.Agreement.name.ascending.then(where.Agreement.cancelled.descending), "name asc, cancelledFlag desc"),
    ],
)
def test_filter_on_rows_and_order_are_written_in_the_grammar(condition: Any, text: str) -> None:
    assert condition.text == text


@given(st.integers(0, 3_000_000), st.integers(0, 3))
def test_fraction_of_a_second_selects_as_python_does(microseconds: int, second: int) -> None:
    """The site keeps whole seconds and takes no fractions."""
    midnight, name = datetime(2026, 3, 10, tzinfo=UTC), where.Agreement.last_updated
    when, kept = midnight + timedelta(microseconds=microseconds), midnight + timedelta(seconds=second)
    record = {"lastUpdated": f"2026-03-10T00:00:0{second}Z"}
    assert Reader((name < when).text).read()(record) == (kept < when)
    assert Reader((name <= when).text).read()(record) == (kept <= when)
    assert Reader((name > when).text).read()(record) == (kept > when)
    assert Reader((name >= when).text).read()(record) == (kept >= when)
