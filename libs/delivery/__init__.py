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
from delivery.queue import Scope, enqueue, enqueue_job, job_once, pause, pauses, resume, supersede
from delivery.transitions import Hit
from delivery.worker import Delivery

__all__ = [
    "Coverage",
    "Delivery",
    "Effect",
    "HearsPauses",
    "Hit",
    "Kind",
    "Lane",
    "Marker",
    "NewOperation",
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
    "marker",
    "operation_key",
    "pause",
    "pauses",
    "resume",
    "supersede",
]
