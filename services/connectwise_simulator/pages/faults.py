"""Faults on order: which there are and how often they struck, and a form to order one."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from connectwise_simulator.pages.asked import Asked
from connectwise_simulator.pages.forms import button, choice, entry, form, refusal
from connectwise_simulator.pages.html import Html, element, html
from connectwise_simulator.pages.layout import View
from connectwise_simulator.pages.parts import Column, table
from connectwise_simulator.pages.values import number
from connectwise_simulator.peers.faults import KINDS, Afterwards, Apply, Effect, FaultOrder, Tell
from connectwise_simulator.site import Site

SECTION = "faults"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_APPLIED = {
    Apply.NEVER: "not applied",
    Apply.NOW: "applied",
    Apply.AFTER_DELAY: "applied after the delay",
}
_TOLD = {
    Tell.TRUTH: "answers the truth",
    Tell.TRUTH_LATE: "answers the truth after the delay",
    Tell.RESET: "the connection is reset",
    Tell.SILENCE: "never answers",
    Tell.TRUNCATED: "answers half the body",
    Tell.WRONG_ID: "answers an id that is not the record's",
    Tell.FOREIGN_MARKER: "answers somebody else's serial number",
    Tell.EMPTY: "answers without a body",
    Tell.NOT_JSON: "answers words that are no JSON",
    Tell.GARBAGE: "answers bytes that are no HTTP",
}
_AFTERWARDS: dict[Afterwards | None, str] = {
    Afterwards.SILENT: "then the connection is silent",
    Afterwards.RESET: "then the connection resets",
    Afterwards.PORT_REFUSES: "then the port refuses for the delay",
    Afterwards.PORT_RESETS: "then the port resets new connections for the delay",
    Afterwards.PORT_IS_SILENT: "then the port never answers new connections for the delay",
}


def explained(kind: str) -> str:
    """What a kind does to the site and to the client."""
    effect = KINDS[kind]
    if kind == "list_lag":  # the one whose effect is on later calls
        return "applied; answers the truth; lists do not show the new record for the delay"
    if effect.apply is Apply.LATER:
        return "applied after the delay; answers 504 at once, or what “apply_late tells” says"
    parts = (_APPLIED[effect.apply], _error(effect) or _TOLD[effect.tell], _AFTERWARDS.get(effect.afterwards))
    return "; ".join(part for part in parts if part)


def faults(asked: Asked) -> View:
    """The orders that concern the site, with the form."""
    return _shown(asked, {}, None)


def order(asked: Asked, given: Mapping[str, str]) -> View | None:
    """Order or drop as a form says; the page again with the reason where an order cannot be."""
    world, site = asked.world, asked.site
    match given.get("do"):
        case "drop":
            world.faults.clear(site.company_id)
        case "drop-all":
            world.faults.clear()
        case _:
            if "nth" in given and "probability" in given:
                return _shown(asked, given, "The fault was not ordered: it strikes on the nth call or by chance.")
            members: dict[str, Any] = {k: v for k, v in given.items() if k in FaultOrder.model_fields}
            try:
                world.faults.add(FaultOrder.model_validate({**members, "site": _whom(site, given)}))
            except ValidationError as error:
                return _shown(asked, given, f"The fault was not ordered: {_reasons(error)}.")
    return None


def _shown(asked: Asked, given: Mapping[str, str], reason: str | None) -> View:
    site = asked.site
    ordered = [rule for rule in asked.world.faults.view() if rule["site"] is None or _is_of(rule["site"], site)]
    columns: list[Column[Mapping[str, Any]]] = [
        Column("No.", lambda f: f["id"], is_number=True),
        Column("Kind", lambda f: html(f["kind"], " ", element("small", explained(f["kind"]))), is_wordy=True),
        Column("Site", lambda f: f["site"] or "every site"),
        Column("Method", lambda f: f["method"] or "any"),
        Column("Path", lambda f: element("code", f["path"]) if f["path"] else "any API call"),
        Column("Strikes", _when),
        Column("Delay", lambda f: f"{number(f['delay'])} s" if f["delay"] else None, is_number=True),
        Column("Matched", lambda f: f["matched"], is_number=True),
        Column("Struck", lambda f: f["struck"], is_number=True),
    ]
    drop = form(
        "Drop",
        element("p", button("Drop this site's faults", "do", "drop")),
        element("p", button("Drop all faults, every site's", "do", "drop-all")),
    )
    body = html(
        refusal(reason), table("Ordered faults", columns, ordered), drop if ordered else None, _form(site, given)
    )
    return View("Faults", body, SECTION, 422 if reason else 200)


def _form(site: Site, given: Mapping[str, str]) -> Html:
    chosen = given.get
    kinds = {kind: f"{kind}: {explained(kind)}" for kind in KINDS}
    methods = {"": "any", **{method: method for method in METHODS}}
    sites = {"this": site.name, "every": "every site"}
    tells = {"504": "504", "reset": "a reset", "silence": "silence"}
    more = element(
        "details",
        element("summary", "More"),
        entry(
            "burst", "Burst", chosen("burst", ""), "Each strike takes the next calls along, this many in all.", size=8
        ),
        entry("retry_after", "Retry after", chosen("retry_after", ""), "Seconds, in a 429; 30 if empty.", size=8),
        choice("tell", "apply_late tells", tells, chosen("tell", "")),
        entry(
            "connections",
            "Connections",
            chosen("connections", ""),
            "So many; for reset_on_connect, black_hole.",
            size=8,
        ),
        entry("seed", "Seed", chosen("seed", ""), "Same order, seed and calls: same faults.", size=8),
    )
    return form(
        "Order a fault",
        choice("kind", "Kind", kinds, chosen("kind", "")),
        choice("method", "Method", methods, chosen("method", "")),
        entry(
            "path",
            "Path",
            chosen("path", ""),
            "A regular expression, searched in what follows /apis/3.0/; empty: any API call.",
        ),
        choice("whom", "Site", sites, chosen("whom", "")),
        entry("nth", "On call number", chosen("nth", ""), "Of those that match; empty: on every one.", size=8),
        entry("probability", "Or by chance", chosen("probability", ""), "From 0 to 1.", size=8),
        entry("times", "Times", chosen("times", ""), "No more strikes than this.", size=8),
        entry("delay", "Delay", chosen("delay", ""), "Seconds, for the kinds that speak of it.", size=8),
        more,
        element("p", button("Order the fault", "do", "order")),
    )


def _error(effect: Effect) -> str | None:
    if effect.tell is not Tell.ERROR:
        return None
    return f"answers {effect.status}{' as HTML' if effect.html else ''}{', the pool ran out' if effect.pool else ''}"


def _when(rule: Mapping[str, Any]) -> str:
    times = rule["times"]
    if rule["nth"] is not None:
        last = rule["nth"] + (times or 1) - 1
        when = f"on call {rule['nth']}" + (f" to {last}" if times and times > 1 else "")
    else:
        when = "on every call" if rule["probability"] is None else f"with probability {number(rule['probability'])}"
        when += f", {times} times" if times else ""
    return when + (f", {rule['burst']} calls each" if rule["burst"] > 1 else "")


def _whom(site: Site, given: Mapping[str, str]) -> str | None:
    return None if given.get("whom") == "every" else site.company_id


def _is_of(company_id: object, site: Site) -> bool:
    return str(company_id).lower() == site.company_id.lower()


def _reasons(error: ValidationError) -> str:
    found = [(".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")) for e in error.errors()]
    return "; ".join(f"{name}: {message}" if name else message for name, message in found)
