"""What of a source is synced for a tenant, and how."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from console import store
from console.store import Program
from contracts import topics
from contracts.events import PriceRule, ProgramChanged
from contracts.values import Motion, TenantId
from messaging import Fact, outbox
from servicekit import Problem
from storage import Transaction


def _no_float(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError('write it as text, such as "20.5": binary fractions are not exact')  # noqa: TRY004
    return value


def _chosen(motions: tuple[Motion, ...]) -> tuple[Motion, ...]:
    if Motion.UNKNOWN in motions:
        raise ValueError("unknown charges are held for a person and cannot be chosen")
    return tuple(dict.fromkeys(motions))


class PriceForm(BaseModel):
    """What customers pay (B2)."""

    model_config = ConfigDict(extra="forbid")

    basis: Literal["list", "effective"] = "list"
    # -100 would give everything away; 1,000 is eleven times the price: a slip of the comma.
    markup_percent: Annotated[Decimal, BeforeValidator(_no_float), Field(gt=-100, le=1000, decimal_places=4)]
    allow_below_cost: bool = False


class ProgramForm(BaseModel):
    """What a person chooses (R41-R57)."""

    model_config = ConfigDict(extra="forbid")

    source: Literal["microsoft-nce"] = "microsoft-nce"
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = "Microsoft CSP"
    enabled: bool = True
    billing: bool = True
    products: Literal["off", "in_use", "all"] = "in_use"
    motions: Annotated[tuple[Motion, ...], AfterValidator(_chosen)] = (
        Motion.SEAT_MONTHLY,
        Motion.SEAT_ANNUAL,
        Motion.AZURE,
        Motion.ONE_TIME,
    )
    price_rule: PriceForm | None = None
    new_items_taxable: bool = False


async def save(tx: Transaction, tenant_id: TenantId, program_id: str, form: ProgramForm) -> Program:
    """Make or change a program and tell all; Problem 409 where the source has another program already."""
    if not await store.lock_tenant(tx, tenant_id):
        raise Problem(404, "unknown_tenant", f"there is no tenant {tenant_id}")
    other = await store.program_of_source(tx, tenant_id, form.source)
    if other not in {None, program_id}:
        raise Problem(409, "source_taken", f"{form.source} is the program {other} already", field="source")
    fact = ProgramChanged(
        program_id=program_id,
        name=form.name,
        source=form.source,
        enabled=form.enabled,
        billing=form.billing,
        products=form.products,
        motions=form.motions,
        price_rule=None if form.price_rule is None else PriceRule(**form.price_rule.model_dump()),
        new_items_taxable=form.new_items_taxable,
    )
    saved = await store.save_program(tx, tenant_id, fact)
    await outbox.add(tx, topics.PROGRAMS, [Fact(tenant_id, program_id, fact)])
    return saved


async def remove(tx: Transaction, tenant_id: TenantId, program_id: str) -> bool:
    """End a program and tell all; False where there is none."""
    await store.lock_tenant(tx, tenant_id)
    was = await store.remove_program(tx, tenant_id, program_id)
    if was is None:
        return False
    gone = was.model_copy(update={"enabled": False, "removed": True})
    await outbox.add(tx, topics.PROGRAMS, [Fact(tenant_id, program_id, gone)])
    return True
