"""A file's bytes as rows: what it is if not a CSV, and which encoding it is in."""

import csv
from collections.abc import Iterator
from typing import BinaryIO

from billing_intake.domain.refusals import FileRefused, Refusal

_SIGNATURES = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet (.xlsx): unpack or export it as CSV first"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"%PDF", "a PDF: the supplier's portal offers the reconciliation file as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet (.xls): export it as CSV first"),
    (b"\xff\xfe", "UTF-16 text: save it as CSV UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as CSV UTF-8"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"<", "HTML or XML, often a sign-in page saved by a script"),
)
_LONGEST_FIELD = 131_072


def rows(file: BinaryIO) -> Iterator[list[str]]:
    """The rows of a CSV in UTF-8, with or without a byte order mark; the header is the first.

    A blank one has no fields; it is given all the same, so that rows are counted as a spreadsheet counts them.

    FileRefused where it is something else, in another encoding, or its quoting breaks.
    """
    refuse_other_kinds(file.read(512))
    file.seek(0)
    csv.field_size_limit(_LONGEST_FIELD)
    number = 0
    reader = csv.reader(_lines(file), strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise FileRefused(
                Refusal("not_csv", f"row {number + 1}: not readable as CSV: {error}", number + 1)
            ) from error
        if row is None:
            return
        number += 1
        yield row


def refuse_other_kinds(start: bytes) -> None:
    """FileRefused where the first bytes show that it is no CSV."""
    bare = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not bare:
        raise FileRefused(Refusal("empty_file", "the file is empty"))
    for signature, what in _SIGNATURES:
        if bare.startswith(signature):
            raise FileRefused(Refusal("not_csv", f"the file is not a CSV but {what}"))


def _lines(file: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        bare = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if b"\x00" in bare:
            raise FileRefused(
                Refusal("nul_byte", f"line {number} has a NUL byte; the file is damaged or binary", number)
            )
        try:
            yield bare.decode()
        except UnicodeDecodeError as error:
            raise FileRefused(
                Refusal(
                    "wrong_encoding",
                    f"line {number}, byte {error.start + 1}: not UTF-8; save the file as CSV UTF-8",
                    number,
                )
            ) from error
