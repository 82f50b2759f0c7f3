"""People who press twice, change their minds or come back, while work is in flight: nothing is billed twice."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import asyncpg
import pytest

from contracts import topics
from contracts.envelope import Data, Event
from contracts.events import CommandKind, ConnectionChanged, InvoiceLineReceived, SyncCommand
from contracts.topics import Topic
from contracts.values import DocumentId, RunId, TenantId
from invoice_push.handlers import lines_received
from messaging import Consumer, PoisonError, dead_letters
from messaging.dead_letters import NotReplayableError
from storage import Transaction
from tests.factories import facts
from tests.factories.grounds import cleared
from tests.factories.site import MAILBOX, PREMIUM
from tests.faults.ground import FIRST_DAY, LAST_DAY, MARKUP, PACE, Case, Tenant, customer, line_number
from tests.faults.oracle import Accepted, Plan
from tests.faults.scene import Scene
from tests.invoice_push.desk import Desk

LINES = 8
AGREEMENTS = 2
SENDS = {"method": "POST", "path": "additions"}
LATER = RunId("run-2")
APPROVED = SyncCommand(run_id=facts.RUN, command=CommandKind.APPROVE, requested_by="finance@example.org")


async def in_mid_run(case: Case) -> None:
    """Some of the lines are there, and one is on its way."""
    soon = case.dice.randint(1, LINES // 2)
    await case.happens(lambda: len(case.site.written()) >= soon, "nothing was written")


def lines_of(seed: int, numbers: Sequence[int], **changes: Any) -> list[InvoiceLineReceived]:
    """Those of a file: the first so many are the ones that `case.approved` has billed."""
    dice = Random(seed)  # noqa: S311 (a test's dice)
    made = [line_number(number, (number - 1) % AGREEMENTS + 1, dice) for number in range(1, max(numbers) + 1)]
    return [made[number - 1].model_copy(update=changes) for number in numbers]


async def submitted_twice(case: Case) -> None:
    """Approved by two people at once, and again and again while it is sent."""
    await case.tenants[0].furnished(AGREEMENTS)
    await case.tenants[0].billed(LINES, AGREEMENTS, case.seed)
    await case.site.fault("reset_after", **SENDS, nth=case.dice.randint(1, LINES))
    async with case.sending():
        await asyncio.gather(*(case.desk.approved() for _ in range(3)))
        await in_mid_run(case)
        await asyncio.gather(*(case.desk.approved() for _ in range(3)))
        await case.settles()
        await case.desk.approved()
        await case.settles()
    await case.judged()


async def imported_during_the_push(case: Case) -> None:
    """The same file comes again, and another with lines of its own, which somebody approves at once."""
    await case.approved(LINES, AGREEMENTS)
    await case.site.fault("slow_answer", **SENDS, delay=0.05)
    another = lines_of(
        case.seed, range(LINES + 1, 2 * LINES + 1), run_id=LATER, document_id=DocumentId("another"), file="another.csv"
    )
    async with case.sending():
        await in_mid_run(case)
        await case.desk.billed(*lines_of(case.seed, range(1, LINES + 1), run_id=LATER))
        await case.desk.billed(*another)
        case.tenants[0].accepted += [accepted(line) for line in another]
        await case.desk.approved(LATER)
        await case.calm()
        await case.settles()
    await case.judged()
    assert len(case.site.written()) == 2 * LINES


def accepted(line: InvoiceLineReceived) -> Accepted:
    agreement_id = next(number for number in range(1, AGREEMENTS + 1) if customer(number) == line.customer_key)
    item_id = PREMIUM if line.product_key == facts.PRODUCT else MAILBOX
    return Plan(agreement_id, item_id, MARKUP, FIRST_DAY, LAST_DAY).accepts(line)


async def amended_in_flight(case: Case) -> None:
    """Every line has one seat more, in whatever state it is: the agreements say that in the end, and no more."""
    await case.approved(LINES, AGREEMENTS)
    await case.site.fault("reset_after", **SENDS, nth=case.dice.randint(1, 2))
    await case.site.fault("slow_answer", **SENDS, delay=0.05)
    amended = [with_more_seats(line, 1) for line in lines_of(case.seed, range(1, LINES + 1))]
    async with case.sending():
        await in_mid_run(case)
        await looked_again(case, lambda: case.desk.billed(*amended))
        await case.calm()
        for _ in range(2):  # what is in flight or in doubt is corrected only when it is known how it ended
            await case.desk.approved(LATER)
            await case.settles()
            assert await case.is_settled()
            await looked_again(case, case.desk.resolve)
    tenant = case.tenants[0]
    tenant.accepted = [was.then(accepted(line)) for was, line in zip(tenant.accepted, amended, strict=True)]
    await case.judged()
    assert {line.state for line in await case.desk.lines()} == {"synced"}


async def in_doubt(case: Case) -> None:
    """Nobody knows what became of a request."""

    async def is_in_doubt() -> bool:
        return (await case.states())["ambiguous"] > 0

    await case.until(is_in_doubt, "nothing was in doubt")


def voided(when: Callable[[Case], Awaitable[None]]) -> Callable[[Case], Awaitable[None]]:
    """The supplier withdraws the whole document: what is written by then is reversed once, and no other line comes."""

    async def play(case: Case) -> None:
        tenant = case.tenants[0]
        await case.approved(LINES, AGREEMENTS)
        await case.site.fault("reset_after", **SENDS, nth=case.dice.randint(1, 2))
        await case.site.fault("slow_answer", **SENDS, delay=0.05)
        gone = lines_of(case.seed, range(1, LINES + 1), run_id=LATER)
        async with case.sending():
            await when(case)
            await looked_again(case, lambda: case.desk.withdrawn(*gone, document_version=2))
            await case.calm()
            for _ in range(2):  # what is in flight or in doubt is reversed only when it is known how it ended
                await case.desk.credits_allowed(LATER)
                await case.desk.approved(LATER)
                await case.settles()
                assert await case.is_settled()
                await looked_again(case, case.desk.resolve)
        tenant.accepted = [line.voided() for line in tenant.accepted]
        await case.judged()
        assert case.site.written()
        assert case.site.cost() == 0

    return play


def with_more_seats(line: InvoiceLineReceived, seats: int) -> InvoiceLineReceived:
    """As the next version of its document has it, which comes with a later run."""
    quantity = line.quantity + seats
    changes = {"quantity": quantity, "cost": quantity * line.effective_unit, "document_version": 2, "run_id": LATER}
    return line.model_copy(update=changes)


async def looked_again(case: Case, look: Callable[[], Awaitable[None]]) -> None:
    """As the service does: a look that PostgreSQL breaks off, for a result that is stored meanwhile, is made anew."""
    try:
        await look()
    except asyncpg.DeadlockDetectedError:
        await looked_again(case, case.desk.resolve)


async def remapped_while_in_doubt(case: Case) -> None:
    """An answer is lost, and its customer is mapped to another agreement before we know: it stays where it may be."""
    await case.approved(LINES, AGREEMENTS)
    await case.desk.agreement(AGREEMENTS + 1)
    await case.site.fault("reset_after", **SENDS, nth=case.dice.randint(1, LINES))
    async with case.sending():
        await in_doubt(case)
        for number in range(1, AGREEMENTS + 1):
            mapped = facts.mapping(
                agreement_id=AGREEMENTS + 1, customer_key=customer(number), mapping_id=f"mapping-{number}"
            )
            await case.desk.tell(topics.CUSTOMER_MAPPINGS, (mapped.mapping_id, mapped))
        await case.desk.resolve()
        await case.desk.approved()
        case.calm_from_now()
        await case.settles()
        await case.desk.resolve()
        await case.desk.approved()
        await case.settles()
    await case.judged()
    assert case.site.additions(AGREEMENTS + 1) == []


async def replayed_twice(case: Case) -> None:
    """Lines that could not be handled are replayed by two people at once, and come from Kafka once more."""
    await case.tenants[0].furnished(AGREEMENTS)
    lines = lines_of(case.seed, range(1, LINES + 1))
    records = [facts.record(topics.INVOICE_LINES, case.desk.tenant, line.customer_key, line) for line in lines]
    await Consumer(case.db, "invoice-push", topics.INVOICE_LINES, refuses).handle(records)
    assert await case.desk.lines() == []
    consumer = case.desk.consumers[topics.INVOICE_LINES.name]
    async with case.db.all_tenants() as tx:
        letters = [letter.id for letter in await dead_letters.page(tx, 0, 100)]
    assert len(letters) == LINES
    evidence = await case.evidence(case.tenants[0])
    assert evidence.questions["dead"] == evidence.shown.api["dead"] == {str(letter) for letter in letters}
    assert evidence.shown.metric["dead"] >= LINES  # the process counts; this scene of another seed may be beside it
    twice = [replayed(case, consumer, letter) for letter in letters for _ in range(2)]
    assert sum(await asyncio.gather(*twice)) == LINES
    case.tenants[0].accepted += [accepted(line) for line in lines]
    await told(case, topics.INVOICE_LINES, *((line.customer_key, line) for line in lines))  # as other events
    await consumer.handle(records)
    await told(case, topics.INVOICE_SEALED, (lines[0].document_id, facts.sealed(lines)))
    await case.desk.resolve()
    await told(case, topics.SYNC_COMMANDS, (facts.RUN, APPROVED))
    async with case.sending():
        await in_mid_run(case)
        await consumer.handle(records)
        assert not any(await asyncio.gather(*(replayed(case, consumer, letter) for letter in letters)))
        await case.settles()
    await case.judged()


async def told(case: Case, topic: Topic[Any], *facts_told: tuple[str, Data]) -> None:
    """As `Desk.tell` does, where there are dead letters."""
    records = [facts.record(topic, case.desk.tenant, *one) for one in facts_told]
    await case.desk.consumers[topic.name].handle(records)


async def refuses(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    await lines_received(tx, events)
    raise PoisonError("a defect of ours takes all of them for wrong")


async def replayed(case: Case, consumer: Consumer, letter: int) -> bool:
    try:
        async with case.db.transaction([case.desk.tenant]) as tx:
            await dead_letters.replay(tx, letter, consumer.replay)
    except NotReplayableError:
        return False
    return True


async def disconnected_and_connected_again(case: Case) -> None:
    """The connection is taken away in the middle, and comes back with another key."""
    await case.approved(4 * LINES, AGREEMENTS)  # more than are written before that is heard
    await case.site.fault("slow_answer", **SENDS, delay=PACE.deadline / 2)
    async with case.sending():
        await case.happens(lambda: bool(case.site.written()), "nothing was written")
        gone = ConnectionChanged(connection_id="connection-1", site_id=case.site.site_id, enabled=False, removed=True)
        await case.desk.tell(topics.CONNECTIONS, (gone.connection_id, gone))
        await case.until(lambda: rests(case), "it goes on without a connection")
        await case.calm()
        written = len(case.site.written())
        await case.site.key(private="another")
        assert len(case.site.written()) == written < 4 * LINES
        await case.desk.connected(private="another")
        case.calm_from_now()
        await case.settles()
    await case.judged()


async def rests(case: Case) -> bool:
    return (await case.states())["in_flight"] == 0


def made_again(fate: str) -> Callable[[Case], Awaitable[None]]:
    """A tenant is removed in the middle of a run with all that was known of it, and made again for the same site.

    Its last request may still be under way then, and be applied when the new tenant has looked.
    """

    async def play(case: Case) -> None:
        await case.approved(LINES, AGREEMENTS)
        # Long enough that the new tenant is there before it lands, on however busy a machine.
        pace = replace(PACE, late_apply=5 * PACE.late_apply)
        await case.site.fault(fate, **SENDS, nth=case.dice.randint(1, 2), delay=pace.late_apply)
        async with case.sending(pace) as here:
            await case.happens(lambda: case.site.struck() == 1, "nothing was struck")
            await here.worker.kill()
        first = case.tenants.pop()
        await cleared(case.urls, "line", "document", "inbox", "resolve_due", "run_report")
        again = Tenant(Desk(case.urls, case.db, TenantId(f"t-{secrets.token_hex(4)}"), first.site), first.site)
        case.tenants.append(again)
        await again.approved(LINES, AGREEMENTS, case.seed)
        assert again.accepted == first.accepted
        case.calm_from_now()
        async with case.sending(pace):
            await case.settles()
        await case.happens(
            lambda: any(one.told in (504, "reset") for one in case.site.effects()), "its last request was not applied"
        )
        await case.judged()

    return play


SCENES = [
    Scene("submitted twice", submitted_twice),
    Scene("imported during the push", imported_during_the_push),
    Scene("amended in flight", amended_in_flight),
    Scene("void in flight", voided(in_mid_run)),
    Scene("void while in doubt", voided(in_doubt)),
    Scene("remapped while in doubt", remapped_while_in_doubt),
    Scene("replayed twice", replayed_twice),
    Scene("disconnected and connected again", disconnected_and_connected_again),
    Scene("made again", made_again("reset_after")),
    Scene("made again, apply_late", made_again("apply_late")),
]


@pytest.mark.parametrize("judgement", SCENES, ids=str, indirect=True)
async def test_whatever_people_do_meanwhile_every_line_has_one_effect(judgement: Awaitable[None]) -> None:
    await judgement
