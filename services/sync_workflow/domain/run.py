"""What is known of a run, and `decide`: what a fact adds to it and which commands follow.

Facts come from several services, in any order and more than once. So a run is only what the facts add up to: of each
report the newest counts, whenever it arrives, and a command is given once for what it is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias, TypeVar

from contracts.values import Currency, DocumentId


class StepName(StrEnum):
    """The steps of a run, in order."""

    IMPORT = "import"
    SETUP = "setup"
    CATALOG = "catalog"
    LINES = "lines"
    APPROVE = "approve"
    WRITE = "write"
    RECONCILE = "reconcile"


class StepState(StrEnum):
    """Where a step stands; blocked means that a person must act."""

    WAITING = "waiting"
    RUNNING = "running"
    BLOCKED = "blocked"
    DONE = "done"
    FAILED = "failed"


class Order(StrEnum):
    """What a run has the other services do."""

    APPROVE = "approve"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True)
class Document:
    """A sealed document. `new`: this run was the first to bring this version; `removed`: lines it no longer has."""

    document_id: DocumentId
    version: int
    number: str
    currency: Currency
    file: str
    lines: int
    cost_total: Decimal
    tied: bool
    new: bool = True
    removed: int = 0

    @property
    def least_lines(self) -> int:
        """How many lines of it belong to this run at least: all of a first version, any of a changed one, else none."""
        if not self.new:
            return 0
        if self.version == 1:
            return self.lines
        return 0 if self.removed else 1


@dataclass(frozen=True, slots=True)
class Amended:
    """A later run has brought this version of a document: lines of earlier ones may have moved there."""

    document_id: DocumentId
    version: int


@dataclass(frozen=True, slots=True)
class Report:
    """How far a step is, as the service that works on it said; `version` orders the reports of a step."""

    version: int
    step: StepName
    state: StepState
    done: int = 0
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    message: str = ""

    def count(self, name: str) -> int:
        """One of its counts."""
        return self.counts.get(name, 0)


@dataclass(frozen=True, slots=True)
class Approval:
    """A person approved the ready lines that the report of this version counts."""

    lines_version: int
    by: str


@dataclass(frozen=True, slots=True)
class ReconcileAsked:
    """A person wants ConnectWise read back now."""

    by: str


Fact: TypeAlias = Document | Amended | Report | Approval | ReconcileAsked


@dataclass(frozen=True, slots=True)
class Command:
    """An order that follows, for the services that work for the run."""

    order: Order
    by: str


@dataclass(frozen=True, slots=True)
class Written:
    """How many lines stood in ConnectWise when writing was last done with more than before, and since which report."""

    lines: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """What is known. `lines_seen`: the most lines ever reported; `asked`: at how many written ones it was read back."""

    documents: tuple[Document, ...] = ()
    amended: tuple[Amended, ...] = ()
    reports: tuple[Report, ...] = ()
    lines_seen: int = 0
    written: Written = Written()
    approval: Approval | None = None
    asked: int | None = None

    def report(self, step: StepName) -> Report | None:
        """The newest report of a step."""
        return next((report for report in self.reports if report.step is step), None)

    @property
    def lines_are_there(self) -> bool:
        """Whether every line of the sealed documents has been reported: until then a report counts a part of them."""
        newest = {one.document_id: one.version for one in self.amended}
        own = [one for one in self.documents if newest.get(one.document_id, 0) <= one.version]
        return bool(self.documents) and self.lines_seen >= sum(document.least_lines for document in own)

    @property
    def lines(self) -> Report | None:
        """The report on the lines, once all are there and decided."""
        found = self.report(StepName.LINES)
        return found if found is not None and found.state is StepState.DONE and self.lines_are_there else None

    @property
    def waits_for_approval(self) -> bool:
        """Whether there are ready lines that nobody has approved yet."""
        lines = self.lines
        if lines is None or not lines.count("ready"):
            return False
        return self.approval is None or self.approval.lines_version < lines.version

    @property
    def is_settled(self) -> bool:
        """Whether every line is where it stays unless something new happens: written, failed, held or ignored."""
        lines, write = self.lines, self.report(StepName.WRITE)
        if lines is None or lines.count("ready"):
            return False
        writing = lines.count("pushed") + lines.count("failed")
        if write is None:
            return not writing
        is_done = write.state is StepState.DONE or (write.state is StepState.WAITING and not write.total)
        # The two reports may arrive apart: one that knows fewer lines than the other is the older.
        return is_done and write.total >= writing

    @property
    def is_empty(self) -> bool:
        """Whether the run brought nothing: the same files again."""
        return self.lines is not None and self.lines.total == 0

    @property
    def proof(self) -> Report | None:
        """The result of reading ConnectWise back, if that began after the last writing."""
        found = self.report(StepName.RECONCILE)
        return found if found is not None and found.version > self.written.version else None


BY_ITSELF = "sync-workflow"
VersionedT = TypeVar("VersionedT", Document, Amended)


def decide(run: Run, fact: Fact) -> tuple[Run, Sequence[Command]]:
    """What is known after a fact, and the commands that follow from it.

    Once everything is settled ConnectWise is read back, once for each time that more was written.
    """
    commands: list[Command] = []
    match fact:
        case Document():
            run = replace(run, documents=_newest(run.documents, fact))
        case Amended():
            run = replace(run, amended=_newest(run.amended, fact))
        case Report():
            run = _reported(run, fact)
        case Approval(version, by):
            before = run.approval
            if before is None or before.lines_version < version:
                commands.append(Command(Order.APPROVE, by))
            if before is None or (before.lines_version, before.by) < (version, by):
                run = replace(run, approval=fact)
        case ReconcileAsked(by):
            commands.append(Command(Order.RECONCILE, by))
    if run.is_settled and not run.is_empty and (run.asked is None or run.asked < run.written.lines):
        run = replace(run, asked=run.written.lines)
        commands.append(Command(Order.RECONCILE, BY_ITSELF))
    return run, commands


def _newest(known: Sequence[VersionedT], said: VersionedT) -> tuple[VersionedT, ...]:
    """Of each document what its newest version says, by id."""
    by_id = {one.document_id: one for one in known}
    before = by_id.get(said.document_id)
    if before is None or (before.version, repr(before)) < (said.version, repr(said)):
        by_id[said.document_id] = said
    return tuple(by_id[key] for key in sorted(by_id))


def _reported(run: Run, report: Report) -> Run:
    written = run.written
    if report.step is StepName.WRITE and report.state is StepState.DONE:
        lines = report.done - report.count("failed")
        if lines > written.lines or (lines == written.lines and report.version < written.version):
            written = Written(lines, report.version)
    seen = max(run.lines_seen, report.total) if report.step is StepName.LINES else run.lines_seen
    by_step = {one.step: one for one in run.reports}
    before = by_step.get(report.step)
    if before is None or _order(before) < _order(report):
        by_step[report.step] = report
    reports = tuple(by_step[step] for step in StepName if step in by_step)
    return replace(run, reports=reports, lines_seen=seen, written=written)


def _order(report: Report) -> tuple[int, str]:
    # Two reports of one version are a defect of their sender; which of them counts must not depend on the order.
    return report.version, repr(
        (report.state, report.done, report.total, sorted(report.counts.items()), report.message)
    )
