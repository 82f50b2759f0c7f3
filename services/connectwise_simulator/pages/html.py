"""Markup that escapes by default: a text gets into a page as text only, unless it is `Html` already."""

from html import escape

VOID = frozenset(("br", "input", "link", "meta"))


class Html(str):
    """Markup. What is cut out of it or joined to it is a plain text again, and escaped."""

    __slots__ = ()


Child = str | int | None


def html(*children: Child) -> Html:
    """Children one after the other; None is nothing."""
    return Html("".join([_markup(child) for child in children]))


def element(name: str, /, *children: Child, **attributes: Child) -> Html:
    """An element. `aria_label` is aria-label and `for_` is for; True is a bare attribute, None and False are none."""
    given = [
        f" {key.strip('_').replace('_', '-')}" + ("" if value is True else f'="{_quoted(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    ]
    start = f"<{name}{''.join(given)}>"
    return Html(start if name in VOID else f"{start}{html(*children)}</{name}>")


def _markup(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Html) else escape(str(child), quote=False)


def _quoted(value: Child) -> str:
    # Markup is no value of an attribute: here even `Html` is escaped.
    return escape(str(value), quote=True)
