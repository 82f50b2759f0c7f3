"""One company's ConnectWise: its tables, members, clock and the choices made where the contract is open."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectwise_simulator.clock import Clock
from connectwise_simulator.history import Effect, History
from connectwise_simulator.journal import Journal
from connectwise_simulator.registry import TABLES
from connectwise_simulator.roles import READY_MADE, Role
from connectwise_simulator.schema import Kind, Record, shown_members
from connectwise_simulator.tables import Table


@dataclass(slots=True)
class Key:
    """A member's API key."""

    public: str
    private: str
    role: str
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Knobs:
    """Choices where sources contradict each other or are silent; the README gives the evidence."""

    bad_auth_status: int = 401  # 404 on some cloud hosts
    missing_client_id_status: int = 401  # 403 in another report
    large_pages: str = "cap"  # or "refuse"
    delete_invoiced_additions: str = "refuse"  # or "allow"
    proration_digits: int = 2
    cancelled_day_is_billed: bool = True
    client_ids: frozenset[str] | None = None  # None: any


@dataclass(slots=True)
class Actor:
    """Who changes something and how; every effect of one call has the same."""

    member: str
    method: str
    path: str
    effects: list[Effect] = field(default_factory=list)


class Site:
    """State of one company id."""

    def __init__(
        self, company_id: str, name: str, clock: Clock, history: History, journal: Journal, knobs: Knobs
    ) -> None:
        self.company_id = company_id
        self.name = name
        self.clock = clock
        self.knobs = knobs
        self.codebase = "v2026_1/"
        self.is_cloud = True
        self.keys: dict[str, Key] = {}
        self.roles: dict[str, Role] = dict(READY_MADE)
        self.tables = {name: Table(name, spec.model, spec.parent) for name, spec in TABLES.items()}
        self.day: date = clock.today()
        self._history = history
        self._journal = journal

    def find(self, table: str, record_id: object) -> Record | None:
        """A record by id, or None."""
        return self.tables[table].get(record_id) if isinstance(record_id, int) else None

    def referred(self, table: str, reference: Any) -> Record | None:
        """The record a reference points at, or None."""
        return self.find(table, reference.get("id")) if isinstance(reference, dict) else None

    def put(self, actor: Actor, table: str, before: Record | None, record: Record) -> Record:
        """Write a record with its `_info`, tell the history, and keep what refers to it in step."""
        now = self.clock.stamp()
        entered = before["_info"] if before else {"dateEntered": now, "enteredBy": actor.member}
        record = {k: v for k, v in record.items() if v is not None and k != "_info"}
        record["_info"] = {
            "lastUpdated": now,
            "updatedBy": actor.member,
            "dateEntered": entered["dateEntered"],
            "enteredBy": entered["enteredBy"],
        }
        self.tables[table].put(record)
        self._tell(actor, table, before, record)
        if before is not None:
            self._refresh_references(table, before, record)
        return record

    def refresh(self, table: str, record: Record) -> None:
        """Replace a record by the same with newly computed fields: not a change anyone made."""
        record = {k: v for k, v in record.items() if v is not None}
        if record != self.find(table, record["id"]):
            self._replace(table, record)

    def begin_day(self, day: date) -> None:
        """The day that statuses are right for."""
        self.day = day
        self._journal.note("day", self.company_id, day.isoformat())

    def delete(self, actor: Actor, table: str, record: Record) -> None:
        """Take a record out and tell the history."""
        self.tables[table].delete(record["id"])
        self._tell(actor, table, record, None)

    def _tell(self, actor: Actor, table: str, before: Record | None, after: Record | None) -> None:
        actor.effects.append(
            self._history.append(
                time=self.clock.stamp(),
                site=self.company_id,
                member=actor.member,
                method=actor.method,
                path=actor.path,
                table=table,
                record_id=(after or before or {})["id"],
                before=before,
                after=after,
            )
        )

    def _refresh_references(self, table: str, before: Record, after: Record) -> None:
        """References show names: after a renaming every record that points here shows the new one."""
        for other in self.tables.values():
            pointing = [f for f in other.model.fields.values() if f.kind is Kind.REFERENCE and f.table == table]
            changed = [f for f in pointing if reference(f.reference, before) != reference(f.reference, after)]
            if not changed:
                continue
            for record in list(other):
                new = {f.name: reference(f.reference, after) for f in changed if _points(record.get(f.name), after)}
                if new:
                    self._replace(other.name, {**record, **new})

    def _replace(self, table: str, record: Record) -> None:
        self.tables[table].put(record)
        self._journal.note("put", self.company_id, table, record)


def reference(reference_type: str, target: Record) -> Record:
    """What a reference to this record shows. Contacts and tax codes have no name of their own: it is made."""
    shown = {m: target[m] for m in shown_members(reference_type) if m in target}
    if reference_type == "ContactReference":
        shown["name"] = " ".join(filter(None, (target.get("firstName"), target.get("lastName"))))
    elif reference_type == "TaxCodeReference":
        shown["name"] = target["identifier"]
    return {"id": target["id"], **shown}


def _points(value: Any, target: Record) -> bool:
    return isinstance(value, dict) and value.get("id") == target["id"]
