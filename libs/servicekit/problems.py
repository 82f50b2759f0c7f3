"""Errors as people and programs see them: problem+json with a stable code, never an internal detail."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from storage import is_lost_connection, refused_data

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 (the standard's word for it, RFC 9457)
    """An answer other than the one hoped for: what happened, where, why, what to do."""

    def __init__(self, status: int, code: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.more = more


def _answer(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)


def answer(problem: Problem) -> JSONResponse:
    """The problem as it is answered."""
    return _answer(problem.status, problem.code, problem.detail, **problem.more)


async def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 (registered for it only)
    return answer(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for it only)
    # What was sent is not repeated: it may hold a secret.
    fields = [{"field": ".".join(str(part) for part in e["loc"]), "rule": e["msg"]} for e in error.errors()]
    said = "; ".join(f"{field['field']}: {field['rule']}" for field in fields)
    return _answer(422, "invalid", said, fields=fields)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it only)
    return _answer(error.status_code, "http", str(error.detail))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    if refused_data(error) is not None:
        return _answer(422, "invalid", "the database refuses a value of this request, such as a NUL character")
    if is_lost_connection(error):
        return _answer(503, "unavailable", "the database does not answer; nothing was changed; try again")
    log.error("request.failed", path=request.url.path, exc_info=error)
    return _answer(500, "internal", "this is our defect; the service's log has the details under its time and path")


def install(app: FastAPI) -> None:
    """Have the app answer every error this way."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
