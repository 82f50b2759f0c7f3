"""What a check answers: one of three, with the detail that a person needs."""

from dataclasses import dataclass
from typing import Literal

from setup_validation.domain.facts import Unread

State = Literal["passed", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The state of a check and what was seen."""

    state: State
    detail: str = ""


def passed(detail: str = "") -> Answer:
    """It is as it should be."""
    return Answer("passed", detail)


def failed(detail: str) -> Answer:
    """It is certainly not as it should be."""
    return Answer("failed", detail)


def unknown(reading: Unread) -> Answer:
    """Nobody knows: a site in trouble has not failed."""
    return Answer("unknown", reading.why)
