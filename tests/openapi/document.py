"""The published OpenAPI document as a judge of requests and answers.

The document is not part of this repository; where it is not beside it, nothing is judged.
"""

import json
import os
import re
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import OpenAPI
from openapi_core.configurations import Config
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.openapi.deviations import DEVIATIONS, MEDIA, Deviation
from tests.openapi.recording import Exchange

REDIRECTS = range(300, 400)
PLACE = "PSABRIDGE_OPENAPI"  # names another file
USUAL = Path(__file__).parents[2] / "../shared/reference/connectwise/openapi-subset.json"


def place() -> Path:
    """Where the document is expected."""
    return Path(os.environ.get(PLACE) or USUAL).resolve()


@cache
def published() -> dict[str, Any]:
    """The document as it is."""
    return dict(json.loads(place().read_text(encoding="utf-8")))


class Judge:
    """Says what is wrong with an exchange; None if nothing is."""

    def __init__(self, deviations: tuple[Deviation, ...] = DEVIATIONS) -> None:
        self._document = _strict(deepcopy(published()))
        for deviation in deviations:
            deviation.apply(self._document)
        server = urlsplit(self._document["servers"][0]["url"])
        self._host, self._base = f"{server.scheme}://{server.netloc}", server.path
        self._whole = _validator(self._document)
        partial = deepcopy(self._document)
        for schema in partial["components"]["schemas"].values():
            schema.pop("required", None)
        self._partial = _validator(partial)
        self._addresses: dict[str, str] = {_pattern(path): path for path in self._document["paths"]}

    def address(self, path: str, *, exactly: bool) -> str | None:
        """The published address of a path; unless exactly, in any case and with any number of slashes."""
        if not exactly:
            path = re.sub("/+", "/", path)
        for pattern, published_path in self._addresses.items():
            if exactly and re.fullmatch(pattern, path):
                return published_path
            if not exactly and re.fullmatch(pattern.rstrip("/"), path.rstrip("/"), re.IGNORECASE):
                return published_path
        return None

    def fault(self, exchange: Exchange) -> str | None:
        """What is wrong with its answer if it has one, else with its request."""
        return self.request_fault(exchange) if exchange.status is None else self.answer_fault(exchange)

    def request_fault(self, exchange: Exchange) -> str | None:
        """What is wrong with what was asked."""
        address = self.address(exchange.path, exactly=True)
        operation = self._document["paths"].get(address or "", {}).get(exchange.method.lower())
        if operation is None:
            return "no such address or verb"
        known = {_resolved(self._document, parameter)["name"] for parameter in operation.get("parameters", ())}
        unknown = {name for name, _ in parse_qsl(exchange.query, keep_blank_values=True)} - known
        if unknown:
            return f"no such parameters: {sorted(unknown)}"
        try:
            self._whole.validate_request(self._request(exchange, exchange.path))
        except OpenAPIError as error:
            return _said(error)
        return None

    def answer_fault(self, exchange: Exchange) -> str | None:
        """What is wrong with what was answered; a proxy's pages, redirects and unknown addresses are not judged."""
        if exchange.status in REDIRECTS:
            return None
        address = self.address(exchange.path, exactly=False)
        if not exchange.content_type.startswith(MEDIA):
            return None if "html" in exchange.content_type else f"media type {exchange.content_type}"
        if address is None or exchange.method.lower() not in self._document["paths"][address]:
            return None if exchange.status in (401, 403, 404, 405) else "answered, but not published"
        validator = self._partial if "fields=" in exchange.query else self._whole
        answer = MockResponse(exchange.answer, status_code=exchange.status or 0, content_type=exchange.content_type)
        try:
            validator.validate_response(self._request(exchange, _filled(address)), answer)
        except OpenAPIError as error:
            return _said(error)
        return None

    def _request(self, exchange: Exchange, path: str) -> MockRequest:
        return MockRequest(
            self._host,
            exchange.method.lower(),
            self._base + path,
            args=dict(parse_qsl(exchange.query, keep_blank_values=True)),
            headers={"clientId": exchange.headers.get("clientid", "")},
            data=exchange.body or None,
            content_type=exchange.headers.get("content-type", "application/json"),
        )


def _strict(document: dict[str, Any]) -> dict[str, Any]:
    """Members and errors that the document does not declare are faults; it leaves both open."""
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    refused = {"description": "", "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/ErrorResponseMessage"}}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = refused
    return document


def _validator(document: dict[str, Any]) -> OpenAPI:
    # The document itself is not to be judged: some of its path parameters are not declared.
    config = Config(spec_validator_cls=None, extra_media_type_deserializers={MEDIA: _json})
    return OpenAPI.from_dict(document, config=config)


def _json(value: bytes, **_: str) -> Any:
    return json.loads(value)


def _pattern(address: str) -> str:
    """Every id is a number but that of a part of a screen."""
    return re.sub(r"\{\w+\}", r"\\d+", address.replace("{podId}", r"\w+"))


def _filled(address: str) -> str:
    return re.sub(r"\{\w+\}", "1", address)


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _said(error: BaseException) -> str:
    """The innermost of what a validator says."""
    cause = error.__cause__ or error
    errors = getattr(cause, "schema_errors", None)
    if errors:
        return "; ".join(f"{'/'.join(map(str, each.absolute_path))}: {each.message[:200]}" for each in errors)
    return f"{type(cause).__name__}: {cause}"[:300]
