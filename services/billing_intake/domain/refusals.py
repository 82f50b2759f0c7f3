"""Why a file is refused, in words that lead to the place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that is wrong with a file: where (row 1 is the header), the value found, and the rule it breaks."""

    rule: str
    message: str
    row: int | None = None
    column: str = ""
    value: str = ""


class FileRefused(Exception):  # noqa: N818 (named by the fact)
    """A file that is not taken in: nothing of it is, the raw bytes are kept."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class FieldRefused(ValueError):  # noqa: N818 (named by the fact)
    """A field that cannot be read as what its column holds."""

    def __init__(self, column: str, value: str, rule: str) -> None:
        super().__init__(f"{column}: {rule}")
        self.column = column
        self.value = value
        self.rule = rule

    def at(self, row: int) -> Refusal:
        """The same with its row."""
        shown = self.value if len(self.value) <= 60 else f"{self.value[:57]}..."  # noqa: PLR2004 (a line of a terminal)
        message = f"row {row}, column {self.column}: {shown!r} {self.rule}"
        return Refusal("unreadable_field", message, row, self.column, shown)
