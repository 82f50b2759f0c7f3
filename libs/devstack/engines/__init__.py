"""One real Kafka and one real PostgreSQL, of this machine or of somebody else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Engines:
    """How to reach a pair of engines."""

    kafka: str
    """host:port"""
    postgres: str
    """DSN of an administrator, database `postgres`"""
