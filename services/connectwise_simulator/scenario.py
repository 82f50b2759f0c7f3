"""Scenario files: what sites there are and what is in them. The README documents the format."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class ScenarioError(Exception):
    """A scenario that cannot be used: the text names the file and the key."""


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


class OptionsSpec(_Part):
    """Where the contract is open: see the README for the evidence."""

    bad_auth_status: Literal[401, 404] = 401
    missing_client_id_status: Literal[401, 403] = 401
    large_pages: Literal["cap", "refuse"] = "cap"
    delete_invoiced_additions: Literal["refuse", "allow"] = "refuse"
    proration_digits: int = Field(default=2, ge=0, le=6)
    cancelled_day_is_billed: bool = True
    client_ids: list[str] | None = None


class ContactSpec(_Part):
    """A person at a company."""

    id: int | None = None
    first_name: str
    last_name: str = ""
    email: str | None = None


class CompanySpec(_Part):
    """A company; status, types and currency by name."""

    id: int | None = None
    identifier: str
    name: str
    status: str | None = None
    types: list[str] = []
    currency: str | None = None
    city: str | None = None
    entered: datetime | None = None
    updated: datetime | None = None
    contacts: list[ContactSpec] | None = None  # None: one made from the name; []: nobody


class AdditionSpec(_Part):
    """An addition that is there already; product by identifier."""

    id: int | None = None
    product: str
    quantity: Decimal = Decimal(1)
    less_included: Decimal = Decimal(0)
    price: Decimal | None = None
    cost: Decimal | None = None
    effective: date | None = None
    cancelled: date | None = None
    bill: Literal["Billable", "DoNotBill", "NoCharge"] = "Billable"
    serial_number: str | None = None
    invoice_description: str | None = None


class AgreementSpec(_Part):
    """An agreement; company by identifier, parent by name or id, the rest by name."""

    id: int | None = None
    name: str
    company: str
    type: str | None = None
    billing_cycle: str = "Monthly"
    invoicing_cycle: Literal["CalendarYear", "ContractYear"] = "CalendarYear"
    prorate: bool = False
    one_time: bool = False
    period_type: Literal["Current", "Future", "Both", "Undefined"] = "Current"
    start: date | None = None
    bill_start: date
    end: date | None = None
    next_invoice_date: date | None = None
    cancelled: date | None = None
    currency: str | None = None
    parent: str | None = None
    entered: datetime | None = None
    updated: datetime | None = None
    additions: list[AdditionSpec] = []


class CatalogSpec(_Part):
    """A catalog item; what it is filed under by name, Miscellaneous if nothing is said."""

    id: int | None = None
    identifier: str
    description: str | None = None
    price: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    product_class: Literal["Agreement", "Bundle", "Inventory", "NonInventory", "Service"] = "NonInventory"
    category: str = "Miscellaneous"
    subcategory: str = "Miscellaneous"
    type: str = "Miscellaneous"
    unit: str = "Each"
    taxable: bool = False
    inactive: bool = False
    xref: str | None = None
    vendor_sku: str | None = None


class SiteSpec(_Part):
    """One company id's ConnectWise."""

    company_id: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    name: str | None = None
    time_zone: str = "America/New_York"
    today: date | None = None
    codebase: str = Field(default="v2026_1/", pattern=r"^[a-z0-9_]+/$")
    is_cloud: bool = True
    keys: list[KeySpec] = Field(min_length=1)
    roles: dict[str, RoleSpec] = {}
    options: OptionsSpec = OptionsSpec()
    setup: dict[str, list[dict[str, Any]]] = {}
    companies: list[CompanySpec] = []
    catalog: list[CatalogSpec] = []
    agreements: list[AgreementSpec] = []

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone {name}") from None
        return name


class Scenario(_Part):
    """A whole file."""

    sites: list[SiteSpec] = Field(min_length=1)


def read_scenario(text: str, source: str) -> Scenario:
    """The scenario in a YAML (or JSON) text; `ScenarioError` names the source and the key."""
    try:
        document = yaml.load(text, Loader=_ExactLoader)  # noqa: S506 - a SafeLoader that keeps decimals
    except (yaml.YAMLError, ArithmeticError) as error:
        raise ScenarioError(f"{source}: not YAML: {error}") from None
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        lines = [f"{source}: {_key(e['loc'])}: {_reason(e)}" for e in error.errors(include_url=False)]
        raise ScenarioError("\n".join(lines)) from None


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the compiled one reads ten times as fast


class _ExactLoader(_Loader):  # type: ignore[misc, valid-type]
    """Numbers with a fraction stay what was written, and so do dates: their check names the key."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the class above declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in _Loader.yaml_implicit_resolvers.items()
    }


def _decimal(_loader: yaml.Loader, node: yaml.Node) -> Decimal:
    return Decimal(str(node.value).replace("_", ""))


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _decimal)


def _key(location: tuple[str | int, ...]) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return key.lstrip(".") or "the file"


def _reason(error: Any) -> str:
    return "unknown key" if error["type"] == "extra_forbidden" else str(error["msg"])
