"""Accounting for what a supplier changed after it was queued or written: taken back in time, else corrected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts import topics
from contracts.events import AgreementChanged, CatalogItemLinked, ProgramChanged
from contracts.values import LineIdentity, SiteId, TenantId
from delivery import OperationKey, supersede
from delivery.records import sites
from invoice_push import corrections, store
from invoice_push.corrections import Correction, NewCorrection
from invoice_push.domain import corrections as rule
from invoice_push.domain.corrections import Amounts, Around
from invoice_push.domain.values import Draft, Held, Reason
from invoice_push.lines import Line, agreement_of, draft_from_json, draft_to_json, item_of, program_of
from messaging import copies
from storage import Transaction
from tenancy import connection, program

PAGE = 1_000


async def account(tx: Transaction, tenant_id: TenantId, after: int) -> int | None:
    """Account for one page of what was amended; where the next one begins, None after the last.

    Operations are taken back before lines are locked, in the order in which a result is stored, so that the two wait
    for each other instead of deadlocking.
    """
    page = await corrections.amended(tx, tenant_id, after, PAGE)
    if not page:
        return None
    known = await _Known.read(tx, tenant_id, page)
    identities = [line.identity for line in page]
    history = await corrections.of_lines(tx, tenant_id, identities)
    overtaken = [known.overtaken(_Standing.of(line, history[line.identity])) for line in page]
    taken_back = set(await supersede(tx, tenant_id, [key for key in overtaken if key is not None]))
    lines = await corrections.locked(tx, tenant_id, identities)
    history = await corrections.of_lines(tx, tenant_id, identities)
    found = _Found()
    for line in lines:
        found.decide(_Standing.of(line, history[line.identity]), known, taken_back)
    await corrections.reopen(tx, tenant_id, found.reopened)
    await corrections.accounted(tx, tenant_id, found.accounted)
    await corrections.supersede(tx, tenant_id, found.superseded)
    await corrections.put(tx, tenant_id, found.corrected)
    touched = {line.run_id for line in lines} | {line.amended_by for line in lines}
    touched |= {one.run_id for line in lines for one in history[line.identity]}
    await store.report_due(tx, {(tenant_id, run_id) for run_id in touched})
    return page[-1].position


@dataclass(frozen=True, slots=True)
class _Standing:
    """A line with what stands for it."""

    line: Line
    corrections: Sequence[Correction]
    next_number: int

    @classmethod
    def of(cls, line: Line, history: Sequence[Correction]) -> "_Standing":
        return cls(line, history, max((one.number for one in history), default=0) + 1)

    @property
    def original(self) -> Draft:
        return draft_from_json(self.line.draft or {})

    @property
    def open(self) -> Correction | None:
        return next((one for one in self.corrections if one.state in corrections.OPEN), None)

    @property
    def covered(self) -> Amounts:
        """What stands, or may stand, in ConnectWise for the line."""
        charge = Amounts(self.original.quantity, self.line.written_cost, self.line.written_price)
        return sum((one.amounts for one in self.corrections if one.written), start=charge)

    def without(self, taken_back: Correction) -> "_Standing":
        return replace(self, corrections=[one for one in self.corrections if one is not taken_back])


class _Known:
    """What the copies of facts say about everything that a page of lines refers to."""

    def __init__(
        self,
        programs: Mapping[str, ProgramChanged | None],
        agreements: Mapping[str, AgreementChanged],
        items: Mapping[str, CatalogItemLinked],
        written_to: Mapping[OperationKey, SiteId],
        here: SiteId | None,
    ) -> None:
        self._written_to = written_to
        self._here = here
        self._programs = programs
        self._agreements = agreements
        self._items = items

    @classmethod
    async def read(cls, tx: Transaction, tenant_id: TenantId, page: Sequence[Line]) -> "_Known":
        agreements = sorted({str(line.agreement_id) for line in page if line.agreement_id is not None})
        here = await connection(tx, tenant_id)
        return cls(
            {source: await program(tx, tenant_id, source) for source in {line.source for line in page}},
            await copies.some(tx, topics.AGREEMENTS, tenant_id, agreements),
            await copies.some(tx, topics.CATALOG_ITEMS, tenant_id, sorted({line.product_key for line in page})),
            await sites(tx, tenant_id, [line.operation_key for line in page if line.operation_key is not None]),
            here.site_id if here is not None else None,
        )

    def around(self, line: Line) -> Around:
        fact, agreement = self._programs.get(line.source), self._agreements.get(str(line.agreement_id))
        item = self._items.get(line.product_key)
        return Around(
            self._apart(line),
            program_of(fact) if fact else None,
            agreement_of(agreement) if agreement else None,
            item_of(item) if item else None,
        )

    def _apart(self, line: Line) -> Held | None:
        if self._here is None:
            return Held(Reason.NO_CONNECTION)
        there = self._written_to.get(line.operation_key) if line.operation_key is not None else None
        if there is None or there == self._here:
            return None
        return Held(Reason.NO_CONNECTION, f"it was written to site {there}, the tenant is connected to {self._here}")

    def missing(self, standing: _Standing) -> rule.Correction | None:
        line = standing.line
        return rule.correction(line.charge(), standing.original, standing.covered, self.around(line))

    def overtaken(self, standing: _Standing) -> OperationKey | None:
        """What is queued for an older charge than the newest, to be taken back if it is not too late."""
        line, last = standing.line, standing.open
        if line.state == "queued":
            key = line.operation_key
        elif line.state == "synced" and last is not None and last.state == "queued":
            key = last.operation_key
        else:
            return None
        return key if self.missing(standing) is not None else None


@dataclass(slots=True)
class _Found:
    """What follows for the lines of a page."""

    reopened: list[LineIdentity] = field(default_factory=list)
    accounted: list[LineIdentity] = field(default_factory=list)
    superseded: list[Correction] = field(default_factory=list)
    corrected: list[NewCorrection] = field(default_factory=list)

    def decide(self, standing: _Standing, known: _Known, taken_back: set[OperationKey]) -> None:
        """Reopen what nothing stands for; wait for what is on its way or in question; correct the rest."""
        line, last = standing.line, standing.open
        is_free = line.operation_key in taken_back if line.state == "queued" else not line.is_written
        if is_free:
            self.reopened.append(line.identity)
        elif line.state in ("queued", "synced"):
            if last is not None and last.operation_key in taken_back:
                self.superseded.append(last)
                standing, last = standing.without(last), None
            missing = known.missing(standing)
            if missing is None:
                self._account(standing)
            elif line.state == "synced" and (last is None or not last.written):
                self._correct(standing, missing)

    def _account(self, standing: _Standing) -> None:
        """Nothing is missing. Also that is a result of the run that brought the charge, and counted there."""
        line, last = standing.line, standing.open
        self.accounted.append(line.identity)
        if last is not None and not last.written:
            self.superseded.append(last)
        if not any(one.run_id == line.amended_by and one.written for one in standing.corrections):
            self.corrected.append(_said(standing, standing.next_number, _NOTHING, "ignored", Reason.NOTHING))

    def _correct(self, standing: _Standing, missing: rule.Correction) -> None:
        last, held = standing.open, missing.held
        allowed_by = ""
        if last is not None and held is not None and held.reason is Reason.BELOW_ZERO:
            # What a person let pass was these amounts and no others.
            allowed_by = last.allowed_by if last.amounts == missing.amounts else ""
        if held is None or allowed_by:
            state, reason, detail = "ready", "", ""
        else:
            state, reason, detail = "held", str(held.reason), held.detail
        if last is None or last.state == "failed":
            if last is not None:
                self.superseded.append(last)
            self.corrected.append(_said(standing, standing.next_number, missing, state, reason, detail, allowed_by))
            return
        said = _said(standing, last.number, missing, state, reason, detail, allowed_by)
        if said.differs_from(last):
            self.corrected.append(said)


_NOTHING = rule.Correction("difference", Amounts(), None)


def _said(
    standing: _Standing,
    number: int,
    missing: rule.Correction,
    state: str,
    reason: str = "",
    detail: str = "",
    allowed_by: str = "",
) -> NewCorrection:
    line, amounts = standing.line, missing.amounts
    return NewCorrection(
        identity=line.identity,
        number=number,
        document_id=line.document_id,
        document_version=line.document_version,
        run_id=line.amended_by,
        component=f"{missing.part}-{number}",
        currency=line.currency,
        agreement_id=standing.original.agreement_id,
        quantity=amounts.quantity,
        cost=amounts.cost,
        price=amounts.price,
        state=state,
        reason=reason,
        detail=detail,
        draft=draft_to_json(missing.draft) if missing.draft else None,
        allowed_by=allowed_by,
    )
