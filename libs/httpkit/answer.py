"""What a peer answered, read completely."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from httpkit import exact_json
from httpkit.exact_json import UnreadableJson

__all__ = ["Answer", "UnreadableJson"]


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
        """Seconds of the Retry-After header; None when absent or not a number of seconds."""
        text = self.headers.get("retry-after", "").strip()
        return float(text) if text.isascii() and text.isdigit() else None
