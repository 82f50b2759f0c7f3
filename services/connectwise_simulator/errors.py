"""What the peer says when it refuses: the error bodies of the contract, section 2.7."""

from dataclasses import dataclass
from typing import Any

from connectwise_simulator.jsonwire import dumps

FORBIDDEN_TEXT = "You do not have security permission to perform this action."


@dataclass(frozen=True, slots=True)
class FieldError:
    """One entry of `errors`: what is wrong with which field of which record."""

    code: str
    message: str
    field: str


class ApiError(Exception):
    """A refusal with its status and JSON body; raised anywhere, answered in one place."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('message')}")
        self.status = status
        self.body = body


def plain(status: int, code: str, message: str) -> ApiError:
    """An error with code and message only."""
    return ApiError(status, {"code": code, "message": message, "errors": None})


def bad_condition(message: str) -> ApiError:
    """A filter that is refused; this body has no `errors` key (seen in a real client's log)."""
    return ApiError(400, {"code": "ApiFindCondition", "message": message})


def invalid(resource: str, *errors: FieldError) -> ApiError:
    """A record that breaks rules: one entry a rule."""
    return ApiError(
        400,
        {
            "code": "InvalidObject",
            "message": f"{resource} object is invalid",
            "errors": [{"code": e.code, "message": e.message, "resource": resource, "field": e.field} for e in errors],
        },
    )


def unknown_member(type_name: str, path: str, position: int) -> ApiError:
    """Bodies are read strictly: a member the model does not have is refused."""
    member = path.rpartition(".")[2]
    return plain(
        400,
        "ConnectWiseApi",
        f"Could not find member '{member}' on object of type '{type_name}'. Path '{path}', line 1, position {position}."
        "Check your accept header to make sure you are using the correct version.",
    )


def unconvertible(value: object, type_name: str, path: str) -> ApiError:
    """A value of the wrong kind: the real service answers 500, and so does this one."""
    return plain(
        500,
        "ConnectWiseApi",
        f"Error converting value {dumps(value)} to type '{type_name}'. Path '{path}', line 1, position 1.",
    )


def forbidden() -> ApiError:
    """The member's role does not reach far enough."""
    return plain(403, "Security", FORBIDDEN_TEXT)


def not_found(what: str) -> ApiError:
    """No such record or address; the exact body is not in any source (assumed)."""
    return plain(404, "NotFound", f"{what} not found")
