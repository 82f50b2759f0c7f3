import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit.exact_json import UnreadableJson, dumps, loads

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**14), max_value=10**14)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | amounts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(documents)
def test_what_is_written_is_read_again(document: Any) -> None:
    assert loads(dumps(document)) == document


@given(amounts)
def test_every_digit_is_written(amount: Decimal) -> None:
    assert dumps(amount).decode() == format(amount, "f")
    assert str(loads(dumps({"x": amount}))["x"]) == format(amount, "f")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("17.600000", b"17.600000"), ("1E+3", b"1000"), ("-0.1", b"-0.1"), ("1E-7", b"0.0000001"), ("0.1", b"0.1")],
)
def test_amount_has_one_plain_form(amount: str, text: bytes) -> None:
    assert dumps(Decimal(amount)) == text


@given(documents)
def test_other_parsers_read_it(document: Any) -> None:
    json.loads(dumps(document))


@pytest.mark.parametrize("value", [0.1, {"a": [0.1]}, object(), b"x", {1: 2}, {1, 2}])
def test_float_and_strangers_are_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+999999"])
def test_number_that_json_does_not_know_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        dumps(Decimal(value))


@pytest.mark.parametrize("number", ["1e401", "1e999999999", "1e-999999999", "0." + "1" * 2000])
def test_number_that_no_computer_could_write_out_is_unreadable(number: str) -> None:
    """A dozen bytes that take hours to make an integer of, as a record's id is one."""
    with pytest.raises(UnreadableJson):
        loads(f'{{"id": {number}}}')


def test_number_of_any_size_that_a_double_can_have_is_read() -> None:
    assert loads("[1.7976931348623157e308, 5e-324]") == [Decimal("1.7976931348623157e308"), Decimal("5e-324")]


@given(st.binary(max_size=40))
def test_any_bytes_are_a_value_or_unreadable(content: bytes) -> None:
    with suppress(UnreadableJson):
        loads(content)
