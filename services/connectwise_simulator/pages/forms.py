"""Forms: every control with its label, every refusal with its reason."""

from collections.abc import Mapping

from connectwise_simulator.pages.asked import Asked
from connectwise_simulator.pages.html import Child, Html, element


def form(title: str, *children: Child) -> Html:
    """A form that is posted to the page it stands on."""
    return element("form", element("h2", title), *children, method="post", class_="post")


def search(asked: Asked, label: str) -> Html:
    """A box to search a list by."""
    box = element("input", type="search", id="q", name="q", value=asked.text("q") or None)
    return element("form", element("p", element("label", label, for_="q"), box, button("Search")), role="search")


def button(text: str, name: str | None = None, value: str | None = None) -> Html:
    """What sends the form it stands in."""
    return element("button", text, name=name, value=value)


def entry(name: str, label: str, value: str = "", hint: str | None = None, **more: Child) -> Html:
    """A box to write in."""
    box = element("input", id=name, name=name, value=value or None, aria_describedby=_hint_of(name, hint), **more)
    return _field(name, label, box, hint)


def choice(name: str, label: str, options: Mapping[str, str], chosen: str = "") -> Html:
    """A list to choose from: values and what they say."""
    items = [element("option", text, value=value, selected=value == chosen) for value, text in options.items()]
    return _field(name, label, element("select", *items, id=name, name=name), None)


def refusal(reason: str | None) -> Html | None:
    """Why a form was refused, said at once to who listens to a page."""
    return element("p", reason, class_="refused", role="alert") if reason else None


def _field(name: str, label: str, control: Html, hint: str | None) -> Html:
    said = element("small", hint, id=_hint_of(name, hint)) if hint else None
    return element("p", element("label", label, for_=name), control, said)


def _hint_of(name: str, hint: str | None) -> str | None:
    return f"{name}-hint" if hint else None
