"""What a service tells delivery about its effect; everything else about exactly-once is delivery's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from contracts.values import SiteId, TenantId
from delivery.operations import Operation, OperationKey, Settled
from delivery.queue import Scope
from delivery.transitions import Hit
from storage import Transaction


@dataclass(frozen=True, slots=True)
class Lane:
    """Operations that are sent one after the other: an agreement, a catalog, a kind of job."""

    site_id: SiteId
    tenant_id: TenantId
    effect: str
    name: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read of a lane found, by operation; `closed` says why the lane takes no more writes.

    Also in a closed lane every hit must be told: what is there is confirmed, only what is not becomes stale.
    """

    hits: Mapping[OperationKey, Sequence[Hit]] = field(default_factory=dict)
    conflicts: Mapping[OperationKey, str] = field(default_factory=dict)
    overtaken: Mapping[OperationKey, str] = field(default_factory=dict)
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that certainly had its effect; `note` is handed to `settled`."""

    remote_id: int | None = None
    status: int | None = None
    request_id: str = ""
    note: Any = None


class Effect(Protocol):
    """The three things delivery needs to know; httpkit's ApiError carries how certain a failure is."""

    @property
    def name(self) -> str:
        """The name its operations are queued under."""
        ...

    async def gate(self, tx: Transaction, tenant_id: TenantId) -> str | None:
        """Why nothing may be sent for the tenant now; None when all is well."""
        ...

    async def find(self, lane: Lane, operations: Sequence[Operation]) -> Reading:
        """What is at the peer already: one read a turn, before every send. ApiError or any exception voids the turn.

        Jobs are never asked about.
        """
        ...

    async def send(self, operation: Operation) -> Sent:
        """Make the request once, whatever the method; raise ApiError with its outcome.

        Cancelled when the pace's deadline has passed: the outcome is then ambiguous.
        """
        ...

    async def settled(self, tx: Transaction, results: Sequence[tuple[Operation, Settled]]) -> None:
        """Store and publish terminal states, also failed ones, in the transaction that settles them: in bulk.

        Where it raises, it is asked again for each alone: so it keeps nothing outside the transaction.
        """
        ...


@runtime_checkable
class HearsPauses(Protocol):
    """An effect that has something to do when the peer refuses a right (R14)."""

    async def paused(self, tx: Transaction, operation: Operation, scope: Scope, code: str) -> None:
        """The answer to `operation` pauses its tenant or its lane, in this transaction; `code` says why."""
        ...


@runtime_checkable
class Recovers(Protocol):
    """An effect that reads a site back before anything is written there by a database that was restored."""

    async def recovered(self, tx: Transaction, tenant_id: TenantId, site_id: SiteId, restores: int) -> bool:
        """Whether all that was ever written to the site has been read back since restore number `restores`.

        Asked again and again, after one quarantine, of every tenant with work at the site, until all answer True;
        meanwhile jobs are done there and nothing is written. It queues what reads back, once a number (`job_once`).
        """
        ...
