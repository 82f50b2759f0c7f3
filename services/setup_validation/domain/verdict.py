"""What all checks together say: ready, not ready, or nobody knows."""

from dataclasses import dataclass
from typing import Literal

from setup_validation.domain.answers import Answer, State
from setup_validation.domain.checks import OFFERED, Check, checks_of
from setup_validation.domain.facts import Facts, Reach
from setup_validation.domain.prerequisites import Defaults, catalog_defaults

Status = Literal["ready", "not_ready", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A check and its answer."""

    check: Check
    answer: Answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a connection may be used for now. `passing` says that time may mend it, so that it is looked at soon."""

    status: Status
    features: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    time_zone: str = "UTC"
    catalog_defaults: Defaults | None = None
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """What was last said of the same connection: kept where nobody knows better."""

    features: tuple[str, ...] = ()
    time_zone: str = "UTC"
    catalog_defaults: Defaults | None = None


def verdict(facts: Facts, before: Before) -> Verdict:
    """A required check that fails makes it not ready (R1); one nobody can answer makes it unknown, never failed.

    A feature goes when a check of its own fails, and not because others do (R23); where nobody knows, it stays as it
    was: a site in trouble for a night keeps what it had.
    """
    findings = tuple(Finding(check, check.examine(facts)) for check in checks_of(facts.profile))
    required = [finding for finding in findings if finding.check.severity == "required"]
    states = {finding.answer.state for finding in required}
    status: Status = "not_ready" if "failed" in states else "unknown" if "unknown" in states else "ready"
    features = tuple(
        feature for feature in OFFERED[facts.profile] if _is_given(feature, required, had=feature in before.features)
    )
    answered = facts.reach is Reach.ANSWERED
    return Verdict(
        status,
        features,
        findings,
        facts.time_zone if facts.zone_is_known else before.time_zone,
        catalog_defaults(facts) or (before.catalog_defaults if "catalog" in features or not answered else None),
        passing=status == "unknown" or facts.reach is Reach.UNREACHABLE,
    )


def _is_given(feature: str, required: list[Finding], *, had: bool) -> bool:
    states: set[State] = {finding.answer.state for finding in required if feature in finding.check.features}
    return "failed" not in states and ("unknown" not in states or had)
