"""What happened at a site, the newest first: the audit trail as sentences, the history as it is kept."""

from collections.abc import Container, Iterable
from itertools import islice

from connectwise_simulator import audit
from connectwise_simulator.jsonwire import dumps
from connectwise_simulator.pages.asked import Asked, Problem, address
from connectwise_simulator.pages.forms import button, choice
from connectwise_simulator.pages.html import Html, element, html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.paging import SIZE
from connectwise_simulator.pages.parts import Column, link, table
from connectwise_simulator.pages.values import moment
from connectwise_simulator.registry import ADDRESSES, TABLES
from connectwise_simulator.schema import Record
from connectwise_simulator.state.history import Effect

MOST_LOOKED_AT = 200_000  # effects, some 30 ms: a rare type in a long history is looked for page by page
AUDITED = {kind: ADDRESSES[path][0].table for kind, path in audit.ADDRESS_OF.items()}
_KIND_OF = {table_name: kind for kind, table_name in AUDITED.items()}


def audit_trail(asked: Asked) -> View:
    """Every audited change in words, fifty changes a page; of one type of record if asked for."""
    kind = _type(asked, AUDITED)
    effects, older = _newest(asked, [AUDITED[kind]] if kind else _KIND_OF)
    entries = [entry for effect in effects for entry in audit.entries(_KIND_OF[effect.table], effect)]
    columns: list[Column[Record]] = [
        Column("Time", lambda e: moment(e["enteredDate"])),
        Column("Member", lambda e: e["enteredBy"]),
        Column("Type", lambda e: e["auditType"]),
        Column("Change", lambda e: e["auditSubType"]),
        Column("Source", lambda e: e["auditSource"]),
        Column("What", lambda e: e["text"], is_wordy=True),
    ]
    shown = table("Audit trail, the newest first", columns, entries)
    return View("Audit trail", html(_filter(AUDITED, kind), shown, _older(asked, "audit", older)), "audit")


def history(asked: Asked) -> View:
    """Every change with the call that made it and what the client was told, fifty a page."""
    kind = _type(asked, TABLES)
    effects, older = _newest(asked, [kind] if kind else TABLES)
    columns: list[Column[Effect]] = [
        Column("No.", lambda e: e.seq, is_number=True),
        Column("Time", lambda e: moment(e.time)),
        Column("Member", lambda e: e.member),
        Column("Call", lambda e: f"{e.method} {e.path}"),
        Column("Record", lambda e: f"{e.table} {e.record_id}"),
        Column("What", _change, is_wordy=True),
        Column("Told", lambda e: e.told),
    ]
    shown = table("History, the newest first", columns, effects)
    return View("History", html(_filter(TABLES, kind), shown, _older(asked, "history", older)), "history")


def _newest(asked: Asked, tables: Container[str]) -> tuple[list[Effect], int | None]:
    """Up to a page of effects on some tables, and the number of the one to go on below; None at the end."""
    known, site = asked.world.history, asked.site
    start = min(asked.whole("before") or len(known) + 1, len(known) + 1)
    end = max(site.since, start - 1 - MOST_LOOKED_AT)
    effects = (known.effect(seq) for seq in range(start - 1, end, -1))
    wanted = (e for e in effects if e.site == site.company_id and e.table in tables)
    found = list(islice(wanted, SIZE))
    last = found[-1].seq if len(found) == SIZE else end + 1
    return found, last if last > site.since + 1 else None


def _type(asked: Asked, known: Container[str]) -> str:
    kind = asked.text("type")
    if kind and kind not in known:
        raise Problem(400, f"There is no type {kind}.")
    return kind


def _filter(known: Iterable[str], kind: str) -> Html:
    options = {"": "All", **{name: name for name in sorted(known)}}
    return element("form", choice("type", "Type of record", options, kind), button("Show"), class_="filter")


def _older(asked: Asked, section: str, older: int | None) -> Html | None:
    kind = asked.text("type")
    newest = link("Newest", address(asked.site, section, type=kind)) if asked.text("before") else None
    more = link("Older", address(asked.site, section, type=kind, before=older)) if older else None
    return element("nav", newest, more, aria_label="Pages", class_="pages") if newest or more else None


def _change(effect: Effect) -> Html:
    before, after = effect.before or {}, effect.after or {}
    if effect.before is None:
        words, parts = "added", [after]
    elif effect.after is None:
        words, parts = "deleted", [before]
    else:
        names = [n for n in {**before, **after} if n != "_info" and before.get(n) != after.get(n)]
        words = f"changed: {', '.join(names) or 'nothing'}"
        parts = [{n: record.get(n) for n in names} for record in (before, after)]
    return element("details", element("summary", words), *[element("pre", _json(part)) for part in parts])


def _json(record: Record) -> str:
    """A record without what nobody should read over a shoulder."""
    return dumps({n: "(not shown)" if v and n.lower().endswith("password") else v for n, v in record.items()})
