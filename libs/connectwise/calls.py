"""Signed calls of one site's API: discovery, version and sign-in in one place."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from connectwise.discovery import Discovery
from connectwise.regions import may_be_cloud
from httpkit import Answer, ApiError, Clock, HttpClient, NotAdmitted, Outcome, RetryPolicy

_REDIRECTS = range(300, 400)
_FORBIDDEN = 403
_NOT_FOUND = 404
_NO_TLS = "SSL is required"
_MOVED = "api_moved"


class Calls:
    """What resources need to call the API; paths are relative to the API's base path."""

    def __init__(self, http: HttpClient, discovery: Discovery, *, retry: RetryPolicy, clock: Clock) -> None:
        self._http = http
        self._api_url = http.base_url
        self._discovery = discovery
        self._retry = retry
        self._clock = clock

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

    async def read(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        forward: bool = False,
        attempts: int | None = None,
        admit_within: float | None = None,
    ) -> Answer:
        """GET; unless in one attempt, made once more when the API turns out to have moved."""
        headers = {"pagination-type": "forward-only"} if forward else None
        get = partial(
            self._made, "GET", path, params=params, headers=headers, attempts=attempts, admit_within=admit_within
        )
        try:
            return await get()
        except ApiError as error:
            if error.code != _MOVED or attempts == 1:
                raise
        return await get()

    async def write(
        self, method: str, path: str, body: Any = None, *, attempts: int = 1, admit_within: float | None = None
    ) -> Answer:
        """POST or PATCH; a moved API is looked up for the next call, this one is not repeated by it.

        Raises:
            ApiError: of the last attempt, unless it says nothing about one before that was lost.
        """
        try:
            return await self._made(method, path, json=body, attempts=attempts, admit_within=admit_within)
        except ApiError as error:
            _raise_in_doubt(error)
            raise

    async def delete(self, path: str, *, attempts: int | None = None, admit_within: float | None = None) -> None:
        """DELETE, repeated while nobody knows what became of it.

        A 404 on a repeat after a lost answer means done: the first one had its effect. As a 404 can also mean a refused
        key or a moved API, it is believed only where the API has not moved, and after the list that held the record has
        been read with that key.
        """
        try:
            await self._made("DELETE", path, attempts=attempts, admit_within=admit_within)
        except ApiError as error:
            if error.lost is not None and error.outcome is Outcome.NOT_FOUND and error.code != _MOVED:
                await self._believe(error.lost, path)
                return
            _raise_in_doubt(error)
            raise

    async def _believe(self, lost: ApiError, path: str) -> None:
        listed = {"pageSize": 1, "fields": "id"}
        try:  # where the deletion was sent: that an API has moved there says nothing about the record
            await self._made("GET", path.rpartition("/")[0], attempts=None, admit_within=None, params=listed)
        except ApiError as error:
            raise lost from error

    async def _made(
        self, method: str, path: str, *, attempts: int | None, admit_within: float | None, **request: Any
    ) -> Answer:
        """The call at the API's present address, which is looked for inside the call's own time."""
        began = self._clock.now()
        within = self._http.deadline if admit_within is None else min(admit_within, self._http.deadline)
        base = await self._discovery.base_path(within)
        try:
            return await self._http.request(
                method,
                base + path,
                attempts=attempts,
                admit_within=self.left(admit_within, began),
                since=began,
                endpoint=_template(path),
                **request,
            )
        except ApiError as error:
            # A call in one attempt has one deadline; one that was repeated may have used up several.
            since = began if attempts == 1 else self._clock.now()
            await self._explain(base, path, error, max(self._http.deadline - (self._clock.now() - since), 0.0))
            raise

    async def _explain(self, base: str, path: str, error: ApiError, within: float) -> None:
        """Have the error say whether the API has moved; where it has not, what else there is to do."""
        if await self._has_moved(base, path, error, within):
            error.code = _MOVED
            advice = "The site's API has moved; the next call goes to where it is now."
        else:
            advice = self._advice(error)
        if advice:
            error.message = f"{error.message.rstrip('. ')}. {advice}"

    async def _has_moved(self, base: str, path: str, error: ApiError, within: float) -> bool:
        is_redirect = error.status in _REDIRECTS
        if not is_redirect and error.status != _NOT_FOUND:
            return False
        # On a path without an id no record can be missing.
        is_clear = is_redirect or "{id}" not in _template(path)
        try:
            return await self._discovery.has_moved(base, is_clear=is_clear, within=within)
        except ApiError:
            return False  # the call's own error says more; a later call asks again

    def _advice(self, error: ApiError) -> str:
        lacks_tls = error.status == _FORBIDDEN and _NO_TLS in error.message  # what the cloud's other hosts say
        is_elsewhere = error.status == _NOT_FOUND or error.status in _REDIRECTS or lacks_tls
        if is_elsewhere and self._discovery.is_cloud and not may_be_cloud(self._api_url):  # contract 2.2
            return "It says that it is in the vendor's cloud: enter its address there, such as na.myconnectwise.net."
        if error.status in _REDIRECTS:
            return "It sends callers to another address; keys are not sent there: enter that address if it is yours."
        if error.status == _NOT_FOUND and self._discovery.is_cloud:  # contract 2.1
            return "The cloud also says this to a key it refuses: if the record exists, check the key pair."
        return ""


def _raise_in_doubt(error: ApiError) -> None:
    """The last answer says nothing about an attempt before it that was lost."""
    if error.lost is not None and error.outcome is not Outcome.AMBIGUOUS:
        raise error.lost from error


def _template(path: str) -> str:
    """The path with its ids left out, for metrics."""
    return "/".join("{id}" if part.isdigit() else part for part in path.split("/"))
