"""From a failed attempt to the exception that callers see."""

from typing import Any

from httpkit.answer import Answer, UnreadableJson, shown
from httpkit.errors import ApiError, FieldError
from httpkit.outcome import Outcome

_LONGEST_TEXT = 500

_SAYINGS = {
    Outcome.OK: "The call succeeded.",
    Outcome.NOT_SENT: "The site could not be reached; nothing was sent.",
    Outcome.THROTTLED: "The site asks for a pause; too many calls were made.",
    Outcome.REJECTED: "The site refused the request.",
    Outcome.CONFIG: "The site refused the key, or the key's role lacks a right.",
    Outcome.NOT_FOUND: "The site does not know this record or address.",
    Outcome.AMBIGUOUS: "The site gave no clear answer; the call may or may not have had its effect.",
}


def error_of(result: Answer | BaseException, outcome: Outcome, *, call: str) -> ApiError:
    """The exception for an attempt: the peer's own code and text where it gave them in JSON."""
    if not isinstance(result, Answer):
        return ApiError(outcome, _code_of(result, outcome), _SAYINGS[outcome], call=call)
    body = _json_object(result)
    is_success = 200 <= result.status < 300  # noqa: PLR2004 - class of a status
    code = "unreadable_answer" if is_success else f"http_{result.status}"
    return ApiError(
        outcome,
        _text(body.get("code")) or _text(body.get("error")) or code,
        _text(body.get("message")) or _SAYINGS[outcome],
        status=result.status,
        field_errors=_field_errors(body.get("errors")),
        request_id=result.request_id,
        retry_after=result.retry_after,
        call=call,
    )


def _code_of(error: BaseException, outcome: Outcome) -> str:
    if outcome is Outcome.NOT_SENT:
        return "connection_failed"
    return "deadline_passed" if isinstance(error, TimeoutError) else "answer_lost"


def _json_object(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.json
    except UnreadableJson:
        return {}
    return body if isinstance(body, dict) else {}


def _field_errors(errors: Any) -> list[FieldError]:
    if not isinstance(errors, list):
        return []
    return [
        FieldError(
            code=_text(error.get("code")),
            message=_text(error.get("message")),
            resource=_text(error.get("resource")),
            field=_text(error.get("field")),
        )
        for error in errors
        if isinstance(error, dict)
    ]


def _text(value: Any) -> str:
    """A peer's text, on one line and of bounded length, as it goes to people and logs."""
    return shown(value)[:_LONGEST_TEXT] if isinstance(value, str) else ""
