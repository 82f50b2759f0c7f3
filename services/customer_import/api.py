"""Customers, companies and agreements to choose from, and which goes where."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from contracts.values import Motion
from customer_import import mapping, reading, store
from customer_import.domain.agreements import MAPPABLE, closed, unfit
from customer_import.domain.mappings import Target
from customer_import.domain.refusals import MappingsRefused
from customer_import.mapping import Taken
from servicekit import Caller, Page, Paging, Problem, Tx, allow
from tenancy import closed as gate

router = APIRouter()

Search = Annotated[str, Query(max_length=200, description="part of a name")]
MOST_MAPPINGS = 5_000


class WantedMapping(BaseModel):
    """A customer's charges of one billing contract ('' for any) and motion, and where they go from when on."""

    customer_key: str = Field(min_length=1, max_length=300)
    billing_contract: str = Field("", max_length=300)
    motion: Motion
    company_id: int = Field(gt=0, lt=2**31)
    agreement_id: int = Field(gt=0, lt=2**31)
    go_live: date


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement to choose; `unfit` says for each motion why it may not take its charges (C3)."""

    agreement_id: int
    name: str
    company_id: int
    type_name: str
    status: str
    cycle: str
    one_time: bool
    prorate: bool
    currency: str
    next_invoice: date | None
    parent_id: int | None
    unfit: dict[Motion, str]


class Refreshed(BaseModel):
    """How reading the site stands; `blocked` says why it cannot begin now."""

    state: str
    asked_at: datetime | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    companies: int = 0
    agreements: int = 0
    told: int = 0
    error: str = ""
    blocked: str = ""


@router.get("/customers", dependencies=[allow("customers.read")])
async def customers(tx: Tx, page: Paging, q: Search = "") -> Page[store.SourceCustomer]:
    """Customers that sources have named, with the motions that are mapped (R77, R78, R94)."""
    return page.of(await store.customers(tx, page.after, q, page.size), lambda customer: customer.key)


@router.get("/companies", dependencies=[allow("customers.read")])
async def companies(tx: Tx, page: Paging, q: Search = "") -> Page[store.ListedCompany]:
    """Companies of the site as of the last reading (R80, R88)."""
    return page.of(await store.companies(tx, page.after_number, q, page.size), lambda company: company.company_id)


@router.get("/agreements", dependencies=[allow("customers.read")])
async def agreements(
    tx: Tx, page: Paging, company: Annotated[int | None, Query(gt=0, lt=2**31)] = None, q: Search = ""
) -> Page[Agreement]:
    """Agreements of a company, or all, each with the motions that do not fit it and why (R80, C3)."""
    found = await store.agreements(tx, page.after_number, company, q, page.size)
    return page.of([_shown(row) for row in found], lambda agreement: agreement.agreement_id)


@router.get("/mappings", dependencies=[allow("mappings.read")])
async def mappings(
    tx: Tx, page: Paging, customer: Annotated[str, Query(max_length=300)] = ""
) -> Page[store.NamedMapping]:
    """Which charges go to which agreement from when on, and who said so (R90)."""
    return page.of(await store.mappings(tx, page.after, customer, page.size), lambda found: found.mapping_id)


@router.put("/mappings", dependencies=[allow("mappings.write")])
async def put_mappings(
    tx: Tx, caller: Caller, wanted: Annotated[list[WantedMapping], Field(min_length=1, max_length=MOST_MAPPINGS)]
) -> Taken:
    """Make or change mappings by id, all or none; those that are not named stay (B5, R80)."""
    targets = [Target(row, **dict(one)) for row, one in enumerate(wanted, 1)]
    await _refuse_before_reading(tx, caller)
    try:
        return await mapping.put(tx, caller.tenant_id, targets, caller.subject)
    except MappingsRefused as refused:
        raise _problem(refused) from refused


@router.post("/mappings/import", dependencies=[allow("mappings.write")])
async def import_mappings(tx: Tx, caller: Caller, request: Request) -> Taken:
    """Make or change mappings by name, from a CSV as the request's body, all or none (B5, R80).

    Columns: customer_id, customer_name (for people), billing_contract, motion, company, agreement, go_live.
    """
    await _refuse_before_reading(tx, caller)
    try:
        return await mapping.bring(tx, caller.tenant_id, await request.body(), caller.subject)
    except MappingsRefused as refused:
        raise _problem(refused) from refused


@router.delete("/mappings/{mapping_id}", dependencies=[allow("mappings.write")])
async def delete_mapping(tx: Tx, caller: Caller, mapping_id: str) -> store.Mapping:
    """Take a mapping back; what was written stays, what is not yet is held. Nothing is deleted in ConnectWise."""
    found = await mapping.withdraw(tx, caller.tenant_id, mapping_id, caller.subject)
    if found is None:
        raise Problem(404, "not_found", f"there is no mapping {mapping_id[:100]}")
    return found


@router.post("/refresh", dependencies=[allow("mappings.write")], status_code=202)
async def refresh(tx: Tx, caller: Caller) -> Refreshed:
    """Have companies and agreements read again."""
    if not await reading.ask(tx, caller.tenant_id):
        raise Problem(409, "not_connected", "this tenant has no ConnectWise connection that is switched on")
    return await refresh_state(tx, caller)


@router.get("/refresh", dependencies=[allow("customers.read")])
async def refresh_state(tx: Tx, caller: Caller) -> Refreshed:
    """How the last reading stands: never, waiting, reading, failed or done."""
    found = await store.site_read(tx, caller.tenant_id)
    blocked = await gate(tx, caller.tenant_id, reading.FEATURE) or ""
    if found is None:
        return Refreshed(state="never", blocked=blocked)
    return Refreshed(state=found.state, blocked=blocked, **asdict(found))


async def _refuse_before_reading(tx: Any, caller: Any) -> None:
    if not await store.has_been_read(tx, caller.tenant_id):
        raise Problem(409, "not_read", "companies and agreements have not been read yet: see GET refresh")


def _problem(refused: MappingsRefused) -> Problem:
    return Problem(
        422,
        "mappings_refused",
        f"nothing was taken in: {refused}",
        refusals=[asdict(refusal) for refusal in refused.refusals],
    )


def _shown(row: store.AgreementRow) -> Agreement:
    judged = row.judged()
    reasons = {motion: closed(judged) or unfit(motion, judged) for motion in MAPPABLE}
    return Agreement(
        row.agreement_id,
        row.name,
        row.company_id,
        row.type_name,
        row.status,
        row.governing_cycle,
        row.one_time,
        row.prorate,
        row.currency,
        row.next_invoice,
        row.parent_id,
        {motion: reason for motion, reason in reasons.items() if reason is not None},
    )
