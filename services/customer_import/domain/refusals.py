"""Why mappings are refused, in words that lead to the place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that is wrong: where, the value found, and the rule it breaks. Of a file, row 1 is the header."""

    rule: str
    message: str
    row: int | None = None
    column: str = ""
    value: str = ""


class MappingsRefused(Exception):  # noqa: N818 (named by the fact)
    """Nothing of what was brought is taken in."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__(refusals[0].message)
        self.refusals = refusals
