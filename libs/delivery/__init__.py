"""Effects on a peer without idempotency keys, done once: operations, ownership, lanes, reconciliation."""

from delivery.effect import Effect, Lane, Reading, Sent
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
from delivery.queue import enqueue, enqueue_job, pause, pauses, resume, supersede
from delivery.transitions import Hit
from delivery.worker import Delivery

__all__ = [
    "Coverage",
    "Delivery",
    "Effect",
    "Hit",
    "Kind",
    "Lane",
    "Marker",
    "NewOperation",
    "Operation",
    "OperationKey",
    "Pace",
    "Reading",
    "Sent",
    "Settled",
    "State",
    "enqueue",
    "enqueue_job",
    "marker",
    "operation_key",
    "pause",
    "pauses",
    "resume",
    "supersede",
]
