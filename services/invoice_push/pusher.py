"""The effect: additions on agreements, written exactly once, each as its draft says."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from http import HTTPStatus
from typing import Any

from connectwise import Addition, Agreement, BillCustomer, ConnectWise, NewAddition, Ref
from contracts import topics
from contracts.events import AdditionSettled, SyncCommand
from contracts.values import RunId, SiteId, TenantId
from delivery import (
    Coverage,
    Hit,
    Kind,
    Lane,
    Marker,
    NewOperation,
    Operation,
    OperationKey,
    Reading,
    Scope,
    Sent,
    Settled,
    State,
    enqueue,
    marker,
    operation_key,
)
from httpkit import ApiError, Outcome
from invoice_push import corrections, readings, reconciling, rights, store
from invoice_push.additions import COMPARED, EFFECT, difference, earlier, lane_of, later
from invoice_push.corrections import Correction
from invoice_push.domain.values import Draft, Expected, Reason
from invoice_push.lines import Line, draft_from_json
from invoice_push.readings import Stray
from invoice_push.resolver import SIGNAL
from messaging import Fact, outbox
from storage import Database, Transaction
from tenancy import LATELY, Sites, closed, connection, program

PAGE = 2_000


async def approve(tx: Transaction, tenant_id: TenantId, command: SyncCommand) -> None:
    """Make the operations of a run's ready lines and corrections, as drafted; a second approval finds none left."""
    site = await connection(tx, tenant_id)
    if site is None:
        return
    await _queue_lines(tx, tenant_id, command.run_id, site.site_id)
    await _queue_corrections(tx, tenant_id, command.run_id, site.site_id)
    # After the lines, in the order in which the resolver locks, so that the two wait instead of deadlocking.
    await store.approve(tx, tenant_id, command.run_id, command.requested_by)
    tx.signal(SIGNAL)


async def _queue_lines(tx: Transaction, tenant_id: TenantId, run_id: RunId, site_id: SiteId) -> None:
    while lines := await store.ready(tx, tenant_id, run_id, PAGE):
        drafts = {line.identity: draft_from_json(line.draft or {}) for line in lines}
        operations = [_operation(line, drafts[line.identity], site_id) for line in lines]
        queued = await enqueue(tx, EFFECT, operations)
        there = {*queued.new, *queued.already}
        await store.queue(
            tx,
            tenant_id,
            [
                (line.identity, operation.key, drafts[line.identity].cost, drafts[line.identity].price)
                for line, operation in zip(lines, operations, strict=True)
                if operation.key in there
            ],
        )
        covered = [
            line.identity for line, operation in zip(lines, operations, strict=True) if operation.key not in there
        ]
        if covered:  # another operation stands for these already: billing them again is what must never happen
            await store.hold(tx, tenant_id, covered, Reason.AMENDED, "another operation stands for this line already")


async def _queue_corrections(tx: Transaction, tenant_id: TenantId, run_id: RunId, site_id: SiteId) -> None:
    """Each has a number of its own, so nothing can stand for it already."""
    while found := await corrections.ready(tx, tenant_id, run_id, PAGE):
        operations = [_correcting(one, site_id) for one in found]
        await enqueue(tx, EFFECT, operations)
        by_key = {operation.key: one for operation, one in zip(operations, found, strict=True)}
        await corrections.queue(tx, tenant_id, by_key)


def _correcting(one: Correction, site_id: SiteId) -> NewOperation:
    return NewOperation(
        tenant_id=one.tenant_id,
        site_id=site_id,
        key=operation_key("addition", one.identity, one.component),
        kind=Kind.CREATE,
        lane=lane_of(one.agreement_id),
        body=one.draft,
        run_id=one.run_id,
        coverage=(Coverage(one.identity, one.component, one.quantity, one.cost, one.price),),
    )


def _operation(line: Line, draft: Draft, site_id: SiteId) -> NewOperation:
    return NewOperation(
        tenant_id=line.tenant_id,
        site_id=site_id,
        key=operation_key("addition", line.identity, "charge", line.generation),
        kind=Kind.CREATE,
        lane=lane_of(draft.agreement_id),
        body=line.draft,
        run_id=line.run_id,
        coverage=(Coverage(line.identity, "charge", draft.quantity, draft.cost, draft.price),),
    )


@dataclass(frozen=True, slots=True)
class Additions:
    """What delivery needs to know of additions; claim, epoch, quarantine and outcome are its own."""

    db: Database
    sites: Sites

    @property
    def name(self) -> str:
        """The effect's name."""
        return EFFECT

    async def gate(self, tx: Transaction, tenant_id: TenantId) -> str | None:
        """Setup must allow additions, and the program its billing (R46, B14)."""
        if (reason := await closed(tx, tenant_id, rights.FEATURE)) is not None:
            return reason
        fact = await program(tx, tenant_id, "microsoft-nce")
        return None if fact is not None and fact.enabled and fact.billing else "the program's billing is switched off"

    async def find(self, lane: Lane, operations: Sequence[Operation]) -> Reading:
        """Our markers on the agreement, what they say there, and whether the agreement is as it was planned on."""
        site = await self.sites.open(lane.tenant_id, lane.site_id)
        drafts = {op.key: draft_from_json(op.body) for op in operations if op.kind is not Kind.JOB}
        agreement_id = next(iter(drafts.values())).agreement_id
        by_marker: dict[str, list[Addition]] = defaultdict(list)
        tries = await self._given_up(lane, list(drafts))
        marks = {op.key: [op.marker or "", *tries[op.key]] for op in operations if op.key in drafts}
        with _needing("Finance > Agreements: Inquire"):
            # Side by side: a line on an idle system waits for two round trips, this one and its own.
            (agreement, now), additions, strays = await asyncio.gather(
                _agreement(site, agreement_id),
                site.additions(agreement_id).list(fields=COMPARED),
                self._strays(site, lane, [mark for one in marks.values() for mark in one], agreement_id),
            )
        for addition in additions:
            by_marker[addition.serial_number or ""].append(addition)
        hits = {
            op.key: [_hit(drafts[op.key], found) for found in by_marker.get(op.marker or "", ())]
            for op in operations
            if op.key in drafts
        }
        overtaken: Mapping[OperationKey, str] = {
            key: f"the agreement changed since it was planned: {_changed(draft.expects, now)}"
            for key, draft in drafts.items()
            if draft.expects != now
        }
        conflicts: Mapping[OperationKey, str] = {
            key: f"addition {there.id} is of a later try that this database has forgotten: is it there for this line?"
            for key, found in hits.items()
            if not found and (there := _later(lane.site_id, key, by_marker)) is not None
        } | {
            key: f"addition {stray.addition_id} on agreement {stray.agreement_id} has this line's marker, and this "
            "database does not know of it: leave it, and the line is billed there, or delete it and try again"
            for key, found in hits.items()
            if not found and (stray := next((strays[mark] for mark in marks[key] if mark in strays), None)) is not None
        }
        doubted: Mapping[OperationKey, str] = {
            key: f"addition {there.id} is of an earlier try that this database has as not written: is it this line's?"
            for key, found in hits.items()
            if not found and (there := _first(tries[key], by_marker)) is not None
        }
        shut = "" if agreement.agreement_status == "Active" else f"the agreement is {agreement.agreement_status}"
        return Reading(hits, {**conflicts, **doubted}, overtaken, shut)

    async def send(self, operation: Operation) -> Sent:
        """Create the addition; or, for a job, read agreements back."""
        if operation.kind is Kind.JOB:
            await self._read_back(operation)
            return Sent()
        site = await self.sites.open(operation.tenant_id, operation.site_id, within=LATELY)
        draft = draft_from_json(operation.body)
        new = NewAddition(
            product=Ref(id=draft.item_id),
            quantity=draft.quantity,
            bill_customer=BillCustomer(draft.bill_customer),
            unit_price=draft.unit_price,
            unit_cost=draft.unit_cost,
            effective_date=draft.effective,
            cancelled_date=draft.cancelled,
            taxable_flag=draft.taxable,
            serial_number=operation.marker,
            invoice_description=draft.description,
        )
        with _needing("Finance > Agreements: Add"):
            made = await site.additions(draft.agreement_id).create(new, admit_within=operation.leave_within)
        return Sent(made.id, status=201, request_id=made.request_id or "")

    async def _given_up(self, lane: Lane, keys: Sequence[OperationKey]) -> dict[OperationKey, list[Marker]]:
        """Markers of the tries before these, which stand for nothing, unless the database went back in time."""
        tries = {key: [marker(lane.site_id, other) for other in earlier(key)] for key in keys}
        if any("/charge/" not in key for key in keys):
            async with self.db.transaction([lane.tenant_id]) as tx:
                for one in await corrections.given_up(tx, lane.tenant_id, keys):
                    tries[one.operation_key].append(marker(lane.site_id, one.given_up))
        return tries

    async def _strays(
        self, site: ConnectWise, lane: Lane, markers: Sequence[str], agreement_id: int
    ) -> dict[str, Stray]:
        """What a database that was restored has written to other agreements, if it is still there."""
        async with self.db.transaction([lane.tenant_id]) as tx:
            known = await readings.strays(tx, lane.tenant_id, markers, agreement_id)
        return {one.marker: one for one in known if await _is_there(site, one)}

    async def _read_back(self, job: Operation) -> None:
        site = await self.sites.still(job.tenant_id, job.site_id)
        if site is not None:
            await reconciling.read_back(self.db, site, job)

    async def recovered(self, tx: Transaction, tenant_id: TenantId, site_id: SiteId, restores: int) -> bool:
        """Whether all that was ever written has been read back since the database was restored."""
        state = await reconciling.ask_everywhere(tx, tenant_id, site_id, f"restore-{restores}")
        return state is State.CONFIRMED

    async def paused(self, tx: Transaction, operation: Operation, scope: Scope, code: str) -> None:
        """A 403 has paused a lane: whether the right is missing altogether is for the setup's checks to say (R14)."""
        await rights.refused(tx, operation, scope, code)

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        """Keep and tell what became of the lines and corrections (R104); failures are told too."""
        ended = {(op.tenant_id, op.key): result for op, result in results if op.kind is not Kind.JOB}
        done = [(*key, one.remote_id) for key, one in ended.items() if one.state is State.CONFIRMED]
        # A conflict is a question and no failure: no new try may be made.
        not_done = [
            (*key, "conflict", one.message, 0) if one.state is State.CONFLICT else (*key, one.reason, one.message, 1)
            for key, one in ended.items()
            if one.state is not State.CONFIRMED
        ]
        touched = [*await store.synced(tx, done), *await store.failed(tx, not_done)]
        touched += await corrections.synced(tx, done)
        touched += await corrections.failed(tx, [one[:4] for one in not_done])
        facts = []
        for line in touched:
            result = ended[line.tenant_id, line.operation_key]
            said = AdditionSettled(
                operation_key=line.operation_key,
                run_id=line.run_id,
                document_id=line.document_id,
                identity=line.identity,
                agreement_id=line.agreement_id,
                addition_id=result.remote_id,
                state=_told(result.state),
                reason=result.reason,
                message=result.message[:500],
            )
            facts.append(Fact(line.tenant_id, str(line.agreement_id), said, line.run_id))
        await outbox.add(tx, topics.ADDITIONS, facts)
        await store.report_due(tx, {(line.tenant_id, line.run_id) for line in touched})
        await store.ask_resolution(tx, [line.tenant_id for line in touched if line.amended])
        tx.signal(SIGNAL)


async def _is_there(site: ConnectWise, stray: Stray) -> bool:
    try:
        found = await site.additions(stray.agreement_id).get(stray.addition_id)
    except ApiError as error:
        if error.outcome is Outcome.NOT_FOUND:
            return False
        raise
    return found.serial_number == stray.marker


def _later(site_id: SiteId, key: OperationKey, by_marker: Mapping[str, Sequence[Addition]]) -> Addition | None:
    """What a later try of the same line has written: known to the database, unless that went back in time."""
    return _first((marker(site_id, other) for other in later(key)), by_marker)


def _first(markers: Iterable[str], by_marker: Mapping[str, Sequence[Addition]]) -> Addition | None:
    return next((by_marker[one][0] for one in markers if by_marker.get(one)), None)


@contextmanager
def _needing(right: str) -> Iterator[None]:
    """Name the right that a 403 is about, as the screen of security roles does: ConnectWise's own words do not."""
    try:
        yield
    except ApiError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        said = f"The API member's security role lacks {right}, or not for this agreement. {error.message}"
        raise ApiError(
            error.outcome, error.code, said, status=error.status, request_id=error.request_id, call=error.call
        ) from error


def _told(state: State) -> Any:
    return {State.CONFIRMED: "synced", State.CONFLICT: "conflict"}.get(state, "failed")


async def _agreement(site: ConnectWise, agreement_id: int) -> tuple[Agreement, Expected]:
    agreement = await site.agreements.get(agreement_id)
    return agreement, await _expected(site, agreement)


async def _expected(site: ConnectWise, agreement: Agreement) -> Expected:
    found = Expected(
        agreement.company.id or 0 if agreement.company else 0,
        agreement.currency.code if agreement.currency else "",
        _next_invoice(agreement),
        bool(agreement.prorate_flag),
    )
    parent_id = agreement.parent_agreement.id if agreement.parent_agreement else None
    if parent_id is None:
        return found
    parent = await site.agreements.get(parent_id)
    return replace(found, parent_next_invoice=_next_invoice(parent), parent_prorate=bool(parent.prorate_flag))


def _next_invoice(agreement: Agreement) -> date | None:
    """None also where the site's text is no date: nothing is planned on that."""
    return agreement.next_invoice_date if isinstance(agreement.next_invoice_date, date) else None


def _changed(planned: Expected, now: Expected) -> str:
    said = []
    for name, label in (
        ("company_id", "company"),
        ("currency", "currency"),
        ("next_invoice", "next invoice date"),
        ("prorate", "proration"),
        ("parent_next_invoice", "parent's next invoice date"),
        ("parent_prorate", "parent's proration"),
    ):
        before, after = getattr(planned, name), getattr(now, name)
        if before != after:
            said.append(f"{label} was {before}, is {after}")
    return "; ".join(said)


def _hit(draft: Draft, found: Addition) -> Hit:
    detail = difference(draft, found)
    return Hit(found.id, equal=not detail, detail=detail)
