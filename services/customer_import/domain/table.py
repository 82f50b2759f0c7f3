"""The bytes of a mapping file as rows, or what is wrong with it as a whole."""

import csv
import io

from customer_import.domain.mappings import Named
from customer_import.domain.refusals import MappingsRefused, Refusal

NEEDED = ("customer_id", "motion", "company", "agreement", "go_live")
KNOWN = ("customer_name", "billing_contract", *NEEDED)


def rows(content: bytes) -> list[Named]:
    """Each row but the header, which is row 1; MappingsRefused where it is no CSV of these columns."""
    table = list(_cells(content))
    if not table:
        raise MappingsRefused(Refusal("empty_file", "the file is empty"))
    header = [name.strip().lower() for name in table[0][1]]
    _check_header(header)
    found = [_row(number, header, cells) for number, cells in table[1:] if any(cell.strip() for cell in cells)]
    if not found:
        raise MappingsRefused(Refusal("empty_file", "the file has a header and no rows"))
    return found


def _cells(content: bytes) -> list[tuple[int, list[str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        said = f"byte {error.start + 1} is not UTF-8; save the file as CSV UTF-8"
        raise MappingsRefused(Refusal("wrong_encoding", said)) from error
    if "\0" in text:
        raise MappingsRefused(Refusal("nul_byte", "the file has a NUL byte; it is damaged or no CSV"))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    cells: list[tuple[int, list[str]]] = []
    try:
        cells.extend((number, row) for number, row in enumerate(reader, 1) if row)
    except csv.Error as error:
        number = len(cells) + 1
        raise MappingsRefused(Refusal("not_csv", f"row {number}: not readable as CSV: {error}", number)) from error
    return cells


def _check_header(header: list[str]) -> None:
    wrong = [
        *(("missing_column", name, "is missing") for name in NEEDED if name not in header),
        *(("column_twice", name, "is there twice") for name in KNOWN if header.count(name) > 1),
        *(("unknown_column", name, f"is none of {', '.join(KNOWN)}") for name in header if name not in KNOWN),
    ]
    if wrong:
        raise MappingsRefused(
            *(Refusal(rule, f"row 1: the column {name!r} {said}", 1, name[:60]) for rule, name, said in wrong[:20])
        )


def _row(number: int, header: list[str], cells: list[str]) -> Named:
    if len(cells) != len(header):
        said = f"row {number}: {len(cells)} fields where the header has {len(header)}"
        raise MappingsRefused(Refusal("wrong_width", said, number))
    cell = {name: value.strip() for name, value in zip(header, cells, strict=True)}
    return Named(
        number,
        cell["customer_id"],
        cell.get("billing_contract", ""),
        cell["motion"],
        cell["company"],
        cell["agreement"],
        cell["go_live"],
    )
