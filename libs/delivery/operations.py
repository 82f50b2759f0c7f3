"""The values of delivery: an operation, what it covers, the marker that finds it again at the peer."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, NewType

from contracts.values import NO_RUN, LineIdentity, RunId, SiteId, TenantId

OperationKey = NewType("OperationKey", str)
Marker = NewType("Marker", str)


class Kind(StrEnum):
    """What an operation does; a job is safe to repeat and needs no protocol."""

    CREATE = "create"
    PATCH = "patch"
    JOB = "job"


class State(StrEnum):
    """Where an operation stands."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    AMBIGUOUS = "ambiguous"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    STALE = "stale"
    SUPERSEDED = "superseded"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in (State.PENDING, State.IN_FLIGHT, State.AMBIGUOUS)

    @property
    def covers(self) -> bool:
        """Whether what it stands for counts as billed: also a conflict, whose record may exist at the peer."""
        return self not in (State.REJECTED, State.STALE, State.SUPERSEDED)


def operation_key(*parts: object) -> OperationKey:
    """A key from source facts only: the same from any replica, restore or re-installation."""
    return OperationKey("/".join(str(part).replace("%", "%25").replace("/", "%2F") for part in parts))


def marker(site_id: SiteId, key: OperationKey) -> Marker:
    """32 characters that name a creation at the peer, from the site and the key, each with its length before it."""
    digest = hashlib.blake2b(digest_size=20)
    for part in (site_id.encode(), key.encode()):
        digest.update(len(part).to_bytes(8, "big") + part)
    return Marker(base64.b32encode(digest.digest()).decode())


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an operation stands for: a line's identity (never its revision) and which part of it, in money.

    `component` is `charge`, `difference-n` or `reversal-n`, n being the identity's next number.
    """

    identity: LineIdentity
    component: str
    quantity: Decimal
    cost: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class NewOperation:
    """An operation to be queued. `target` orders patches of one record; a creation is its own target."""

    tenant_id: TenantId
    site_id: SiteId
    key: OperationKey
    kind: Kind
    lane: str
    body: Any
    target: str = ""
    run_id: RunId = NO_RUN
    coverage: Sequence[Coverage] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A queued operation as its owner sees it; `body` is JSON, its effect knows the type.

    `leave_within`, set for `send`: the seconds in which the claimed request must leave this machine, or must not.
    """

    tenant_id: TenantId
    key: OperationKey
    seq: int
    effect: str
    site_id: SiteId
    lane: str
    kind: Kind
    target: str
    marker: Marker | None
    body: Any
    run_id: RunId
    state: State
    attempts: int
    reason: str = ""
    leave_within: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    """How an operation ended; `note` is what the effect itself said with the hit or the answer that ended it."""

    state: State
    remote_id: int | None = None
    reason: str = ""
    message: str = ""
    note: Any = None
