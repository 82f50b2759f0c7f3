"""All SQL of customer_import."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from contracts.events import CustomerChanged
from contracts.values import CustomerKey, Motion, SiteId, TenantId
from customer_import.domain.agreements import Agreement
from customer_import.domain.mappings import Company, Customer, Known, Target
from storage import Transaction, named_queries

sql = named_queries(__package__, "customers.sql", "site.sql")


@dataclass(frozen=True, slots=True)
class Mapped:
    """One of a customer's motions that has an agreement."""

    motion: Motion
    billing_contract: str
    mapping_id: str
    company_id: int
    agreement_id: int


@dataclass(frozen=True, slots=True)
class SourceCustomer:
    """A customer that a source has named, with what of it is mapped."""

    key: str
    customer_id: str
    name: str
    domain: str
    country: str
    mapped: list[Mapped]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where a customer's charges of one contract and motion go, who said so and when."""

    mapping_id: str
    customer_key: str
    billing_contract: str
    motion: Motion
    company_id: int
    agreement_id: int
    go_live: date
    version: int
    removed: bool
    changed_by: str
    changed_at: datetime

    def says(self, target: Target) -> bool:
        """Whether it is what is asked for."""
        mine = (self.company_id, self.agreement_id, self.go_live)
        return mine == (target.company_id, target.agreement_id, target.go_live)


@dataclass(frozen=True, slots=True)
class NamedMapping:
    """The same with the names of what it refers to, for people."""

    mapping_id: str
    customer_key: str
    customer_name: str
    billing_contract: str
    motion: Motion
    company_id: int
    company: str
    agreement_id: int
    agreement: str
    agreement_status: str
    go_live: date
    version: int
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ListedCompany:
    """A company to choose."""

    company_id: int
    identifier: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """A company as the site has it. `told` is a digest of what was last said of it."""

    company_id: int
    identifier: str
    name: str
    status: str
    gone: bool
    told: str


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """An agreement as the site has it, with its parent's values where they matter."""

    agreement_id: int
    name: str
    company_id: int
    type_name: str
    status: str
    governing_cycle: str
    one_time: bool
    invoicing_cycle: str
    period_type: str
    prorate: bool
    currency: str
    bill_start: date | None
    end_date: date | None
    next_invoice: date | None
    parent_id: int | None
    parent_next_invoice: date | None
    parent_prorate: bool | None
    gone: bool
    told: str

    def judged(self) -> Agreement:
        """What the rules look at."""
        return Agreement(
            self.agreement_id,
            self.company_id,
            self.name,
            self.status,
            self.governing_cycle,
            self.one_time,
            self.invoicing_cycle,
            self.prorate,
        )


@dataclass(frozen=True, slots=True)
class Begun:
    """A reading that has begun."""

    number: int
    other_site: bool


@dataclass(frozen=True, slots=True)
class SiteRead:
    """How the reading of a site stands, and what is known of it."""

    asked_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    told: int
    error: str
    companies: int
    agreements: int

    @property
    def state(self) -> Literal["waiting", "reading", "failed", "done"]:
        """Of the reading that was asked for last."""
        if self.began_at is None or self.began_at < self.asked_at:
            return "waiting"
        if self.ended_at is None or self.ended_at < self.began_at:
            return "failed" if self.error else "reading"
        return "done"


async def save_customers(tx: Transaction, customers: Sequence[tuple[TenantId, CustomerChanged]]) -> None:
    """Remember customers; ValueError where a key is none."""
    newest = {(tenant_id, data.key): data for tenant_id, data in customers}
    rows = [
        (tenant_id, key, CustomerKey.parse(key).customer_id, newest[tenant_id, key])
        for tenant_id, key in sorted(newest)
    ]
    await tx.execute(
        sql["save_customers"],
        [tenant_id for tenant_id, _, _, _ in rows],
        [key for _, key, _, _ in rows],
        [customer_id for _, _, customer_id, _ in rows],
        [data.name for *_, data in rows],
        [data.domain for *_, data in rows],
        [data.country for *_, data in rows],
    )


async def customers(tx: Transaction, after: str, search: str, size: int) -> list[SourceCustomer]:
    """One page of customers, by part of their name or domain."""
    return await tx.fetch(SourceCustomer, sql["customers"], after, search, size)


async def known(
    tx: Transaction,
    tenant_id: TenantId,
    *,
    customer_keys: Collection[str] = (),
    customer_ids: Collection[str] = (),
    company_ids: Collection[int] = (),
    identifiers: Collection[str] = (),
    agreement_ids: Collection[int] = (),
    names: Collection[str] = (),
) -> Known:
    """What there is of what is referred to, and the companies of the agreements found."""
    customers = await tx.fetch(
        Customer, sql["known_customers"], tenant_id, list(set(customer_keys)), _lower(customer_ids)
    )
    agreements = await tx.fetch(Agreement, sql["known_agreements"], tenant_id, list(set(agreement_ids)), _lower(names))
    companies = {*company_ids, *(agreement.company_id for agreement in agreements)}
    return Known(
        customers,
        await tx.fetch(Company, sql["known_companies"], tenant_id, list(companies), _lower(identifiers)),
        agreements,
    )


async def lock_mappings(tx: Transaction, tenant_id: TenantId) -> None:
    """Let nobody else change the tenant's mappings until the transaction ends."""
    await tx.execute(sql["lock_mappings"], tenant_id)


async def mappings_of(tx: Transaction, tenant_id: TenantId, ids: Sequence[str]) -> list[Mapping]:
    """These mappings, those that were withdrawn too."""
    return await tx.fetch(Mapping, sql["mappings_of"], tenant_id, list(ids))


async def save_mappings(tx: Transaction, tenant_id: TenantId, targets: Sequence[Target], by: str) -> list[Mapping]:
    """Make or change mappings; each with its new version."""
    return await tx.fetch(
        Mapping,
        sql["save_mappings"],
        tenant_id,
        [target.mapping_id for target in targets],
        [target.customer_key for target in targets],
        [target.billing_contract for target in targets],
        [target.motion for target in targets],
        [target.company_id for target in targets],
        [target.agreement_id for target in targets],
        [target.go_live for target in targets],
        by,
    )


async def withdraw(tx: Transaction, tenant_id: TenantId, ids: Sequence[str] | None, by: str) -> list[Mapping]:
    """Take mappings back, all with None; those that were there."""
    return await tx.fetch(Mapping, sql["withdraw"], tenant_id, None if ids is None else list(ids), by)


async def mappings(tx: Transaction, after: str, customer_key: str, size: int) -> list[NamedMapping]:
    """One page of mappings, of one customer or of all."""
    return await tx.fetch(NamedMapping, sql["mappings"], after, customer_key, size)


async def asked(tx: Transaction, tenant_id: TenantId) -> None:
    """Note that a reading was asked for."""
    await tx.execute(sql["asked"], tenant_id)


async def begin(tx: Transaction, tenant_id: TenantId, site_id: SiteId) -> Begun:
    """Note that a reading begins; its number is higher than any before."""
    last = await tx.value(sql["last_site"], tenant_id)
    number = await tx.value(sql["begin"], tenant_id, site_id)
    return Begun(int(number), last not in (None, "", site_id))


async def ended(tx: Transaction, tenant_id: TenantId, number: int, told: int) -> None:
    """Note that it came to its end."""
    await tx.execute(sql["ended"], tenant_id, number, told)


async def failed(tx: Transaction, tenant_id: TenantId, number: int, error: str) -> None:
    """Note why it broke off."""
    await tx.execute(sql["failed"], tenant_id, number, error)


async def site_read(tx: Transaction, tenant_id: TenantId) -> SiteRead | None:
    """How reading stands; None where nobody has asked for it."""
    return await tx.fetch_one(SiteRead, sql["site_read"], tenant_id)


async def has_been_read(tx: Transaction, tenant_id: TenantId) -> bool:
    """Whether the tenant's site was read to its end once."""
    return bool(await tx.value(sql["has_been_read"], tenant_id))


async def save_companies(tx: Transaction, tenant_id: TenantId, number: int, rows: Sequence[tuple[Any, ...]]) -> None:
    """Keep companies as this reading saw them."""
    if rows:
        await tx.execute(
            sql["save_companies"], tenant_id, number, *(list(column) for column in zip(*rows, strict=True))
        )


async def save_agreements(tx: Transaction, tenant_id: TenantId, number: int, rows: Sequence[tuple[Any, ...]]) -> None:
    """Keep agreements as this reading saw them."""
    if rows:
        await tx.execute(
            sql["save_agreements"], tenant_id, number, *(list(column) for column in zip(*rows, strict=True))
        )


async def gone(tx: Transaction, tenant_id: TenantId, number: int) -> None:
    """What this reading, which came to its end, has not seen is there no more."""
    await tx.execute(sql["companies_gone"], tenant_id, number)
    await tx.execute(sql["agreements_gone"], tenant_id, number)


async def companies_to_tell(tx: Transaction, tenant_id: TenantId, after: int, size: int) -> list[CompanyRow]:
    """One page of all companies, locked."""
    return await tx.fetch(CompanyRow, sql["companies_to_tell"], tenant_id, after, size)


async def companies_told(tx: Transaction, tenant_id: TenantId, told: Sequence[tuple[int, str]]) -> None:
    """Note digests of what is told of them."""
    await tx.execute(sql["companies_told"], tenant_id, [key for key, _ in told], [digest for _, digest in told])


async def agreements_to_tell(tx: Transaction, tenant_id: TenantId, after: int, size: int) -> list[AgreementRow]:
    """One page of all agreements, locked."""
    return await tx.fetch(AgreementRow, sql["agreements_to_tell"], tenant_id, after, size)


async def agreements_told(tx: Transaction, tenant_id: TenantId, told: Sequence[tuple[int, str]]) -> None:
    """Note digests of what is told of them."""
    await tx.execute(sql["agreements_told"], tenant_id, [key for key, _ in told], [digest for _, digest in told])


async def companies(tx: Transaction, after: int, search: str, size: int) -> list[ListedCompany]:
    """One page of companies, by part of their identifier or name."""
    return await tx.fetch(ListedCompany, sql["companies"], after, search, size)


async def agreements(tx: Transaction, after: int, company_id: int | None, search: str, size: int) -> list[AgreementRow]:
    """One page of agreements, of one company or of all, by part of their name."""
    return await tx.fetch(AgreementRow, sql["agreements"], after, company_id, search, size)


def _lower(texts: Collection[str]) -> list[str]:
    return list({text.lower() for text in texts})
