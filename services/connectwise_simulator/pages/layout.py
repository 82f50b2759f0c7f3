"""The frame of every page: one document without scripts, its style inside."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from connectwise_simulator.pages.asked import address
from connectwise_simulator.pages.html import Html, element, html
from connectwise_simulator.pages.parts import link
from connectwise_simulator.pages.values import day
from connectwise_simulator.site import Site

STYLE = Html(Path(__file__).with_name("style.css").read_text(encoding="utf-8"))
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # no-referrer would make browsers post our own forms with `Origin: null`
    "cache-control": "no-store",
}
SECTIONS = {
    "companies": "Companies",
    "agreements": "Agreements",
    "catalog": "Catalog",
    "invoices": "Invoices",
    "audit": "Audit trail",
    "history": "History",
    "clock": "Clock",
    "faults": "Faults",
    "calls": "Calls",
}


@dataclass(frozen=True, slots=True)
class View:
    """What one page shows: its title, what is below, and the section of the site it belongs to."""

    title: str
    body: Html
    section: str = ""
    status: int = 200


def document(view: View, site: Site | None = None) -> Response:
    """The whole page."""
    title = " · ".join(dict.fromkeys((view.title, *((site.name,) if site else ()), "ConnectWise simulator")))
    head = (
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", STYLE),
    )
    body = (
        element("a", "Skip to the content", href="#content", class_="skip"),
        element("header", link(element("strong", "ConnectWise simulator"), "/"), _sections(site, view.section)),
        element("main", element("h1", view.title), view.body, id="content", tabindex="-1"),
    )
    page = element("html", element("head", *head), element("body", *body), lang="en")
    # A record can hold half a surrogate pair, which has no UTF-8.
    text = html(Html("<!DOCTYPE html>"), page).encode("utf-8", "replace")
    return Response(text, view.status, headers=HEADERS, media_type="text/html")


def _sections(site: Site | None, current: str) -> Html | None:
    if site is None:
        return None
    links = [
        element("li", element("a", text, href=address(site, name), aria_current="page" if name == current else None))
        for name, text in SECTIONS.items()
    ]
    today = element("span", f"{site.name}, ", day(str(site.clock.today())))
    return html(today, element("nav", element("ul", *links), aria_label="Site"))
