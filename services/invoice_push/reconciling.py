"""Reading ConnectWise back: after a run, every night, on demand, and before a restored database writes anything."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectwise import Addition, ConnectWise
from contracts import topics
from contracts.events import AgreementChanged, RunStep, SyncStep
from contracts.values import NO_RUN, RunId, SiteId, TenantId
from delivery import Operation, OperationKey, State, enqueue_job, job_once, records
from httpkit import ApiError, Outcome
from invoice_push import readings, store
from invoice_push.additions import COMPARED, EFFECT, agreement_of_lane, lane_of
from invoice_push.comparing import Held, compared, strays, unaccounted
from invoice_push.proving import whole_proof
from invoice_push.readings import Reconciled, Reconciliation
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


async def ask_everywhere(tx: Transaction, tenant_id: TenantId, site_id: SiteId, once: str) -> State:
    """The same for every agreement of the site: after a restore nobody knows any more which were written to."""
    return await job_once(tx, EFFECT, tenant_id, site_id, LANE, {"run_id": NO_RUN, "everywhere": True}, once)


async def read_back(db: Database, site: ConnectWise, job: Operation) -> None:
    """Do a job: read back what a run has written, or all that was ever written, to the job's site."""
    if job.body["run_id"]:
        await _read_run(db, site, job)
    else:
        await _read_all(db, site, job)


async def _read_run(db: Database, site: ConnectWise, job: Operation) -> None:
    """Read every agreement the run has written to, compare, keep and tell the result with the proof (B3)."""
    tenant_id, run_id = job.tenant_id, RunId(job.body["run_id"])
    async with db.transaction([tenant_id]) as tx:
        began = await store.now(tx)
        agreements = await store.agreements_of_run(tx, tenant_id, run_id)
        facts = await copies.some(tx, topics.AGREEMENTS, tenant_id, [str(agreement) for agreement in agreements])
    held = await _read(db, site, job, agreements, {int(key): fact for key, fact in facts.items()})
    async with db.transaction([tenant_id]) as tx:
        found = await _keep(tx, tenant_id, run_id, held, job.key)
        await readings.forget_reconciliations(tx, tenant_id, run_id, job.key)
        bridges = [one.told() async for one in whole_proof(tx, tenant_id, run_id)]
        ended = Reconciled.of(found, bridges, began, await store.now(tx))
        await readings.keep_reconciled(tx, tenant_id, run_id, ended)
        await outbox.add(tx, topics.SYNC_STEPS, [Fact(tenant_id, run_id, _step(run_id, found, ended), run_id)])


async def _read_all(db: Database, site: ConnectWise, job: Operation) -> None:
    """Read back every agreement that was ever written to, and the others of the same companies for copies (B18).

    `everywhere`: all that the site has, for a database that may have forgotten where it has written. Each company is
    kept as soon as it is read: after a restart, the job goes on with those that are not. Jobs that have piled up while
    nothing could be read are done with the first of them.
    """
    tenant_id, key, everywhere = job.tenant_id, job.key, bool(job.body.get("everywhere"))
    async with db.transaction([tenant_id]) as tx:
        last, told = await readings.reconciled(tx, tenant_id, NO_RUN), await records.timeline(tx, tenant_id, key)
        if last is not None and told is not None and last.began_at > told[0].created_at and not everywhere:
            return
        lanes = await records.lanes(tx, EFFECT, tenant_id, job.site_id)
        strays = await readings.agreements_with_strays(tx, tenant_id)
        facts = {fact.agreement_id: fact for fact in await copies.of_tenant(tx, topics.AGREEMENTS, tenant_id)}
        read = set(await readings.agreements_read_by(tx, tenant_id, key))
    wanted = {agreement_of_lane(lane) for lane in lanes}.union(strays)
    there = {
        one.agreement_id: one.company_id for one in facts.values() if not one.removed or one.agreement_id in wanted
    }
    if everywhere:
        there |= await _agreements(site)
        wanted |= there.keys()
    for company in _companies(wanted, there):
        if read.isdisjoint(company):
            held = await _read(db, site, job, company, facts)
            async with db.transaction([tenant_id]) as tx:
                await _keep(tx, tenant_id, NO_RUN, held, key)
    async with db.transaction([tenant_id]) as tx:
        await readings.forget_reconciliations(tx, tenant_id, NO_RUN, key)
        added = await readings.sum_reconciliations(tx, tenant_id)
        # Of all that was ever billed, what does not add up is kept; it would be a defect.
        off = [one.told() async for one in whole_proof(tx, tenant_id, NO_RUN) if one.unexplained]
        ended = Reconciled(added.agreements, added.differences, len(off), off, added.began_at, await store.now(tx))
        await readings.keep_reconciled(tx, tenant_id, NO_RUN, ended)


async def _agreements(site: ConnectWise) -> dict[int, int]:
    """The company of every agreement that the site has, whatever its status."""
    found = site.agreements.iterate(fields=("id", "company"))
    return {one.id: one.company.id if one.company and one.company.id else 0 async for one in found}


def _companies(wanted: set[int], there: Mapping[int, int]) -> list[list[int]]:
    """The agreements to read, by company; one of which nothing is known is alone."""
    companies: dict[int, set[int]] = defaultdict(set)
    for agreement_id, company_id in there.items():
        companies[company_id].add(agreement_id)
    alone = [[agreement_id] for agreement_id in sorted(wanted.difference(there))]
    return [sorted(agreements) for _, agreements in sorted(companies.items()) if agreements & wanted] + alone


async def _keep(
    tx: Transaction, tenant_id: TenantId, run_id: RunId, held: Sequence[Held], key: OperationKey
) -> list[Reconciliation]:
    """Compare and keep, with what bears a marker of ours that this database does not know."""
    elsewhere = await records.lanes_of_markers(tx, EFFECT, tenant_id, unaccounted(held))
    found = compared(held, elsewhere)
    await readings.keep_reconciliations(tx, tenant_id, run_id, found, key)
    await readings.keep_strays(tx, tenant_id, [one.agreement_id for one in held], strays(held, found))
    return found


async def _read(
    db: Database,
    site: ConnectWise,
    job: Operation,
    agreements: Sequence[int],
    facts: Mapping[int, AgreementChanged],
) -> list[Held]:
    """What was written to another site, to which the tenant was connected before, is not looked for on this one."""
    async with db.transaction([job.tenant_id]) as tx:
        began = await store.now(tx)
    held = []
    for agreement_id in agreements:
        additions = await _additions(site, agreement_id)
        async with db.transaction([job.tenant_id]) as tx:
            lane = lane_of(agreement_id)
            operations = await records.live_of_lane(tx, EFFECT, job.tenant_id, job.site_id, lane)
        # What was written meanwhile may be missing in what was read, and is no difference.
        settled = [one if one.updated_at < began else replace(one, state=State.IN_FLIGHT) for one in operations]
        held.append(Held(agreement_id, facts.get(agreement_id), settled, additions))
    return held


async def _additions(site: ConnectWise, agreement_id: int) -> list[Addition] | None:
    """Those of an agreement; None where there is no such agreement any more."""
    try:
        found = await site.additions(agreement_id).list(fields=(*COMPARED, "_info"))  # who has changed it
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
