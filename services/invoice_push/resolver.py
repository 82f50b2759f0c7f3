"""Looking at a tenant's lines again whenever something they depend on has changed, and telling how far runs are."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from contracts import topics
from contracts.events import AgreementChanged, CatalogItemLinked, MappingChanged, ProgramChanged, RunStep, SyncStep
from contracts.values import Motion, RunId, TenantId
from invoice_push import amending, store
from invoice_push.domain.resolution import resolve
from invoice_push.domain.values import Held, Ignored, Ready, Reason, Resolution, Surroundings, Target
from invoice_push.lines import Line, agreement_of, draft_to_json, item_of, program_of
from invoice_push.store import Due
from messaging import Fact, copies, outbox
from servicekit import Passes
from storage import Transaction
from tenancy import connection, program

log = structlog.get_logger()

SIGNAL = "resolve"
PAGE = 2_000


class Resolver(Passes):
    """One pass a tenant at a time; a pass that dies half-way is made again."""

    signal = SIGNAL

    async def work(self, stop: asyncio.Event) -> int:  # noqa: ARG002 (a pass is short)
        """Resolve and report; how many tenants and runs."""
        return await self.resolve_due() + await self.report_due()

    async def resolve_due(self) -> int:
        """Look at the lines of every tenant that is due; how many tenants."""
        async with self.db.all_tenants() as tx:
            due = await store.due_tenants(tx)
        for one in due:
            await self.resolve_tenant(one)
        return len(due)

    async def resolve_tenant(self, due: Due) -> None:
        """Look at what was amended, then at all of a tenant's lines that are not queued yet, page by page."""
        await self._account(due.tenant_id)
        after = 0
        while True:
            async with self.db.transaction([due.tenant_id]) as tx:
                page = await store.unsettled(tx, due.tenant_id, after, PAGE)
                if page:
                    await _resolve_page(tx, due.tenant_id, page)
                    after = page[-1].position
                else:
                    await store.resolution_done(tx, due)
                    return

    async def _account(self, tenant_id: TenantId) -> None:
        after: int | None = 0
        while after is not None:
            async with self.db.transaction([tenant_id]) as tx:
                after = await amending.account(tx, tenant_id, after)

    async def report_due(self) -> int:
        """Tell how far runs are, where that has changed; how many runs were looked at."""
        async with self.db.all_tenants() as tx:
            due = await store.due_reports(tx)
        for one in due:
            async with self.db.transaction([one.tenant_id]) as tx:
                await _report(tx, one.tenant_id, one.run_id)
        return len(due)


async def _resolve_page(tx: Transaction, tenant_id: TenantId, page: Sequence[Line]) -> None:
    known = await _Known.read(tx, tenant_id, page)
    changed = [(line, said) for line in page if _differs(line, said := resolve(line.charge(), known.around(line)))]
    await store.resolve(tx, tenant_id, changed)
    await store.report_due(tx, {(tenant_id, line.run_id) for line in page})


def _differs(line: Line, said: Resolution) -> bool:
    match said:
        case Ready(draft):
            return line.state != "ready" or line.draft != draft_to_json(draft)
        case Held(reason, detail):
            return (line.state, line.reason, line.detail) != ("held", reason, detail)
        case Ignored(reason, detail):
            return (line.state, line.reason, line.detail) != ("ignored", reason, detail)


class _Known:
    """What the copies of facts say about everything that a page of lines refers to."""

    def __init__(
        self,
        programs: dict[str, ProgramChanged | None],
        mappings: dict[tuple[str, str, Motion], MappingChanged],
        agreements: dict[str, AgreementChanged],
        items: dict[str, CatalogItemLinked],
        *,
        connected: bool,
    ) -> None:
        self._programs = programs
        self._mappings = mappings
        self._agreements = agreements
        self._items = items
        self._connected = connected

    @classmethod
    async def read(cls, tx: Transaction, tenant_id: TenantId, page: Sequence[Line]) -> "_Known":
        """Read once a page."""
        found = await copies.of_tenant(tx, topics.CUSTOMER_MAPPINGS, tenant_id)
        mappings = {(m.customer_key, m.billing_contract, m.motion): m for m in found if not m.removed}
        agreements = await copies.some(
            tx, topics.AGREEMENTS, tenant_id, sorted({str(mapping.agreement_id) for mapping in mappings.values()})
        )
        items = await copies.some(tx, topics.CATALOG_ITEMS, tenant_id, sorted({line.product_key for line in page}))
        return cls(
            programs={source: await program(tx, tenant_id, source) for source in {line.source for line in page}},
            mappings=mappings,
            agreements=agreements,
            items=items,
            connected=await connection(tx, tenant_id) is not None,
        )

    def around(self, line: Line) -> Surroundings:
        """What decides where this line goes. A mapping of the line's contract is before one of any contract (B5)."""
        mapping = self._mappings.get((line.customer_key, line.billing_contract, line.motion)) or self._mappings.get(
            (line.customer_key, "", line.motion)
        )
        fact = self._programs.get(line.source)
        agreement = self._agreements.get(str(mapping.agreement_id)) if mapping else None
        item = self._items.get(line.product_key)
        return Surroundings(
            connected=self._connected,
            program=program_of(fact) if fact else None,
            target=Target(mapping.agreement_id, mapping.go_live) if mapping else None,
            agreement=agreement_of(agreement) if agreement else None,
            item=item_of(item) if item else None,
        )


async def _report(tx: Transaction, tenant_id: TenantId, run_id: RunId) -> None:
    last = await store.take_report(tx, tenant_id, run_id)
    if last is None:
        return
    counts = await store.counts(tx, tenant_id, run_id)
    lines, write = _lines_step(run_id, counts), _write_step(run_id, counts)
    said, written = lines.model_dump(mode="json"), write.model_dump(mode="json")
    changed = [step for step, before, now in ((lines, last.lines, said), (write, last.write, written)) if before != now]
    await outbox.add(tx, topics.SYNC_STEPS, [Fact(tenant_id, run_id, step, run_id) for step in changed])
    await store.keep_report(tx, tenant_id, run_id, said, written)


def _lines_step(run_id: RunId, counts: Sequence[store.Count]) -> SyncStep:
    by_state: dict[str, int] = dict.fromkeys(("ready", "held", "ignored", "pushed", "failed", "waiting"), 0)
    for count in counts:
        waits = count.state == "received" or (count.state == "held" and Reason(count.reason).frees_itself)
        state = "waiting" if waits else {"queued": "pushed", "synced": "pushed"}.get(count.state, count.state)
        by_state[state] += count.lines
    total = sum(by_state.values())
    said = ", ".join(f"{lines} {state}" for state, lines in by_state.items() if lines)
    return SyncStep(
        run_id=run_id,
        step=RunStep.LINES,
        state="running" if by_state["waiting"] else "done",
        done=total - by_state["waiting"],
        total=total,
        counts=by_state,
        message=said or "nothing new",
    )


def _write_step(run_id: RunId, counts: Sequence[store.Count]) -> SyncStep:
    states: dict[str, Any] = {}
    for count in counts:
        states[count.state] = states.get(count.state, 0) + count.lines
    queued, done, failed = states.get("queued", 0), states.get("synced", 0), states.get("failed", 0)
    total = queued + done + failed
    return SyncStep(
        run_id=run_id,
        step=RunStep.WRITE,
        state="running" if queued else "done" if total else "waiting",
        done=done + failed,
        total=total,
        counts={"synced": done, "failed": failed, "queued": queued},
        message=f"{done} written" + (f", {failed} failed" if failed else ""),
    )
