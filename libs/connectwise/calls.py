"""Signed calls of one site's API: discovery, version and sign-in in one place."""

from collections.abc import Mapping
from typing import Any

from connectwise.discovery import Discovery
from httpkit import Answer, ApiError, Clock, HttpClient, NotAdmitted


class Calls:
    """What resources need to call the API; paths are relative to the API's base path."""

    def __init__(self, http: HttpClient, discovery: Discovery, *, clock: Clock) -> None:
        self._http = http
        self._discovery = discovery
        self._clock = clock

    async def read(self, path: str, params: Mapping[str, str | int] | None = None, *, forward: bool = False) -> Answer:
        """GET; made once more when the API turns out to have moved."""
        headers = {"pagination-type": "forward-only"} if forward else None
        base = await self._discovery.base_path()
        try:
            return await self._get(base, path, params, headers)
        except ApiError as error:
            if not await self._has_moved(base, error):
                raise
        return await self._get(await self._discovery.base_path(), path, params, headers)

    async def write(
        self, method: str, path: str, body: Any, *, attempts: int, admit_within: float | None = None
    ) -> Answer:
        """POST or PATCH; a moved API is looked up for the next call, this one is not repeated by it."""
        began = self._clock.now()
        base = await self._discovery.base_path()
        if admit_within is not None:
            admit_within -= self._clock.now() - began
            if admit_within < 0:
                raise NotAdmitted("call_budget_spent", "Finding the site's API took longer than the call may wait.")
        try:
            return await self._http.request(
                method,
                base + path,
                json=body,
                attempts=attempts,
                admit_within=admit_within,
                endpoint=_template(path),
            )
        except ApiError as error:
            await self._has_moved(base, error)
            raise

    async def _get(
        self, base: str, path: str, params: Mapping[str, str | int] | None, headers: Mapping[str, str] | None
    ) -> Answer:
        return await self._http.request("GET", base + path, params=params, headers=headers, endpoint=_template(path))

    async def _has_moved(self, base: str, error: ApiError) -> bool:
        if error.status is None or not (error.status == 404 or 300 <= error.status < 400):  # noqa: PLR2004 - HTTP
            return False
        try:
            return await self._discovery.has_moved(base)
        except ApiError:
            return False  # the call's own error says more; a later call asks again


def _template(path: str) -> str:
    """The path with its ids left out, for metrics."""
    return "/".join("{id}" if part.isdigit() else part for part in path.split("/"))
