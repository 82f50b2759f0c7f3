"""Scenario files: what sites there are and what is in them. The README documents the format."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)

from connectwise_simulator.clock import FIRST_DAY, LAST_DAY, CalendarError
from connectwise_simulator.models.company import COMPANY
from connectwise_simulator.models.finance import ADDITION, AGREEMENT
from connectwise_simulator.models.procurement import CATALOG_ITEM
from connectwise_simulator.peers.faults import FaultOrder
from connectwise_simulator.scenarios.document import LARGEST, DocumentError, Location, line_of, read_document
from connectwise_simulator.schema import Model
from connectwise_simulator.site import CODEBASE, Knobs

MOST_PROBLEMS = 20  # said at once
LONGEST_SENTENCE = 400
LARGEST_ID = 999_999_999

Problem = tuple[Location, str]  # where, and the rule it breaks


class ScenarioError(Exception):
    """A scenario that cannot be used: a sentence for each problem names file, line, key and rule."""


def _written(value: Any) -> Any:
    if not isinstance(value, (str, date)):
        raise ValueError("should be written as YYYY-MM-DD")  # noqa: TRY004 - pydantic wants it
    return value


def _of_the_calendar(moment: datetime) -> datetime:
    if not FIRST_DAY <= moment.date() <= LAST_DAY:
        raise CalendarError
    return moment


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(model: Model, name: str) -> Any:
    """As long as the API lets that member be."""
    return Field(min_length=1, max_length=model.fields[name].longest)


Day = Annotated[date, BeforeValidator(_written), Field(ge=FIRST_DAY, le=LAST_DAY)]
LocalMoment = Annotated[datetime, BeforeValidator(_written), AfterValidator(_of_the_calendar)]
Moment = Annotated[LocalMoment, AfterValidator(_in_utc)]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Amount = Annotated[Decimal, Field(max_digits=20, decimal_places=8)]
More = dict[str, Any]  # members in the API's own names


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class KeySpec(_Part):
    """A member's API key and its role."""

    public: str = Field(min_length=1)
    private: str = Field(min_length=1)
    role: str = "admin"
    revoked: bool = False


class RoleSpec(_Part):
    """A role of this site: another one changed, or levels by function (`AEDI` letters, or action: level)."""

    based_on: str | None = None
    levels: dict[str, str | dict[str, Literal["None", "My", "All"]]] = {}
    without: list[str] = []
    setup_tables: list[str] | Literal["all"] | None = None
    agreement_types: list[str] | Literal["all"] | None = None


class ContactSpec(_Part):
    """A person at a company."""

    id: Id | None = None
    first_name: str
    last_name: str = ""
    email: str | None = None
    more: More = Field(default_factory=dict)


class CompanySpec(_Part):
    """A company; status, types and currency by name."""

    id: Id | None = None
    identifier: str = _text(COMPANY, "identifier")
    name: str = _text(COMPANY, "name")
    status: str | None = None
    types: list[str] = []
    currency: str | None = None
    city: str | None = None
    entered: Moment | None = None
    updated: Moment | None = None
    contacts: list[ContactSpec] | None = None  # None: one made from the name; []: nobody
    more: More = Field(default_factory=dict)


class AdditionSpec(_Part):
    """An addition that is there already; product by identifier."""

    id: Id | None = None
    product: str
    quantity: Amount = Decimal(1)
    less_included: Amount = Decimal(0)
    price: Amount | None = None
    cost: Amount | None = None
    effective: Day | None = None
    cancelled: Day | None = None
    bill: Literal["Billable", "DoNotBill", "NoCharge"] = "Billable"
    serial_number: str | None = Field(default=None, max_length=ADDITION.fields["serialNumber"].longest)
    invoice_description: str | None = Field(default=None, max_length=ADDITION.fields["invoiceDescription"].longest)
    more: More = Field(default_factory=dict)


class AgreementSpec(_Part):
    """An agreement; company by identifier, parent by name or id, the rest by name."""

    id: Id | None = None
    name: str = _text(AGREEMENT, "name")
    company: str
    type: str | None = None
    billing_cycle: str = "Monthly"
    invoicing_cycle: Literal["CalendarYear", "ContractYear"] = "CalendarYear"
    prorate: bool = False
    one_time: bool = False
    period_type: Literal["Current", "Future", "Both", "Undefined"] = "Current"
    start: Day | None = None
    bill_start: Day
    end: Day | None = None
    next_invoice_date: Day | None = None
    cancelled: Day | None = None
    currency: str | None = None
    parent: str | None = None
    entered: Moment | None = None
    updated: Moment | None = None
    additions: list[AdditionSpec] = Field(default_factory=list)
    more: More = Field(default_factory=dict)


class CatalogSpec(_Part):
    """A catalog item; what it is filed under by name, Miscellaneous if nothing is said."""

    id: Id | None = None
    identifier: str = _text(CATALOG_ITEM, "identifier")
    description: str | None = Field(default=None, max_length=CATALOG_ITEM.fields["description"].longest)
    price: Amount = Decimal(0)
    cost: Amount = Decimal(0)
    product_class: Literal["Agreement", "Bundle", "Inventory", "NonInventory", "Service"] = "NonInventory"
    category: str = "Miscellaneous"
    subcategory: str = "Miscellaneous"
    type: str = "Miscellaneous"
    unit: str = "Each"
    taxable: bool = False
    inactive: bool = False
    xref: str | None = Field(default=None, max_length=CATALOG_ITEM.fields["integrationXRef"].longest)
    vendor_sku: str | None = Field(default=None, max_length=CATALOG_ITEM.fields["vendorSku"].longest)
    more: More = Field(default_factory=dict)


class GenerateSpec(_Part):
    """So many invented records beside the written ones; the same numbers and seed give the same site."""

    companies: int = Field(ge=1, le=20_000)
    agreements: int = Field(default=0, ge=0, le=50_000)
    additions: int = Field(default=0, ge=0, le=300_000)
    catalog: int = Field(default=300, ge=1, le=20_000)
    seed: int = 0


class SiteSpec(_Part):
    """One company id's ConnectWise."""

    company_id: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    name: str | None = None
    time_zone: str = "America/New_York"
    today: Day | None = None
    now: LocalMoment | None = None  # without an offset: of the time zone
    codebase: str = Field(default="v2026_1/", pattern=CODEBASE)
    is_cloud: bool = True
    keys: list[KeySpec] = Field(min_length=1)
    roles: dict[str, RoleSpec] = {}
    options: Knobs = Knobs()
    setup: dict[str, list[More]] = {}
    companies: list[CompanySpec] = []
    catalog: list[CatalogSpec] = []
    agreements: list[AgreementSpec] = []
    generate: GenerateSpec | None = None
    faults: list[FaultOrder] = []

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {name}") from None
        return name


class Scenario(_Part):
    """A whole file."""

    sites: list[SiteSpec] = Field(min_length=1)

    _document: Any = PrivateAttr(default=None)

    def refusal(self, source: str, problems: Iterable[Problem]) -> ScenarioError:
        """The error that says what is wrong where."""
        return _refusal(source, self._document, problems)


def load_scenario(path: Path) -> Scenario:
    """The scenario in a file. Raises ScenarioError, and OSError for one that cannot be read."""
    with path.open("rb") as file:
        return read_scenario(file.read(LARGEST + 1), str(path))


def read_scenario(text: str | bytes, source: str) -> Scenario:
    """The scenario in a YAML (or JSON) text; `ScenarioError` names source, line, key and rule of each problem."""
    try:
        document = read_document(text)
    except DocumentError as error:
        raise ScenarioError(_sentence(source, error.line, _key(error.at), error.rule)) from None
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        found = [_problem(document, e) for e in error.errors(include_url=False)]
        raise _refusal(source, document, _joined(found)) from None
    scenario._document = document  # noqa: SLF001 - its own
    return scenario


def _refusal(source: str, document: Any, problems: Iterable[Problem]) -> ScenarioError:
    found = sorted((line_of(document, at), _key(at), rule) for at, rule in problems)
    shown = [_sentence(source, line, key, rule) for line, key, rule in found[:MOST_PROBLEMS]]
    if len(found) > MOST_PROBLEMS:
        shown.append(f"{source}: and {len(found) - MOST_PROBLEMS} more problems")
    return ScenarioError("\n".join(shown))


def _sentence(source: str, line: int, key: str, rule: str) -> str:
    """One line, and not a long one, whatever was written."""
    return shorten(f"{source}:{line}: {key}: {rule}", LONGEST_SENTENCE, placeholder=" ...")


def _key(at: Location) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)
    return key.lstrip(".") or "the file"


def _problem(document: Any, error: Any) -> Problem:
    """What pydantic found, at a key that is in the file: what it adds for alternatives is nobody's key."""
    at: list[str | int] = []
    for step in error["loc"]:
        try:
            document = document[step]
        except (LookupError, TypeError):
            if error["type"] == "missing":
                at.append(step)
            break
        at.append(step)
    return tuple(at), _rule(error)


def _joined(problems: list[Problem]) -> Iterator[Problem]:
    """One sentence a key: alternatives that all fail are said together."""
    for at, found in groupby(problems, key=lambda problem: problem[0]):
        yield at, ", or ".join(dict.fromkeys(rule for _, rule in found))


def _rule(error: Any) -> str:
    kind, given = error["type"], error["input"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return "unknown key"
    if kind == "missing":
        return "is missing"
    if kind.startswith("date_"):
        return f"'{given}' is not a day of the calendar, written as YYYY-MM-DD"
    if kind == "model_type":
        return "should be a mapping"
    text = re.sub(r"^\w+ should", "should", str(error["msg"]).removeprefix("Value error, "))
    text = text.replace("a valid dictionary", "a mapping").replace(" after validation", "")
    return f"{text}, not {given!r}" if text.startswith("should be") and isinstance(given, (str, int)) else text
