"""Effects on a peer without idempotency keys, done once: operations, ownership, lanes, reconciliation."""

from delivery.effect import Effect, HearsPauses, Lane, Reading, Recovers, Sent
from delivery.operations import (
    Coverage,
    Kind,
    Marker,
    NewOperation,
    Operation,
    OperationKey,
    Settled,
    State,
    marker,
    operation_key,
)
from delivery.pace import Pace
from delivery.queue import Scope, enqueue, enqueue_job, job_once, lift, pause, pauses, resume, supersede
from delivery.transitions import Adopted, Hit, NotThere
from delivery.worker import Delivery

__all__ = [
    "Adopted",
    "Coverage",
    "Delivery",
    "Effect",
    "HearsPauses",
    "Hit",
    "Kind",
    "Lane",
    "Marker",
    "NewOperation",
    "NotThere",
    "Operation",
    "OperationKey",
    "Pace",
    "Reading",
    "Recovers",
    "Scope",
    "Sent",
    "Settled",
    "State",
    "enqueue",
    "enqueue_job",
    "job_once",
    "lift",
    "marker",
    "operation_key",
    "pause",
    "pauses",
    "resume",
    "supersede",
]
