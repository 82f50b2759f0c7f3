"""What a peer answered, read completely."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any

from httpkit import exact_json
from httpkit.exact_json import UnreadableJson

__all__ = ["Answer", "UnreadableJson"]

_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST_WAIT = 3600.0  # a peer that says more is asked again all the same: nobody means years


@dataclass(frozen=True)
class Answer:
    """One complete answer; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    request_id: str | None = None
    expects_json: bool = True

    @cached_property
    def json(self) -> Any:
        """The body, numbers as `int` and `Decimal`. None for 204.

        Raises:
            UnreadableJson: empty, truncated, HTML, or anything else that is not JSON.
        """
        if self.status == HTTPStatus.NO_CONTENT:
            return None
        return exact_json.loads(self.content)

    @property
    def retry_after(self) -> float | None:
        """Seconds of the Retry-After header, an hour at most; None when absent or unreadable.

        A date there counts from the answer's own: the peer's clock need not agree with ours.
        """
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text), _LONGEST_WAIT)
        try:
            until, now = (parsedate_to_datetime(date) for date in (text, self.headers.get("date", "")))
            return min(max((until - now).total_seconds(), 0.0), _LONGEST_WAIT)
        except (ValueError, TypeError, OverflowError):  # no dates, or one without a zone
            return None


def shown(text: str) -> str:
    """A peer's text on one line, without what a terminal obeys or a database refuses: controls, half characters."""
    return " ".join(_UNSHOWABLE.sub(" ", text).split())
