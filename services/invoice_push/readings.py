"""What was read back from ConnectWise, as it is kept: agreement by agreement, and each reading as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.values import RunId, TenantId
from delivery import OperationKey
from storage import Transaction, named_queries

sql = named_queries(__package__, "readings.sql")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What ConnectWise held on one agreement when it was read back, beside what was written."""

    agreement_id: int
    agreement_name: str
    company_id: int
    additions: int
    cost: Decimal
    price: Decimal
    expected: int
    expected_cost: Decimal
    expected_price: Decimal
    differences: list[dict[str, Any]]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Stray:
    """An addition with a marker of ours that this database has not written, as far as it knows."""

    agreement_id: int
    addition_id: int
    marker: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One reading back as a whole: of a run with its proof, or of everything that was ever written.

    It says how things stood at some time after `began_at`.
    """

    agreements: int
    differences: int
    unexplained: int
    proof: list[dict[str, Any]]
    began_at: datetime
    ended_at: datetime

    @classmethod
    def of(
        cls, found: Sequence[Reconciliation], proof: list[dict[str, Any]], began: datetime, ended: datetime
    ) -> "Reconciled":
        """What was found on each agreement, added up, beside the bridges of the documents (B3)."""
        return cls(
            agreements=len(found),
            differences=sum(len(one.differences) for one in found),
            unexplained=sum(Decimal(one["unexplained"]) != 0 for one in proof),
            proof=proof,
            began_at=began,
            ended_at=ended,
        )


@dataclass(frozen=True, slots=True)
class Added:
    """What was found on all agreements, added up."""

    agreements: int
    differences: int
    began_at: datetime


async def keep_reconciliations(
    tx: Transaction, tenant_id: TenantId, run_id: RunId, found: Sequence[Reconciliation], by: OperationKey
) -> None:
    """Keep what was read back by a job, in place of an earlier reading."""
    for one in found:
        await tx.execute(
            sql["keep_reconciliation"],
            tenant_id,
            run_id,
            one.agreement_id,
            one.agreement_name,
            one.company_id,
            one.additions,
            one.cost,
            one.price,
            one.expected,
            one.expected_cost,
            one.expected_price,
            one.differences,
            by,
        )


async def reconciliations(tx: Transaction, run_id: str, after: int, size: int) -> list[Reconciliation]:
    """One page of what was read back after a run."""
    return await tx.fetch(Reconciliation, sql["reconciliations"], run_id, after, size)


async def agreements_read_by(tx: Transaction, tenant_id: TenantId, by: OperationKey) -> list[int]:
    """What a job that reads everything back has done already."""
    return [int(agreement) for agreement in await tx.column(sql["agreements_read_by"], tenant_id, by)]


async def forget_reconciliations(tx: Transaction, tenant_id: TenantId, run_id: RunId, by: OperationKey) -> None:
    """Forget what an earlier job than this has found and this has not."""
    await tx.execute(sql["forget_reconciliations"], tenant_id, run_id, by)


async def sum_reconciliations(tx: Transaction, tenant_id: TenantId) -> Added:
    """Of the last reading of everything."""
    found = await tx.fetch_one(Added, sql["sum_reconciliations"], tenant_id)
    assert found is not None  # noqa: S101 (an aggregate has one row)
    return found


async def count_differences(tx: Transaction) -> dict[str, int]:
    """What the last readings of everything found, of all tenants, by kind."""
    return {one.kind: one.differences for one in await tx.fetch(_Kind, sql["count_differences"])}


async def keep_strays(tx: Transaction, tenant_id: TenantId, agreements: Sequence[int], found: Sequence[Stray]) -> None:
    """Keep what bears a marker of ours on these agreements and is unknown here, in place of an earlier reading."""
    await tx.execute(sql["forget_strays"], tenant_id, agreements)
    if found:
        rows = [(one.agreement_id, one.addition_id, one.marker) for one in found]
        await tx.execute(sql["keep_strays"], tenant_id, *(list(column) for column in zip(*rows, strict=True)))


async def agreements_with_strays(tx: Transaction, tenant_id: TenantId) -> list[int]:
    """Where they are."""
    return [int(agreement) for agreement in await tx.column(sql["agreements_with_strays"], tenant_id)]


async def strays(tx: Transaction, tenant_id: TenantId, markers: Sequence[str], besides: int) -> list[Stray]:
    """Those with one of these markers that are not on agreement `besides`."""
    return await tx.fetch(Stray, sql["strays"], tenant_id, markers, besides)


async def keep_reconciled(tx: Transaction, tenant_id: TenantId, run_id: RunId, ended: Reconciled) -> None:
    """Keep that a reading back has ended, with its proof."""
    await tx.execute(
        sql["keep_reconciled"],
        tenant_id,
        run_id,
        ended.agreements,
        ended.differences,
        ended.unexplained,
        ended.proof,
        ended.began_at,
        ended.ended_at,
    )


async def reconciled(tx: Transaction, tenant_id: TenantId, run_id: str) -> Reconciled | None:
    """The last reading back of a run, or of everything."""
    return await tx.fetch_one(Reconciled, sql["reconciled"], tenant_id, run_id)


async def count_unexplained(tx: Transaction) -> int:
    """How many documents do not add up, of all tenants, when everything was last read."""
    return int(await tx.value(sql["count_unexplained"]))


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str
    differences: int
