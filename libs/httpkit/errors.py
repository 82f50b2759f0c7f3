"""The exceptions of a call. There is one, and one subclass for calls that were never made."""

from collections.abc import Sequence
from dataclasses import dataclass

from httpkit.outcome import Outcome


@dataclass(frozen=True, slots=True)
class FieldError:
    """One complaint of the peer about one field."""

    code: str
    message: str
    resource: str = ""
    field: str = ""


class ApiError(Exception):
    """A call that has no good answer.

    `code` is stable and may be matched; `message` is for the person whose request it was; `operator_text` adds what
    finds the call in logs, here and at the peer. Neither holds a key or a request's body.
    """

    def __init__(
        self,
        outcome: Outcome,
        code: str,
        message: str,
        *,
        status: int | None = None,
        field_errors: Sequence[FieldError] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
        call: str = "",
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.code = code
        self.message = message
        self.status = status
        self.field_errors = tuple(field_errors)
        self.request_id = request_id
        self.retry_after = retry_after
        self.call = call
        self.lost: ApiError | None = None
        """An attempt of the same call before this one of which nobody knows what became."""

    @property
    def operator_text(self) -> str:
        """Call, outcome, status, request id and underlying error on one line."""
        parts = [self.call, self.outcome, f"code={self.code}"]
        if self.status is not None:
            parts.append(f"status={self.status}")
        if self.request_id:
            parts.append(f"request_id={self.request_id}")
        if self.__cause__ is not None:
            parts.append(f"cause={type(self.__cause__).__name__}")
        return " ".join(part for part in parts if part)

    def __str__(self) -> str:
        fields = "; ".join(f"{error.field or error.resource}: {error.message}" for error in self.field_errors)
        return f"{self.message}{f' ({fields})' if fields else ''} [{self.operator_text}]"


class NotAdmitted(ApiError):  # noqa: N818 - named by the fact, as all our exceptions
    """The limiter or the breaker did not let the call out; `retry_after` says when to come again, if known."""

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(Outcome.NOT_SENT, code, message, retry_after=retry_after)
