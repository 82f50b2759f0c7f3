"""What one attempt of a call tells about the peer's state; everything that decides about repeating reads only this."""

from collections.abc import Iterator
from enum import StrEnum

import aiohttp

from httpkit.answer import Answer, UnreadableJson


class Outcome(StrEnum):
    """How certain an attempt has left us. Where two readings are possible, it is `AMBIGUOUS`."""

    OK = "ok"
    """2xx with a body that could be read: the call has had its effect."""

    NOT_SENT = "not_sent"
    """Certainly nothing left this machine: refused by the limiter or the breaker, or no connection was made."""

    THROTTLED = "throttled"
    """429: refused for now, without effect; `retry_after` says until when."""

    REJECTED = "rejected"
    """The peer understood and refuses this very request; sending it again unchanged cannot help."""

    CONFIG = "config"
    """401 or 403: the credentials or their rights are wrong; every such call fails until a person acts."""

    NOT_FOUND = "not_found"
    """404: no such record, or a moved base path; the caller decides which (delivery treats it as `CONFIG`)."""

    AMBIGUOUS = "ambiguous"
    """Everything else: the call may or may not have had its effect. Look before sending again."""


# 400, 409 and 422 judge the content; the others refuse method, size or type before anything is looked at.
_REJECTED = frozenset({400, 405, 409, 413, 414, 415, 422})


def classify(result: BaseException | Answer) -> Outcome:
    """The outcome of an attempt, from what it raised or from what the peer answered."""
    if isinstance(result, Answer):
        return _of_answer(result)
    declared = getattr(result, "outcome", None)
    if isinstance(declared, Outcome):
        return declared
    # A reset after the peer has applied a POST surfaces as httpx.ConnectTimeout as well (measured), so that the
    # names of httpx say nothing: only aiohttp's connector error proves that no byte of the request was written.
    # Its subclasses cover name resolution, refused connections and TLS handshakes, all of them before the request.
    # What else ends a call before it leaves is noticed where it would leave, and declared (`connections.NeverLeft`).
    if any(isinstance(error, aiohttp.ClientConnectorError) for error in _causes(result)):
        return Outcome.NOT_SENT
    return Outcome.AMBIGUOUS


def _of_answer(answer: Answer) -> Outcome:
    match answer.status:
        case status if 200 <= status < 300:  # noqa: PLR2004 - the class of a status is its first digit
            return Outcome.OK if _is_readable(answer) else Outcome.AMBIGUOUS
        case 401 | 403:
            return Outcome.CONFIG
        case 404:
            return Outcome.NOT_FOUND
        case 429:
            return Outcome.THROTTLED
        case status if status in _REJECTED:
            return Outcome.REJECTED
        case _:
            return Outcome.AMBIGUOUS


def _is_readable(answer: Answer) -> bool:
    if not answer.expects_json:
        return True
    try:
        _ = answer.json
    except UnreadableJson:
        return False
    return True


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__
