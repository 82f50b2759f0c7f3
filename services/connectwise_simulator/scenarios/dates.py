"""Dates in a scenario that no site could hold: each as the key and the rule it breaks."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import TypeVar

from connectwise_simulator.scenarios.scenario import AdditionSpec, AgreementSpec, CompanySpec, SiteSpec

T = TypeVar("T", date, datetime)


def of_site(spec: SiteSpec) -> Iterator[tuple[str, str]]:
    """A clock is set once."""
    if spec.now is not None and spec.today is not None:
        yield "now", "the clock is set by today already"


def of_company(spec: CompanySpec) -> Iterator[tuple[str, str]]:
    """Changed before it was entered."""
    yield from _not_before("updated", spec.updated, "entered", spec.entered)


def of_agreement(spec: AgreementSpec) -> Iterator[tuple[str, str]]:
    """Over before it began, or invoiced before anything is billed."""
    first = ("start", spec.start) if spec.start else ("bill_start", spec.bill_start)
    yield from _not_before("end", spec.end, *first)
    yield from _not_before("cancelled", spec.cancelled, *first)
    yield from _not_before("next_invoice_date", spec.next_invoice_date, "bill_start", spec.bill_start)
    yield from _not_before("updated", spec.updated, "entered", spec.entered)


def of_addition(spec: AdditionSpec, agreement: AgreementSpec) -> Iterator[tuple[str, str]]:
    """In effect before its agreement is billed (contract 3.3), or cancelled before it is in effect."""
    yield from _not_before("effective", spec.effective, "the agreement's bill_start", agreement.bill_start)
    first = ("effective", spec.effective) if spec.effective else ("the agreement's bill_start", agreement.bill_start)
    yield from _not_before("cancelled", spec.cancelled, *first)


def _not_before(name: str, value: T | None, other: str, least: T | None) -> Iterator[tuple[str, str]]:
    if value is not None and least is not None and value < least:
        yield name, f"{value} is before {other}, {least}"
