"""Every protection, how it is taken out, and what breaks then: `MUTANTS` is the table.

A mutant is the real code with one part of it replaced. Its interleaving is the same with and without that part; the
last nets of the database are off in both (see `test_mutants.py`), and so are the `guards` named here, where two
protections stand behind each other.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiokafka import TopicPartition
from faststream import AckPolicy

from connectwise import collection
from connectwise.calls import Calls
from connectwise.paging import Page, Params, numbered_pages
from delivery import Operation, Pace, State, ledger, ownership, queue, transitions, turn
from delivery.clock import boot_seconds
from delivery.ledger import Attempted, Claim, Ledger
from delivery.transitions import Answered, Next, Read, transition
from httpkit import Outcome, outcome
from messaging import broker
from storage import Session, Transaction
from tests.faults import interleavings
from tests.faults.evidence import Evidence
from tests.faults.interleavings import Stage
from tests.faults.oracle import Invariant

Patch = pytest.MonkeyPatch
TakenOut = Callable[[Patch], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`taken_out` takes the protection out; `guards` is off with and without it."""

    name: str
    protection: str
    breaks: Invariant
    interleaving: Callable[[Stage], Awaitable[Evidence]]
    taken_out: TakenOut
    guards: tuple[TakenOut, ...] = ()


# What is sent.


def naive_retry(patch: Patch) -> None:
    """What every HTTP client's retry does."""
    once = turn._Turn._ask

    async def again(self: Any, operation: Operation, may_leave: Callable[[], bool]) -> tuple[Answered, str]:
        for _ in range(2):
            answer, request_id = await once(self, operation, may_leave)
            if answer.outcome is not Outcome.AMBIGUOUS:
                return answer, request_id
        return await once(self, operation, may_leave)

    patch.setattr(turn._Turn, "_ask", again)


def no_quarantine(patch: Patch) -> None:
    patch.setattr(Pace, "quarantine", property(lambda _: 0.0))


def no_read(patch: Patch) -> None:
    async def unread(_: Any, operations: Sequence[Operation]) -> list[tuple[Operation, Next]]:
        return [(operation, transition(operation.state, operation.kind, Read())) for operation in operations]

    patch.setattr(turn._Turn, "_read", unread)


def no_comparison(patch: Patch) -> None:
    decided = transitions._after_read

    def trusting(state: State, read: Read) -> Next:
        same = [transitions.Hit(hit.remote_id, equal=True, elsewhere=hit.elsewhere) for hit in read.hits]
        return decided(state, Read(same, read.conflict, read.overtaken, read.closed))

    patch.setattr(transitions, "_after_read", trusting)


def connect_timeout_is_not_sent(patch: Patch) -> None:
    real = outcome.classify

    def hopeful(result: Any) -> Outcome:
        return Outcome.NOT_SENT if isinstance(result, aiohttp.ConnectionTimeoutError) else real(result)

    patch.setattr(outcome, "classify", hopeful)


def stale_claims_may_send(patch: Patch) -> None:
    async def as_if_fresh(_: Any, __: Operation, claim: Claim) -> Claim:
        return Claim(boot_seconds(), claim.attempt)

    patch.setattr(turn._Turn, "_fresh", as_if_fresh)


def commit_after_the_call(patch: Patch) -> None:
    claim, settle = Ledger.claim, Ledger.settle

    def only_said(_: Ledger, operation: Operation, __: UUID) -> "asyncio.Future[Claim | None]":
        said = asyncio.get_running_loop().create_future()
        said.set_result(Claim(boot_seconds(), operation.attempts + 1))
        return said

    def claimed_then_settled(
        self: Ledger, operation: Operation, epoch: UUID, after: Next, attempted: Attempted | None = None
    ) -> "asyncio.Future[Claim | None]":
        async def both() -> Claim | None:
            await claim(self, operation, epoch)
            return await settle(self, operation, epoch, after, attempted)

        return asyncio.ensure_future(both()) if attempted else settle(self, operation, epoch, after)

    patch.setattr(Ledger, "claim", only_said)
    patch.setattr(Ledger, "settle", claimed_then_settled)


# Whose it is.


def _unfenced(act: ledger._Act) -> TakenOut:
    def take_out(patch: Patch) -> None:
        fence = Ledger._fence

        async def leaky(tx: Transaction, batch: Sequence[ledger._Entry]) -> set[UUID]:
            return await fence(tx, batch) | {entry.epoch for entry in batch if entry.act is act}

        patch.setattr(Ledger, "_fence", staticmethod(leaky))

    return take_out


def no_sweep(patch: Patch) -> None:
    patch.setattr(ownership, "sql", {**ledger.sql, "sweep": "select $1::text, $2::text[] limit 0"})


def turns_pass_over_what_is_in_flight(patch: Patch) -> None:
    ready = turn._Turn._ready

    async def without(self: Any, operations: Sequence[Operation]) -> list[Operation]:
        return await ready(self, [operation for operation in operations if operation.state is not State.IN_FLIGHT])

    patch.setattr(turn._Turn, "_ready", without)


def epoch_reused(patch: Patch) -> None:
    patch.setattr(ownership, "uuid4", lambda: UUID(int=7))


def time_lease(patch: Patch) -> None:
    """A lease whose holder sleeps has run out: whoever asks then gets it."""

    async def run_out(_: Session, __: str) -> bool:
        return True

    patch.setattr(Session, "try_lock", run_out)


# What it stands for, and what is there.


def no_coverage(patch: Patch) -> None:
    nothing = f"select * from ({queue.sql['covered']}) as found limit 0"  # noqa: S608 (a query of ours)
    patch.setattr(queue, "sql", {**queue.sql, "covered": nothing})


def navigable_paging(patch: Patch) -> None:
    def numbered(calls: Calls, path: str, params: Params, **how: Any) -> AsyncIterator[Page]:
        size = int(params["pageSize"])
        return numbered_pages(
            calls, path, {name: value for name, value in params.items() if name != "pageSize"}, page_size=size, **how
        )

    patch.setattr(collection, "forward_pages", numbered)


# What is read from Kafka.


def automatic_offset_commit(patch: Patch) -> None:
    """FastStream's default."""
    patch.setattr(broker, "AckPolicy", SimpleNamespace(NACK_ON_ERROR=AckPolicy.ACK_FIRST))


def lossy_subscribers_are_let_start(patch: Patch) -> None:
    patch.setattr(broker, "refuse_lossy", lambda _: None)


def offsets_are_kafkas_alone(patch: Patch) -> None:
    async def as_kafka_says(_: Any, __: Sequence[TopicPartition]) -> None:
        return

    patch.setattr(broker._Reader, "on_partitions_assigned", as_kafka_says)


TWICE, LOST, OTHERWISE = Invariant.ONCE, Invariant.ENDED, Invariant.CONTENT

MUTANTS = (
    Mutant(
        "naive retry of POST",
        "an uncertain answer is never followed by another attempt",
        TWICE,
        interleavings.the_answer_is_lost,
        naive_retry,
    ),
    Mutant(
        "no read before write",
        "a turn begins with one read of what is there",
        TWICE,
        interleavings.the_answer_is_lost,
        no_read,
    ),
    Mutant(
        "no quarantine",
        "nothing is decided about an operation in doubt before the peer can be done with it",
        TWICE,
        interleavings.it_is_applied_late,
        no_quarantine,
    ),
    Mutant(
        "connect timeout taken as not sent",
        "not sent means that no connection was made, and a connect timeout does not prove that",
        TWICE,
        interleavings.a_connect_timeout_and_applied_all_the_same,
        connect_timeout_is_not_sent,
    ),
    Mutant(
        "content not compared",
        "a record with our marker confirms only what says the same",
        OTHERWISE,
        interleavings.our_record_was_edited_before_the_database_was_restored,
        no_comparison,
    ),
    Mutant(
        "commit after the call instead of before",
        "the claim is committed before the request leaves",
        TWICE,
        interleavings.it_dies_after_the_bytes_left_and_they_are_applied_late,
        commit_after_the_call,
    ),
    Mutant(
        "stale claim allowed to send",
        "a send begins within `validity` of its claim",
        TWICE,
        interleavings.it_sleeps_between_claim_and_send_and_is_replaced,
        stale_claims_may_send,
    ),
    Mutant(
        "claim not fenced",
        "a claim compares the epoch in its transaction",
        TWICE,
        interleavings.its_claim_comes_after_its_successor_has_sent,
        _unfenced(ledger._Act.CLAIM),
    ),
    Mutant(
        "result not fenced",
        "a result compares the epoch in its transaction",
        TWICE,
        interleavings.its_result_falls_into_its_successors_send,
        _unfenced(ledger._Act.RESULT),
    ),
    Mutant(
        "epoch reused",
        "each takeover writes an epoch that nobody has had",
        TWICE,
        interleavings.its_result_falls_into_its_successors_send,
        epoch_reused,
    ),
    Mutant(
        "time lease instead of session lock",
        "the lock lives as long as the session, however long its holder sleeps",
        TWICE,
        interleavings.it_is_stopped_at_the_socket_with_another_replica_there,
        time_lease,
    ),
    Mutant(
        "no sweep at takeover",
        "takeover turns what is in flight into ambiguous, in one transaction",
        LOST,
        interleavings.it_dies_after_the_bytes_left,
        no_sweep,
        # A turn takes what is in flight without a running send for abandoned, too.
        guards=(turns_pass_over_what_is_in_flight,),
    ),
    Mutant(
        "no coverage",
        "a line that one operation stands for is left out of every other",
        TWICE,
        interleavings.two_people_import_one_file_in_different_groups,
        no_coverage,
    ),
    Mutant(
        "navigable paging for the read",
        "the read goes forward by id, so that no deletion hides a record",
        TWICE,
        interleavings.a_record_is_deleted_between_two_pages,
        navigable_paging,
    ),
    Mutant(
        "automatic offset commit",
        "an offset is acknowledged after its batch is committed",
        LOST,
        interleavings.a_handler_fails_once,
        automatic_offset_commit,
        guards=(lossy_subscribers_are_let_start,),
    ),
    Mutant(
        "offsets not stored with the effect",
        "reading starts from the offsets that were committed with the effects",
        LOST,
        interleavings.the_database_is_restored_and_kafka_is_not,
        offsets_are_kafkas_alone,
    ),
)
