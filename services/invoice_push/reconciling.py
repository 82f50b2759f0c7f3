"""Reading ConnectWise back: after a run, every night, on demand, and before a restored database writes anything."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectwise import Addition, ConnectWise
from contracts import topics
from contracts.events import AgreementChanged, RunStep, SyncStep
from contracts.values import NO_RUN, RunId, SiteId, TenantId
from delivery import OperationKey, State, enqueue_job, job_once, queue
from httpkit import ApiError, Outcome
from invoice_push import store
from invoice_push.additions import COMPARED, EFFECT, agreement_of_lane, lane_of
from invoice_push.comparing import Held, compared
from invoice_push.domain.proof import bridge, by_document
from invoice_push.store import Reconciled, Reconciliation
from messaging import Fact, copies, outbox
from storage import Database, Transaction
from tenancy import connection

LANE = "reconcile"


async def ask(tx: Transaction, tenant_id: TenantId, run_id: RunId = NO_RUN) -> bool:
    """Have a run's agreements read back, or all that were ever written to; False without a connection."""
    site = await connection(tx, tenant_id)
    if site is None:
        return False
    lane = f"{LANE}-{run_id}" if run_id else LANE
    await enqueue_job(tx, EFFECT, tenant_id, site.site_id, lane, {"run_id": run_id})
    return True


async def ask_once(tx: Transaction, tenant_id: TenantId, site_id: SiteId, once: str) -> State:
    """Have all agreements read back once for each `once`: how far that is."""
    return await job_once(tx, EFFECT, tenant_id, site_id, LANE, {"run_id": NO_RUN}, once)


async def read_run(db: Database, site: ConnectWise, tenant_id: TenantId, run_id: RunId, key: OperationKey) -> None:
    """Read every agreement the run has written to, compare, keep and tell the result with the proof (B3)."""
    async with db.transaction([tenant_id]) as tx:
        began = await store.now(tx)
        agreements = await store.agreements_of_run(tx, tenant_id, run_id)
        facts = await copies.some(tx, topics.AGREEMENTS, tenant_id, [str(agreement) for agreement in agreements])
    found = compared(await _read(db, site, tenant_id, agreements, {int(key): fact for key, fact in facts.items()}))
    async with db.transaction([tenant_id]) as tx:
        await store.keep_reconciliations(tx, tenant_id, run_id, found, key)
        await store.forget_reconciliations(tx, tenant_id, run_id, key)
        documents = await store.documents_of_run(tx, tenant_id, run_id)
        sums = by_document(await store.sums(tx, tenant_id, [document.document_id for document in documents]))
        bridges = [bridge(document, sums.get(document.document_id, ())) for document in documents]
        ended = Reconciled.of(found, [one.told() for one in bridges], began, await store.now(tx))
        await store.keep_reconciled(tx, tenant_id, run_id, ended)
        await outbox.add(tx, topics.SYNC_STEPS, [Fact(tenant_id, run_id, _step(run_id, found, ended), run_id)])


async def read_all(db: Database, site: ConnectWise, tenant_id: TenantId, key: OperationKey) -> None:
    """Read back every agreement that was ever written to, and the others of the same companies for copies (B18).

    Each company is kept as soon as it is read: after a restart, job `key` goes on with those that are not. Jobs that
    have piled up while nothing could be read are done with the first of them.
    """
    async with db.transaction([tenant_id]) as tx:
        last, job = await store.reconciled(tx, tenant_id, NO_RUN), await queue.timeline(tx, tenant_id, key)
        if last is not None and job is not None and last.began_at > job[0].created_at:
            return
        lanes = await queue.lanes(tx, EFFECT, tenant_id)
        facts = {fact.agreement_id: fact for fact in await copies.of_tenant(tx, topics.AGREEMENTS, tenant_id)}
        read = set(await store.agreements_read_by(tx, tenant_id, key))
    written = {agreement_of_lane(lane) for lane in lanes}
    for company in _companies(written, facts):
        if read.isdisjoint(company):
            found = compared(await _read(db, site, tenant_id, company, facts))
            async with db.transaction([tenant_id]) as tx:
                await store.keep_reconciliations(tx, tenant_id, NO_RUN, found, key)
    async with db.transaction([tenant_id]) as tx:
        await store.forget_reconciliations(tx, tenant_id, NO_RUN, key)
        ended = await store.sum_reconciliations(tx, tenant_id)
        await store.keep_reconciled(tx, tenant_id, NO_RUN, ended)


def _companies(written: set[int], facts: dict[int, AgreementChanged]) -> list[list[int]]:
    """The agreements to read, by company; one of which nothing is known is alone."""
    companies: dict[int, set[int]] = defaultdict(set)
    alone = [[agreement] for agreement in sorted(written) if agreement not in facts]
    for fact in facts.values():
        if not fact.removed or fact.agreement_id in written:
            companies[fact.company_id].add(fact.agreement_id)
    return [sorted(agreements) for _, agreements in sorted(companies.items()) if agreements & written] + alone


async def _read(
    db: Database,
    site: ConnectWise,
    tenant_id: TenantId,
    agreements: Sequence[int],
    facts: Mapping[int, AgreementChanged],
) -> list[Held]:
    async with db.transaction([tenant_id]) as tx:
        began = await store.now(tx)
    held = []
    for agreement_id in agreements:
        additions = await _additions(site, agreement_id)
        async with db.transaction([tenant_id]) as tx:
            operations = await queue.live_of_lane(tx, EFFECT, tenant_id, lane_of(agreement_id))
        # What was written meanwhile may be missing in what was read, and is no difference.
        settled = [one if one.updated_at < began else replace(one, state=State.IN_FLIGHT) for one in operations]
        held.append(Held(agreement_id, facts.get(agreement_id), settled, additions))
    return held


async def _additions(site: ConnectWise, agreement_id: int) -> list[Addition] | None:
    """Those of an agreement; None where there is no such agreement any more."""
    try:
        found = await site.additions(agreement_id).list(fields=COMPARED)
        if not found:  # of an agreement that is gone, the list may be empty as well
            await site.agreements.get(agreement_id)
    except ApiError as error:
        if error.outcome is Outcome.NOT_FOUND:
            return None
        raise
    return found


def _step(run_id: RunId, found: Sequence[Reconciliation], ended: Reconciled) -> SyncStep:
    off = any((one.cost, one.price) != (one.expected_cost, one.expected_price) for one in found)
    holds = not (ended.differences or ended.unexplained or off)
    said = "all as written" if not ended.differences and not off else f"{ended.differences} differences"
    proven = f", {ended.unexplained} of {len(ended.proof)} documents unexplained" if ended.unexplained else ""
    return SyncStep(
        run_id=run_id,
        step=RunStep.RECONCILE,
        state="done" if holds else "failed",
        done=len(found),
        total=len(found),
        counts={"differences": ended.differences} | ({"unexplained": ended.unexplained} if ended.unexplained else {}),
        message=f"{len(found)} agreements read back, {said}{proven}",
    )
