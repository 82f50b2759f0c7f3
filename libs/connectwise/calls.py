"""Signed calls of one site's API: discovery, version and sign-in in one place."""

from collections.abc import Mapping
from random import Random
from typing import Any

from connectwise.discovery import Discovery
from httpkit import Answer, ApiError, Clock, HttpClient, NotAdmitted, Outcome, RetryPolicy
from httpkit.clock import sleep
from httpkit.retry import can_be_repeated

_REDIRECTS = range(300, 400)
_NOT_FOUND = 404


class Calls:
    """What resources need to call the API; paths are relative to the API's base path."""

    def __init__(self, http: HttpClient, discovery: Discovery, *, retry: RetryPolicy, clock: Clock) -> None:
        self._http = http
        self._discovery = discovery
        self._retry = retry
        self._clock = clock
        self._random = Random()  # noqa: S311 - jitter

    @property
    def attempts(self) -> int:
        """How often a call that may be repeated is made at most."""
        return self._retry.attempts

    def now(self) -> float:
        """Seconds of the clock that `left` counts by."""
        return self._clock.now()

    def left(self, admit_within: float | None, since: float) -> float | None:
        """What is left of the time in which a call must be let out.

        Raises:
            NotAdmitted: nothing.
        """
        if admit_within is None:
            return None
        left = admit_within - (self._clock.now() - since)
        if left < 0:
            raise NotAdmitted("call_budget_spent", "What had to be asked before took longer than the call may wait.")
        return left

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
        self, method: str, path: str, body: Any = None, *, attempts: int = 1, admit_within: float | None = None
    ) -> Answer:
        """POST, PATCH or DELETE; a moved API is looked up for the next call, this one is not repeated by it."""
        began = self._clock.now()
        base = await self._discovery.base_path()
        try:
            return await self._http.request(
                method,
                base + path,
                json=body,
                attempts=attempts,
                admit_within=self.left(admit_within, began),
                endpoint=_template(path),
            )
        except ApiError as error:
            await self._has_moved(base, error)
            raise

    async def delete(self, path: str, *, attempts: int | None = None, admit_within: float | None = None) -> None:
        """DELETE, repeated while nobody knows what became of it.

        A 404 on a repeat after a lost answer means done: the first one had its effect. As a 404 can also mean a refused
        key or a moved API, it is believed only after the list that held the record has been read with that key.
        """
        lost: ApiError | None = None
        allowed = attempts or self._retry.attempts
        for attempt in range(1, allowed + 1):
            try:
                await self.write("DELETE", path, admit_within=admit_within)
            except ApiError as error:
                if lost is not None and error.outcome is Outcome.NOT_FOUND:
                    await self._believe(lost, path)
                    return
                lost = error if error.outcome is Outcome.AMBIGUOUS else lost
                if attempt == allowed or not can_be_repeated(error):
                    if lost is None or lost is error:
                        raise
                    raise lost from error  # the last answer says nothing about the attempt that was lost
                await sleep(self._clock, self._retry.wait(attempt, error, self._random))
            else:
                return

    async def _believe(self, lost: ApiError, path: str) -> None:
        try:
            await self.read(path.rpartition("/")[0], {"pageSize": 1, "fields": "id"})
        except ApiError as error:
            raise lost from error

    async def _get(
        self, base: str, path: str, params: Mapping[str, str | int] | None, headers: Mapping[str, str] | None
    ) -> Answer:
        return await self._http.request("GET", base + path, params=params, headers=headers, endpoint=_template(path))

    async def _has_moved(self, base: str, error: ApiError) -> bool:
        """Whether the API has another base path by now; where it has not, the error says what else there is to do."""
        if error.status is None or not (error.status == _NOT_FOUND or error.status in _REDIRECTS):
            return False
        try:
            moved = await self._discovery.has_moved(base)
        except ApiError:
            moved = False  # the call's own error says more; a later call asks again
        if not moved:
            error.message = f"{error.message.rstrip('. ')}. {self._advice(error.status)}".rstrip()
        return moved

    def _advice(self, status: int) -> str:
        if status in _REDIRECTS:
            return "It sends callers to another address; keys are not sent there: enter that address if it is yours."
        if self._discovery.is_cloud:  # contract 2.1
            return "The cloud also says this to a key it refuses: if the record exists, check the key pair."
        return ""


def _template(path: str) -> str:
    """The path with its ids left out, for metrics."""
    return "/".join("{id}" if part.isdigit() else part for part in path.split("/"))
