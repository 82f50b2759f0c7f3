"""Kafka in: what other services say about a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts import topics
from contracts.envelope import Event
from contracts.events import InvoiceSealed, SetupChecked, SyncStep
from contracts.topics import Topic
from contracts.values import RunId, TenantId
from messaging import Handler
from storage import Transaction
from sync_workflow import runs, store
from sync_workflow.domain.run import Amended, Document, Fact, Report, StepName, StepState


async def documents_sealed(tx: Transaction, events: Sequence[Event[InvoiceSealed]]) -> None:
    """An import has brought a document: its run begins, or has one more."""
    facts: list[tuple[TenantId, RunId, Fact]] = []
    for event in sorted(events, key=lambda event: (event.tenant_id, event.data.document_id, event.entity_version)):
        sealed = event.data
        first = await store.first_brought_by(
            tx, event.tenant_id, sealed.document_id, sealed.document_version, sealed.run_id
        )
        document = Document(
            document_id=sealed.document_id,
            version=sealed.document_version,
            number=sealed.number,
            currency=sealed.currency,
            file=sealed.file,
            lines=sealed.lines,
            cost_total=sealed.cost_total,
            tied=sealed.tied,
            new=first == sealed.run_id,
            removed=len(sealed.removed_identities),
        )
        facts.append((event.tenant_id, sealed.run_id, document))
        if document.new:
            amended = Amended(sealed.document_id, sealed.document_version)
            earlier = await store.brought_earlier(
                tx, event.tenant_id, sealed.document_id, sealed.document_version, sealed.run_id
            )
            facts.extend((event.tenant_id, run_id, amended) for run_id in earlier)
    await runs.learn(tx, facts)


async def steps_reported(tx: Transaction, events: Sequence[Event[SyncStep]]) -> None:
    """A service says how far it is with a step."""
    await runs.learn(
        tx,
        [
            (
                event.tenant_id,
                event.data.run_id,
                Report(
                    version=event.entity_version,
                    step=StepName(event.data.step),
                    state=StepState(event.data.state),
                    done=event.data.done,
                    total=event.data.total,
                    counts=event.data.counts,
                    message=event.data.message,
                ),
            )
            for event in events
        ],
    )


async def setup_checked(tx: Transaction, events: Sequence[Event[SetupChecked]]) -> None:
    """The setup concerns every run that is not closed."""
    for event in sorted(events, key=lambda event: event.tenant_id):
        if not event.data.removed:
            report = runs.setup_report(event.data)
            open_runs = await store.open_runs(tx, event.tenant_id)
            await runs.learn(tx, [(event.tenant_id, run_id, report) for run_id in open_runs])


HANDLERS: Mapping[Topic[Any], Handler] = {
    topics.INVOICE_SEALED: documents_sealed,
    topics.SYNC_STEPS: steps_reported,
    topics.SETUP: setup_checked,
}
