"""One OpenAPI document of everything that can be reached through the console."""

import asyncio
import json
import time
from typing import Any

from fastapi import FastAPI

from console.gateway import Gateway

_KEPT_SECONDS = 60.0
# Not all of it: a service that was starting is asked again soon.
_KEPT_PARTIAL_SECONDS = 5.0
_WITHIN_SECONDS = 5.0
_SCHEMAS = "#/components/schemas/"


class Documents:
    """The services' documents, merged, kept for a minute."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._merged: dict[str, Any] | None = None
        self._kept_until = 0.0
        self._lock = asyncio.Lock()

    async def merged(self, console: FastAPI) -> dict[str, Any]:
        """The document; `x-missing` lists services that did not answer."""
        async with self._lock:
            if self._merged is None or time.monotonic() >= self._kept_until:
                names = self._gateway.services
                found = dict(zip(names, await asyncio.gather(*map(self._of, names)), strict=True))
                self._merged = merge({"console": console.openapi(), **found})
                missing = self._merged["x-missing"]
                self._kept_until = time.monotonic() + (_KEPT_PARTIAL_SECONDS if missing else _KEPT_SECONDS)
            return self._merged

    async def _of(self, service: str) -> dict[str, Any] | None:
        status, body = await self._gateway.fetch(service, "/openapi.json", _WITHIN_SECONDS)
        try:
            found = json.loads(body) if status == 200 else None  # noqa: PLR2004
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


def merge(documents: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    """Several documents as one: schemas are named after their service, as two may call different things `Page`."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for service, document in documents.items():
        if document is None:
            continue
        renamed = _renamed(document, service)
        paths |= {path: item for path, item in renamed.get("paths", {}).items() if path.startswith(f"/v1/{service}/")}
        found = renamed.get("components", {}).get("schemas", {})
        schemas |= {f"{service}.{name}": schema for name, schema in found.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "psabridge", "version": "1"},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "x-missing": [service for service, document in documents.items() if document is None],
    }


def _renamed(value: Any, service: str) -> Any:
    match value:
        case dict():
            return {key: _renamed(inner, service) for key, inner in value.items()}
        case list():
            return [_renamed(inner, service) for inner in value]
        case str() if value.startswith(_SCHEMAS):
            return f"{_SCHEMAS}{service}.{value.removeprefix(_SCHEMAS)}"
        case _:
            return value
