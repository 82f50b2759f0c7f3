"""What is a reconciliation file, what is not, and what the refusal says."""

import io
import json
from collections.abc import Iterator

import pytest

from billing_intake.domain import nce, tabular
from billing_intake.domain.canonical import CanonicalLine
from billing_intake.domain.refusals import FileRefused, Refusal
from billing_intake.importer import _batches
from tests.factories.recon import BOM, COLUMNS, recon, seat

ONE = [seat()]


def read(content: bytes) -> list[CanonicalLine | Refusal]:
    return [found for batch in _batches(io.BytesIO(content)) for found in batch]


def lines(content: bytes) -> list[CanonicalLine]:
    found = read(content)
    assert not [one for one in found if isinstance(one, Refusal)]
    return [one for one in found if isinstance(one, CanonicalLine)]


def refusal(content: bytes) -> Refusal:
    """Of a file that is refused as a whole, or the first of its rows."""
    try:
        return next(one for one in read(content) if isinstance(one, Refusal))
    except FileRefused as error:
        return error.refusal


@pytest.mark.parametrize("start", [BOM, b""], ids=["with a mark", "without"])
@pytest.mark.parametrize("end", ["\r\n", "\n"], ids=["CRLF", "LF"])
def test_byte_order_mark_and_line_ends_change_nothing(start: bytes, end: str) -> None:
    assert lines(recon(ONE, start=start, end=end)) == lines(recon(ONE))


def test_columns_are_found_by_name_in_any_order_case_and_spelling() -> None:
    rows = [seat(Tier2MpnId="42")]
    usual = lines(recon(rows))
    assert lines(recon(rows, COLUMNS[::-1])) == usual
    renamed = recon(rows).replace(b"PartnerId", b"partner_id", 1).replace(b"Tier2MpnId", b"ResellerMpnId", 1)
    assert lines(renamed.replace(b"SubscriptionId", b"subscription id", 1)) == usual


def test_columns_we_do_not_know_are_named_and_kept_out_of_the_way() -> None:
    header = nce.read_header([*COLUMNS, "CreditType", "Note\x07"])
    assert header.unknown == ("CreditType", "Note ")
    assert len(lines(recon(ONE, [*COLUMNS, "CreditType"]))) == 1


def test_columns_that_came_later_may_be_missing() -> None:
    assert len(lines(recon(ONE, nce.REQUIRED))) == 1


@pytest.mark.parametrize(
    ("content", "rule", "says"),
    [
        (b"PK\x03\x04rest", "not_csv", ".xlsx"),
        (b"%PDF-1.7", "not_csv", "PDF"),
        (b"\x1f\x8b\x08", "not_csv", "gzip"),
        (b"\xd0\xcf\x11\xe0", "not_csv", ".xls"),
        (json.dumps(ONE).encode(), "not_csv", "JSON"),
        (BOM + json.dumps(ONE[0]).encode(), "not_csv", "JSON"),
        (b"\r\n <!doctype html>", "not_csv", "sign-in page"),
        ("PartnerId,CustomerId".encode("utf-16"), "not_csv", "UTF-16"),
        (b"", "empty_file", "empty"),
        (BOM, "empty_file", "empty"),
        (b"\r\n" * 400, "empty_file", "empty"),
    ],
)
def test_another_kind_of_file_is_refused_with_what_it_is(content: bytes, rule: str, says: str) -> None:
    found = refusal(content)
    assert found.rule == rule
    assert says in found.message


def test_text_in_another_encoding_is_refused_with_line_and_byte() -> None:
    found = refusal(recon([seat(), seat(CustomerName="Müller")]).decode().encode("cp1252", errors="ignore"))
    assert (found.rule, found.row) == ("wrong_encoding", 3)
    assert "line 3, byte" in found.message
    assert "UTF-8" in found.message


def test_a_nul_byte_is_refused_with_its_line() -> None:
    found = refusal(recon([seat(), seat(CustomerName="Con\0toso")]))
    assert (found.rule, found.row) == ("nul_byte", 3)


def test_a_missing_column_is_named_and_so_is_what_stands_there() -> None:
    found = refusal(recon(ONE, [name for name in COLUMNS if name not in ("Subtotal", "ChargeType")]))
    assert (found.rule, found.row, found.column) == ("column_missing", 1, "ChargeType")
    assert "ChargeType, Subtotal missing" in found.message
    assert "the first columns are PartnerId" in found.message


def test_a_column_that_is_there_twice_is_refused() -> None:
    found = refusal(recon(ONE, [*COLUMNS, "tax total"]))
    assert (found.rule, found.column) == ("column_twice", "TaxTotal")


def test_a_ragged_row_is_refused_with_both_counts() -> None:
    content = recon([seat(), seat()]).removesuffix(b"\r\n") + b",one more\r\n"
    found = refusal(content)
    assert (found.rule, found.row) == ("ragged_row", 3)
    assert f"{len(COLUMNS) + 1} fields where the header has {len(COLUMNS)}" in found.message


def test_broken_quoting_is_refused_with_its_row() -> None:
    found = refusal(recon(ONE) + b'"open')
    assert (found.rule, found.row) == ("not_csv", 3)


def test_a_field_of_megabytes_is_refused() -> None:
    assert refusal(recon([seat(CustomerName="x" * 200_000)])).rule == "not_csv"


def test_rows_are_counted_as_a_spreadsheet_counts_them_also_after_blank_ones() -> None:
    content = recon(ONE) + b"\r\n\r\n" + recon([seat(Subtotal="much")], start=b"").split(b"\r\n", 1)[1]
    assert refusal(content).row == 5


def test_a_blank_row_at_the_end_or_the_start_is_nothing() -> None:
    assert len(lines(b"\r\n" + recon(ONE, start=b"") + b"\r\n")) == 1


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("Subtotal", "much", "is not a plain number"),
        ("Subtotal", "1,234.00", "is not a plain number"),
        ("Subtotal", "$5", "is not a plain number"),
        ("Subtotal", "NaN", "is not a plain number"),
        ("Subtotal", "Infinity", "is not a plain number"),
        ("Subtotal", "", "is empty"),
        ("Subtotal", "0.0000001", "more than six decimal places"),
        ("Subtotal", "1e20", "more than 15 digits"),
        ("TaxTotal", "(5.00)", "is not a plain number"),
        ("UnitPrice", "five", "is not a plain number"),
        ("BillableQuantity", "ten", "is not a plain number"),
        ("ChargeStartDate", "3/4/2026", "is not a date"),
        ("ChargeStartDate", "2026-02-30", "is not a date"),
        ("ChargeStartDate", "2026-10-151", "is not a date"),
        ("ChargeEndDate", "2026-10-14", "is before ChargeStartDate 2026-10-15"),
        ("ChargeEndDate", "9999-12-31T00:00:00Z", "is the last day there is"),
        ("Currency", "Dollars", "is not a currency code"),
        ("Currency", "", "is empty"),
        ("CustomerId", "", "is empty"),
        ("InvoiceNumber", "G" * 201, "is longer than 200"),
        ("ProductId", "", "is empty"),
        ("SubscriptionDescription", "x" * 4001, "is longer than 4000"),
    ],
)
def test_a_field_that_cannot_be_read_is_named_with_row_column_value_and_rule(
    column: str, value: str, says: str
) -> None:
    found = refusal(recon([seat(), seat(**{column: value})]))
    assert (found.rule, found.row, found.column) == ("unreadable_field", 3, column)
    assert found.message.startswith(f"row 3, column {column}: ")
    assert says in found.message
    assert found.value[:57] == value[:57]


def test_every_bad_row_is_told() -> None:
    found = [one for one in read(recon([seat(Subtotal="a"), seat(), seat(Total="b")])) if isinstance(one, Refusal)]
    assert [one.row for one in found] == [2, 4]


def test_the_same_bytes_in_pieces_are_the_same_rows() -> None:
    content = recon([seat(OrderId=str(number)) for number in range(5000)])
    assert [line.row for line in lines(content)] == list(range(2, 5002))


def test_rows_are_read_lazily() -> None:
    class Endless(io.BytesIO):
        def __iter__(self) -> Iterator[bytes]:
            yield b"a,b\n"
            while True:
                yield b"1,2\n"

    rows = tabular.rows(Endless(b"a,b\n"))
    assert [next(rows) for _ in range(3)] == [["a", "b"], ["1", "2"], ["1", "2"]]
