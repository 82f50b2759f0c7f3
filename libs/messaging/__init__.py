"""Kafka, done once: consume, outbox, relay, copies of facts, dead letters, progress."""

from messaging import copies, dead_letters, outbox, restores
from messaging.broker import LossySubscriberError, Subscriptions
from messaging.consume import Consumer, ConsumerPausedError, Handler, PoisonError, resume
from messaging.outbox import Fact
from messaging.records import NOBODY, Record
from messaging.relay import Relay
from messaging.upkeep import upkeep

__all__ = [
    "NOBODY",
    "Consumer",
    "ConsumerPausedError",
    "Fact",
    "Handler",
    "LossySubscriberError",
    "PoisonError",
    "Record",
    "Relay",
    "Subscriptions",
    "copies",
    "dead_letters",
    "outbox",
    "restores",
    "resume",
    "upkeep",
]
