"""Faults on order: which calls go wrong and how. Seeded, so that with the same order the same calls go wrong again.

A rule counts the calls that match its method, path and site; it strikes on exactly the nth (and the `times - 1` after
it), or with a probability, or on every one, and each strike takes the `burst - 1` calls after it along. The first rule
that strikes wins; the others still count the call.
"""

import random
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Apply(Enum):
    """Whether the site carries out the call."""

    NEVER = "never"
    NOW = "now"
    AFTER_DELAY = "after delay"  # the client waits
    LATER = "later"  # the client has its answer already


class Tell(Enum):
    """What the client gets."""

    TRUTH = "truth"
    TRUTH_LATE = "truth, late"
    ERROR = "an error"
    RESET = "reset"
    SILENCE = "silence"
    TRUNCATED = "truncated"
    WRONG_ID = "wrong id"
    FOREIGN_MARKER = "foreign marker"
    EMPTY = "empty"
    NOT_JSON = "not_json"
    GARBAGE = "garbage"


class Afterwards(Enum):
    """What becomes of the connection, or of the port, once the client has its answer."""

    SILENT = "connection is silent"
    RESET = "connection resets"
    PORT_REFUSES = "port refuses"
    PORT_RESETS = "port resets"
    PORT_IS_SILENT = "port is silent"


@dataclass(frozen=True, slots=True)
class Effect:
    """A kind of fault: what happens, and what is told."""

    apply: Apply
    tell: Tell
    status: int = 0
    html: bool = False
    pool: bool = False  # the other text of a 500
    afterwards: Afterwards | None = None


KINDS = {
    "refuse_429": Effect(Apply.NEVER, Tell.ERROR, 429),
    "401": Effect(Apply.NEVER, Tell.ERROR, 401),
    "403": Effect(Apply.NEVER, Tell.ERROR, 403),
    "500_before": Effect(Apply.NEVER, Tell.ERROR, 500),
    "pool_before": Effect(Apply.NEVER, Tell.ERROR, 500, pool=True),
    "502_before": Effect(Apply.NEVER, Tell.ERROR, 502, html=True),
    "503_before": Effect(Apply.NEVER, Tell.ERROR, 503, html=True),
    "html_before": Effect(Apply.NEVER, Tell.ERROR, 200, html=True),
    "reset_before": Effect(Apply.NEVER, Tell.RESET),
    "silent_before": Effect(Apply.NEVER, Tell.SILENCE),
    "garbage_before": Effect(Apply.NEVER, Tell.GARBAGE),
    "500_after": Effect(Apply.NOW, Tell.ERROR, 500),
    "pool_after": Effect(Apply.NOW, Tell.ERROR, 500, pool=True),
    "502_after": Effect(Apply.NOW, Tell.ERROR, 502, html=True),
    "504_after": Effect(Apply.NOW, Tell.ERROR, 504, html=True),
    "html": Effect(Apply.NOW, Tell.ERROR, 200, html=True),
    "reset_after": Effect(Apply.NOW, Tell.RESET),
    "silent_after": Effect(Apply.NOW, Tell.SILENCE),
    "truncated": Effect(Apply.NOW, Tell.TRUNCATED),
    "garbage": Effect(Apply.NOW, Tell.GARBAGE),
    "empty": Effect(Apply.NOW, Tell.EMPTY),
    "not_json": Effect(Apply.NOW, Tell.NOT_JSON),
    "wrong_id": Effect(Apply.NOW, Tell.WRONG_ID),
    "foreign_marker": Effect(Apply.NOW, Tell.FOREIGN_MARKER),
    "list_lag": Effect(Apply.NOW, Tell.TRUTH),
    "slow": Effect(Apply.AFTER_DELAY, Tell.TRUTH),
    "slow_answer": Effect(Apply.NOW, Tell.TRUTH_LATE),
    "apply_late": Effect(Apply.LATER, Tell.ERROR, 504, html=True),
    "half_open": Effect(Apply.NOW, Tell.TRUTH, afterwards=Afterwards.SILENT),
    "stale": Effect(Apply.NOW, Tell.TRUTH, afterwards=Afterwards.RESET),
    "refused": Effect(Apply.NOW, Tell.TRUTH, afterwards=Afterwards.PORT_REFUSES),
    "reset_on_connect": Effect(Apply.NOW, Tell.TRUTH, afterwards=Afterwards.PORT_RESETS),
    "black_hole": Effect(Apply.NOW, Tell.TRUTH, afterwards=Afterwards.PORT_IS_SILENT),
}

PORT = (Afterwards.PORT_REFUSES, Afterwards.PORT_RESETS, Afterwards.PORT_IS_SILENT)
_LATE_TELL = {"504": Tell.ERROR, "reset": Tell.RESET, "silence": Tell.SILENCE}


class FaultOrder(BaseModel):
    """What `POST /_simulator/faults` takes. Times in seconds.

    `path` is searched in what follows `/apis/3.0/`, or in the path of a discovery call, `login/companyinfo/{company}`.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)  # in YAML, 401 is a number

    kind: str
    method: str | None = Field(default=None, pattern="(?i)^(GET|POST|PUT|PATCH|DELETE)$")
    path: str = ""
    site: str | None = None
    nth: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, ge=0, le=1)
    times: int | None = Field(default=None, ge=1)
    burst: int = Field(default=1, ge=1)
    delay: float = Field(default=0.0, ge=0, le=3600)
    retry_after: int = Field(default=30, ge=0)
    tell: Literal["504", "reset", "silence"] = "504"
    connections: int | None = Field(default=None, ge=1)
    seed: int = 0

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"not a kind of fault; there are {', '.join(KINDS)}")
        return kind

    @field_validator("path")
    @classmethod
    def _is_pattern(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as wrong:
            raise ValueError(f"not a regular expression: {wrong}") from None
        return path

    @model_validator(mode="after")
    def _can_be(self) -> "FaultOrder":
        port = KINDS[self.kind].afterwards in PORT
        if port and not self.delay:
            raise ValueError(f"{self.kind} needs `delay`: for how many seconds")
        if self.connections is not None and (not port or self.kind == "refused"):
            raise ValueError("`connections` is for reset_on_connect and black_hole: no other kind sees them come")
        return self


class Fault:
    """A rule at work: the order, and how often it matched and struck."""

    def __init__(self, number: int, order: FaultOrder) -> None:
        self.number = number
        self.order = order
        self.matched = 0
        self.struck = 0
        self._rest_of_burst = 0
        self._pattern = re.compile(order.path, re.IGNORECASE)
        # Not by the seed alone: two rules that nobody gave a seed would strike the same calls, and one never be seen.
        self._random = random.Random(order.model_dump_json())  # noqa: S311 - repeatable on purpose

    @property
    def effect(self) -> Effect:
        """What the kind does."""
        effect = KINDS[self.order.kind]
        if effect.apply is Apply.LATER:
            return Effect(effect.apply, _LATE_TELL[self.order.tell], effect.status, effect.html)
        return effect

    def matches(self, site: str, method: str, path: str) -> bool:
        """Whether this call is one the rule is about."""
        order = self.order
        return (
            (order.method is None or order.method.upper() == method)
            and (order.site is None or order.site.lower() == site)
            and self._pattern.search(path) is not None
        )

    def strikes(self) -> bool:
        """Count one matching call; true if it goes wrong."""
        self.matched += 1
        order = self.order
        if self._rest_of_burst:
            self._rest_of_burst -= 1
            self.struck += 1
            return True
        if order.nth is not None:
            hit = order.nth <= self.matched < order.nth + (order.times or 1)
        elif order.times is not None and self.struck >= order.times:
            hit = False
        else:
            hit = order.probability is None or self._random.random() < order.probability
        self.struck += hit
        self._rest_of_burst = order.burst - 1 if hit else 0
        return hit

    def view(self) -> dict[str, object]:
        """As the control API shows it."""
        order = {k: Decimal(str(v)) if isinstance(v, float) else v for k, v in self.order.model_dump().items()}
        return {"id": self.number, **order, "matched": self.matched, "struck": self.struck}


class Faults:
    """All rules in the order they were given."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._given = 0

    def add(self, order: FaultOrder) -> Fault:
        """A new rule."""
        self._given += 1
        fault = Fault(self._given, order)
        self._rules.append(fault)
        return fault

    def clear(self, site: str | None = None) -> None:
        """No more rules, or none of one site."""
        self._rules = [r for r in self._rules if site is not None and (r.order.site or "").lower() != site.lower()]

    def striking(self, site: str, method: str, path: str) -> Fault | None:
        """The rule that makes this call go wrong."""
        if not self._rules:
            return None
        return _first_striking(self._rules, site, method, path)

    def striking_by_path(self, site: str, method: str, path: str) -> Fault | None:
        """The rule that makes a discovery call go wrong: rules without a path are about API calls only."""
        return _first_striking([rule for rule in self._rules if rule.order.path], site, method, path)

    def view(self) -> list[dict[str, object]]:
        """All rules."""
        return [rule.view() for rule in self._rules]


def _first_striking(rules: list[Fault], site: str, method: str, path: str) -> Fault | None:
    hits = [rule for rule in rules if rule.matches(site, method, path) and rule.strikes()]
    return hits[0] if hits else None
