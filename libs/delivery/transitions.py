"""The state machine of an operation: pure, and the only place that decides what follows from what.

The table it implements is in docs/exactly-once.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from delivery.operations import Kind, State
from httpkit import Outcome


@dataclass(frozen=True, slots=True)
class Claimed:
    """The owner has committed that it will send now."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The request ended this way."""

    outcome: Outcome
    status: int | None = None
    remote_id: int | None = None
    code: str = ""
    message: str = ""
    retry_after: float | None = None
    again: bool = False
    """The same answer as the last time, with a read between that ended well."""
    note: Any = None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """It was claimed, and its owner certainly has not begun to send it and never will under this claim."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """It was in flight under an owner that is gone, or without a running send."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A record at the peer that is ours by marker (creation) or by id (patch), and whether it says what we would.

    `elsewhere`: a copy that a person made on another agreement; reported, never adopted, no reason not to send (B18).
    `note` is handed to `settled`.
    """

    remote_id: int
    equal: bool
    detail: str = ""
    elsewhere: bool = False
    note: Any = None


@dataclass(frozen=True, slots=True)
class Read:
    """What a read of the peer, begun after the quarantine, found.

    `conflict` is a question for a person; `overtaken` says what has changed since the operation was planned; `closed`
    says why the lane takes no more writes.
    """

    hits: Sequence[Hit] = ()
    conflict: str = ""
    overtaken: str = ""
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A person says of a conflict that this record, which was just read at the peer, is what was to be written.

    `detail` says how it differs from that.
    """

    remote_id: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotThere:
    """A person says of a conflict that nothing is at the peer. It need not be true: a read comes before every send."""


Decision = Adopted | NotThere
Fact = Claimed | GivenBack | Answered | Abandoned | Read | Decision


@dataclass(frozen=True, slots=True)
class Next:
    """The state that follows. `send` says that a claim may be made now; `pause` that a person must act first."""

    state: State
    remote_id: int | None = None
    reason: str = ""
    message: str = ""
    send: bool = False
    wait: float = 0.0
    pause: Literal["", "tenant", "lane"] = ""
    note: Any = None


class ImpossibleError(Exception):
    """A fact that cannot happen in this state: a defect of ours, never the peer's."""


# Without a Retry-After, and for calls that never left.
SHORT_WAIT = 1.0
# A 404 is a moved codebase or a wrong key as often as a missing record: the next turn's read decides, and where that
# read ends well and the answer is 404 again, a person.
NOT_FOUND = "not_found"
NOT_FOUND_WAIT = 5.0


def transition(state: State, kind: Kind, fact: Fact) -> Next:
    """What follows in `state` from `fact`; ImpossibleError where nothing can."""
    match state, fact:
        case ((State.PENDING | State.AMBIGUOUS), Claimed()):
            return Next(State.IN_FLIGHT)
        case ((State.PENDING | State.AMBIGUOUS), Read() as read):
            return _after_read(state, read)
        case State.IN_FLIGHT, GivenBack():
            # Also where it was ambiguous: a read after its quarantine has shown that it is not there.
            return Next(State.PENDING)
        case State.IN_FLIGHT, Abandoned():
            return Next(State.PENDING if kind is Kind.JOB else State.AMBIGUOUS)
        case State.IN_FLIGHT, Answered() as answer:
            return _after_answer(kind, answer)
        # Whatever was sent for a conflict, its quarantine is over: only a read makes one.
        case State.CONFLICT, Adopted(remote_id, detail):
            return Next(State.CONFIRMED, remote_id, reason="adopted", message=detail)
        case State.CONFLICT, NotThere():
            return Next(State.PENDING, reason="tried_again")
        case _:
            raise ImpossibleError(f"{type(fact).__name__} cannot happen to an operation that is {state}")


def _after_read(state: State, read: Read) -> Next:
    own = [hit for hit in read.hits if not hit.elsewhere]
    match own:
        case [hit] if hit.equal:
            return Next(State.CONFIRMED, remote_id=hit.remote_id, note=hit.note)
        case [hit]:
            return Next(State.CONFLICT, hit.remote_id, "differs", hit.detail or "the record there says otherwise")
        case [first, *_]:
            ids = ", ".join(str(hit.remote_id) for hit in own)
            return Next(State.CONFLICT, first.remote_id, "several", f"our marker is there more than once: {ids}")
        case _:
            pass
    if read.closed:
        return Next(State.STALE, reason="stale", message=read.closed)
    if read.conflict:
        return Next(State.CONFLICT, reason="changed", message=read.conflict)
    if read.overtaken:
        # The read has proved that nothing is there: what it stands for is free for a new plan.
        return Next(State.STALE, reason="changed", message=read.overtaken)
    return Next(state, send=True)


def _after_answer(kind: Kind, answer: Answered) -> Next:
    match answer.outcome:
        case Outcome.OK:
            return Next(State.CONFIRMED, remote_id=answer.remote_id, note=answer.note)
        case Outcome.NOT_SENT:
            return Next(State.PENDING, reason=answer.code, wait=answer.retry_after or SHORT_WAIT)
        case Outcome.THROTTLED:
            return Next(State.PENDING, reason="throttled", wait=answer.retry_after or SHORT_WAIT)
        case Outcome.REJECTED if kind is Kind.JOB:
            # What it was to do is still to be done, and would be refused again: a person must look.
            return Next(State.PENDING, reason=answer.code or "rejected", message=answer.message, pause="lane")
        case Outcome.REJECTED:
            return Next(State.REJECTED, reason=answer.code or "rejected", message=answer.message)
        case Outcome.CONFIG:
            scope: Literal["tenant", "lane"] = "tenant" if answer.status == HTTPStatus.UNAUTHORIZED else "lane"
            return Next(State.PENDING, reason=answer.code or "config", message=answer.message, pause=scope)
        case Outcome.NOT_FOUND:
            wait = answer.retry_after or NOT_FOUND_WAIT
            again: Literal["", "lane"] = "lane" if answer.again else ""
            return Next(State.PENDING, reason=NOT_FOUND, message=answer.message, wait=wait, pause=again)
        case Outcome.AMBIGUOUS if kind is Kind.JOB:
            wait = answer.retry_after or NOT_FOUND_WAIT
            return Next(State.PENDING, reason=answer.code or "ambiguous", message=answer.message, wait=wait)
        case Outcome.AMBIGUOUS:
            return Next(State.AMBIGUOUS, reason=answer.code or "ambiguous", message=answer.message)
