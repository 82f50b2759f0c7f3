"""One company's ConnectWise: its tables, members, clock and the choices made where the contract is open."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from connectwise_simulator import schema
from connectwise_simulator.clock import Clock
from connectwise_simulator.registry import TABLES
from connectwise_simulator.roles import READY_MADE, Role
from connectwise_simulator.schema import Kind, Record, shown_members
from connectwise_simulator.state.history import Effect, History
from connectwise_simulator.state.journal import Journal
from connectwise_simulator.tables import Table

CODEBASE = r"^[a-z0-9_]+/$"
Timing = Literal["at_start", "at_end", "period_ahead"]


@dataclass(slots=True)
class Key:
    """A member's API key."""

    public: str
    private: str
    member: int  # the id of its row in `members`, which names its role
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Knobs:
    """Choices where sources contradict each other or are silent; the README gives the evidence.

    A scenario's `options` are read as this class: a knob is added here and nowhere else.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    bad_auth_status: Literal[401, 404] = 401  # 404 on some cloud hosts
    missing_client_id_status: Literal[401, 403] = 401  # 403 in another report
    needs_tls: bool = False  # true: plain HTTP is refused, as by the real service
    large_pages: Literal["cap", "refuse"] = "cap"
    old_codebase: Literal["not_found", "redirect"] = "not_found"  # what a codebase of another release is answered
    calls_per_minute: Annotated[int, Field(ge=1)] | None = None  # None: as many as come
    calls_at_once: Annotated[int, Field(ge=1)] | None = None  # what the bucket holds; None: a minute's calls
    additions_fire_agreement_callbacks: bool = False
    signing_key_as_text: bool = False  # true: a JSON string that holds the JSON, as one client has seen
    delete_invoiced_additions: Literal["refuse", "allow"] = "refuse"
    proration_digits: Annotated[int, Field(ge=0, le=6)] = 2
    cancelled_day_is_billed: bool = True
    current_is_billed: Timing = "at_start"  # when the invoice of a period falls due, by the agreement's periodType
    future_is_billed: Timing = "period_ahead"
    both_is_billed: Timing = "period_ahead"
    undefined_is_billed: Timing = "at_start"
    invoice_before_due: Literal["refuse", "allow"] = "refuse"
    ended_agreements: Literal["refuse", "bill_what_is_left"] = "refuse"
    one_time_agreements: Literal["once", "again"] = "once"  # again: additions that came after the invoice
    negative_total: Literal["invoice", "credit_memo", "refuse"] = "invoice"
    cancelled_days_are_credited: bool = False  # days that are on an invoice and no longer within the addition's dates
    cancel_additions_with_agreement: bool = False
    included_beyond_quantity_is_credited: bool = False
    client_ids: frozenset[Annotated[str, StringConstraints(to_lower=True)]] | None = None  # None: any


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
        self.origin = ""  # where its callers last found it: scheme and host
        self.since = len(history)  # effects before it are of a site that had its company id
        self._history = history
        self._journal = journal

    def find(self, table: str, record_id: object) -> Record | None:
        """A record by id, or None."""
        return self.tables[table].get(record_id) if isinstance(record_id, int) else None

    def referred(self, table: str, reference: Any) -> Record | None:
        """The record a reference points at, or None."""
        return self.find(table, reference.get("id")) if isinstance(reference, dict) else None

    def under(self, table: str, parent: Record) -> Record:
        """What a record of this table holds of the record it stands below."""
        field = TABLES[table].model.fields[TABLES[table].under or ""]
        return {field.name: reference(field.reference, parent) if field.kind is Kind.REFERENCE else parent["id"]}

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

    def effects_of(self, table: str, record_id: int) -> list[Effect]:
        """Everything that happened to a record, the oldest first."""
        return [e for e in self._history.of_record(self.company_id, table, record_id) if e.seq > self.since]

    def told(self, actor: Actor, answer: int | str) -> None:
        """Write down in the history who heard of the actor's effects."""
        self._history.told(actor.effects, answer)

    def turn_clock(self, moment: datetime) -> None:
        """Jump to a moment; `billing.daily` brings the records there."""
        self.clock.set(moment)
        self._journal.note("clock", self.company_id, self.clock.ahead)

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
            pointing = [f for f in other.model.fields.values() if f.table == table]
            changed = [f for f in pointing if reference(f.reference, before) != reference(f.reference, after)]
            if not changed:
                continue
            for record in list(other):
                new = {f.name: _renamed(f, record.get(f.name), after) for f in changed}
                if any(value != record.get(name) for name, value in new.items()):
                    self._replace(other.name, {**record, **{k: v for k, v in new.items() if v is not None}})

    def _replace(self, table: str, record: Record) -> None:
        self.tables[table].put(record)
        self._journal.note("put", self.company_id, table, record)


def reference(reference_type: str, target: Record) -> Record:
    """What a reference to this record shows. Some records have no name of their own: it is made of what they have."""
    shown = {m: target[m] for m in shown_members(reference_type) if m in target}
    if reference_type in _NAMES:
        shown["name"] = " ".join(str(target[part]) for part in _NAMES[reference_type] if target.get(part))
    return {"id": target["id"], **shown}


_NAMES = {
    "ContactReference": ("firstName", "lastName"),
    "ContactTypeReference": ("description",),
    "MemberReference": ("firstName", "lastName"),
    "TaxCodeReference": ("identifier",),
}


def _renamed(field: schema.Field, value: Any, target: Record) -> Any:
    """A member's value with the target's new name wherever it points at it."""
    if field.kind is Kind.REFERENCES:
        return [_renamed(replace(field, kind=Kind.REFERENCE), item, target) for item in value or ()] or None
    if isinstance(value, dict) and value.get("id") == target["id"]:
        return reference(field.reference, target)
    return value
