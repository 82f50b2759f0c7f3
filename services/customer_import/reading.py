"""Reading a site's companies and agreements: a job of the site's owner, page by page; only what changed is told."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from connectwise import Agreement, Company, ConnectWise
from contracts import topics
from contracts.envelope import Data
from contracts.events import AgreementChanged, CompanyChanged
from contracts.topics import Topic
from contracts.values import SiteId, TenantId
from customer_import import mapping, store
from customer_import.store import AgreementRow, CompanyRow
from delivery import Lane, Operation, Reading, Sent, Settled, enqueue_job
from httpkit import ApiError
from messaging import Fact, outbox
from storage import Database, Transaction
from tenancy import Sites, closed, connection

EFFECT = "site-reads"
LANE = "read"
FEATURE = "companies"
PAGE = 500

_FORBIDDEN = 403
_COMPANY = ("identifier", "name", "status", "deletedFlag")
_AGREEMENT = (
    *("name", "company", "type", "parentAgreement", "agreementStatus", "cancelledFlag", "billingCycle"),
    *("billOneTimeFlag", "oneTimeFlag", "invoicingCycle", "periodType", "prorateFlag", "currency"),
    *("billStartDate", "endDate", "noEndingDateFlag", "nextInvoiceDate"),
)


async def ask(tx: Transaction, tenant_id: TenantId) -> bool:
    """Have the tenant's site read soon; False where it has no connection that is switched on."""
    site = await connection(tx, tenant_id)
    if site is None or not site.enabled:
        return False
    await store.asked(tx, tenant_id)
    await enqueue_job(tx, EFFECT, tenant_id, site.site_id, LANE, {})
    return True


@dataclass(frozen=True, slots=True)
class SiteReads:
    """The job. It reads only, and may be done again at any time: an older reading never overwrites a newer one."""

    db: Database
    sites: Sites

    @property
    def name(self) -> str:
        """The effect's name."""
        return EFFECT

    async def gate(self, tx: Transaction, tenant_id: TenantId) -> str | None:
        """The role must be able to read companies (R12)."""
        return await closed(tx, tenant_id, FEATURE)

    async def find(self, lane: Lane, operations: Any) -> Reading:  # noqa: ARG002 (delivery's protocol)
        """Never asked about jobs."""
        return Reading()

    async def send(self, operation: Operation) -> Sent:
        """Read both lists to their ends, then tell what differs from what was last told."""
        tenant_id = operation.tenant_id
        site = await self.sites.still(tenant_id, operation.site_id)
        number = await self._begin(tenant_id, operation.site_id) if site is not None else None
        if site is None or number is None:
            return Sent()
        try:
            await self._companies(site, tenant_id, number)
            await self._agreements(site, tenant_id, number)
            # Only now: a list that broke off says nothing about what is gone.
            async with self.db.transaction([tenant_id]) as tx:
                await store.gone(tx, tenant_id, number)
            told = await self._tell_companies(tenant_id) + await self._tell_agreements(tenant_id)
        except ApiError as error:
            async with self.db.transaction([tenant_id]) as tx:
                await store.failed(tx, tenant_id, number, f"{error.message} ({error.status or error.code})")
            raise
        async with self.db.transaction([tenant_id]) as tx:
            await store.ended(tx, tenant_id, number, told)
        return Sent()

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        """Nothing: `send` has kept and told its result."""

    async def _begin(self, tenant_id: TenantId, site_id: SiteId) -> int | None:
        async with self.db.transaction([tenant_id]) as tx:
            now = await connection(tx, tenant_id)
            if now is None or now.site_id != site_id:
                return None  # asked for before the tenant moved: the new site's setup asks for itself
            begun = await store.begin(tx, tenant_id, site_id)
            if begun.other_site:
                # Ids of another site name other records: nothing may go where they point now.
                await mapping.withdraw_all(tx, tenant_id, "another ConnectWise site")
        return begun.number

    async def _companies(self, site: ConnectWise, tenant_id: TenantId, number: int) -> None:
        page: list[Company] = []
        async for company in site.companies.iterate(fields=_COMPANY):
            if not company.deleted_flag:
                page.append(company)
            if len(page) == PAGE:
                await self._save_companies(tenant_id, number, page)
                page = []
        await self._save_companies(tenant_id, number, page)

    async def _save_companies(self, tenant_id: TenantId, number: int, page: Sequence[Company]) -> None:
        async with self.db.transaction([tenant_id]) as tx:
            await store.save_companies(tx, tenant_id, number, [_company(company) for company in page])

    async def _agreements(self, site: ConnectWise, tenant_id: TenantId, number: int) -> None:
        options = await _billing_options(site)
        page: list[Agreement] = []
        async for agreement in site.agreements.iterate(fields=_AGREEMENT):
            page.append(agreement)
            if len(page) == PAGE:
                await self._save_agreements(tenant_id, number, page, options)
                page = []
        await self._save_agreements(tenant_id, number, page, options)

    async def _save_agreements(
        self, tenant_id: TenantId, number: int, page: Sequence[Agreement], options: Mapping[int, str]
    ) -> None:
        async with self.db.transaction([tenant_id]) as tx:
            await store.save_agreements(tx, tenant_id, number, [_agreement(agreement, options) for agreement in page])

    async def _tell_companies(self, tenant_id: TenantId) -> int:
        after, told = 0, 0
        while True:
            async with self.db.transaction([tenant_id]) as tx:
                page = await store.companies_to_tell(tx, tenant_id, after, PAGE)
                if not page:
                    return told
                after = page[-1].company_id
                changed = _changed([(row.company_id, _company_fact(row), row.told) for row in page])
                await store.companies_told(tx, tenant_id, [(key, digest) for key, _, digest in changed])
                await _tell(tx, topics.COMPANIES, tenant_id, changed)
            told += len(changed)

    async def _tell_agreements(self, tenant_id: TenantId) -> int:
        after, told = 0, 0
        while True:
            async with self.db.transaction([tenant_id]) as tx:
                page = await store.agreements_to_tell(tx, tenant_id, after, PAGE)
                if not page:
                    return told
                after = page[-1].agreement_id
                changed = _changed([(row.agreement_id, _agreement_fact(row), row.told) for row in page])
                await store.agreements_told(tx, tenant_id, [(key, digest) for key, _, digest in changed])
                await _tell(tx, topics.AGREEMENTS, tenant_id, changed)
            told += len(changed)


async def _billing_options(site: ConnectWise) -> Mapping[int, str]:
    """How often each billing cycle bills: the one stable thing about it, names and ids are the tenant's.

    A role that may not read the table leaves the cycles unknown, which mappings say when they are asked for.
    """
    try:
        return {cycle.id: cycle.billing_options or "" for cycle in await site.billing_cycles.list()}
    except ApiError as error:
        if error.status != _FORBIDDEN:
            raise
        return {}


def _changed(rows: Sequence[tuple[int, Data, str]]) -> list[tuple[int, Data, str]]:
    digests = [
        (key, fact, hashlib.blake2b(fact.model_dump_json().encode(), digest_size=16).hexdigest())
        for key, fact, _ in rows
    ]
    return [now for now, (_, _, told) in zip(digests, rows, strict=True) if now[2] != told]


async def _tell(
    tx: Transaction, topic: Topic[Any], tenant_id: TenantId, changed: Sequence[tuple[int, Data, str]]
) -> None:
    await outbox.add(tx, topic, [Fact(tenant_id, str(key), fact) for key, fact, _ in changed])


def _company(company: Company) -> tuple[Any, ...]:
    status = company.status.name if company.status else None
    return company.id, _text(company.identifier), _text(company.name), _text(status)


def _agreement(agreement: Agreement, options: Mapping[int, str]) -> tuple[Any, ...]:
    cycle, kind, parent = agreement.billing_cycle, agreement.type, agreement.parent_agreement
    currency = agreement.currency
    status = agreement.agreement_status or ("Cancelled" if agreement.cancelled_flag else "")
    return (
        agreement.id,
        _text(agreement.name),
        (agreement.company.id if agreement.company else None) or 0,
        _text(kind.name if kind else None),
        status,
        options.get(cycle.id or 0, "") if cycle else "",
        bool(agreement.bill_one_time_flag or agreement.one_time_flag),
        agreement.invoicing_cycle or "",
        agreement.period_type or "",
        bool(agreement.prorate_flag),
        currency.code if currency else "",
        agreement.bill_start_date,
        None if agreement.no_ending_date_flag else agreement.end_date,
        # Text that is no date counts as none to come: lines are then held.
        agreement.next_invoice_date if isinstance(agreement.next_invoice_date, date) else None,
        parent.id if parent else None,
    )


def _text(value: str | None) -> str:
    """What people have typed, without what PostgreSQL's text cannot hold."""
    return (value or "").replace("\0", "")


def _company_fact(row: CompanyRow) -> CompanyChanged:
    return CompanyChanged(
        company_id=row.company_id, identifier=row.identifier, name=row.name, status=row.status, removed=row.gone
    )


def _agreement_fact(row: AgreementRow) -> AgreementChanged:
    return AgreementChanged(
        agreement_id=row.agreement_id,
        name=row.name,
        company_id=row.company_id,
        type_name=row.type_name,
        status=row.status,
        cycle=row.governing_cycle,
        one_time=row.one_time,
        invoicing_cycle=row.invoicing_cycle,
        period_type=row.period_type,
        prorate=row.prorate,
        currency=row.currency,
        bill_start=row.bill_start,
        end=row.end_date,
        next_invoice=row.next_invoice,
        parent_id=row.parent_id,
        parent_next_invoice=row.parent_next_invoice,
        parent_prorate=row.parent_prorate,
        removed=row.gone,
    )
