"""The base path of a site's API, which changes with every upgrade of the vendor's cloud (contract 2.2)."""

import asyncio
import re
from urllib.parse import quote

from httpkit import ApiError, Clock, HttpClient, LoopClock, Outcome

_CODEBASE = re.compile(r"[A-Za-z0-9_.]{1,40}")
# A stale codebase answers 404, and so does every record that is gone: asking once a minute finds a move soon enough.
_SECONDS_BETWEEN = 60.0


class Discovery:
    """Asks the site's company info for its codebase, once, and again when the API seems to have moved.

    Company info needs no sign-in, so none is sent.
    """

    def __init__(self, http: HttpClient, company_id: str, *, clock: Clock | None = None) -> None:
        self._http = http
        self._path = f"/login/companyinfo/{quote(company_id, safe='')}"
        self._clock = clock or LoopClock()
        self._lock = asyncio.Lock()
        self._base_path: str | None = None
        self._asked_at = float("-inf")

    async def base_path(self) -> str:
        """The path under which the API answers, such as `/v2025_1/apis/3.0`.

        Raises:
            ApiError: `CONFIG` when the site has no such company; `NOT_SENT` when it could not be asked, as the call
                that needed the path has then not been made.
        """
        async with self._lock:
            if self._base_path is None:
                self._base_path = await self._ask()
            return self._base_path

    async def has_moved(self, base_path: str) -> bool:
        """Ask again, at most once a minute; whether the base path is now another one than the caller used."""
        async with self._lock:
            if self._base_path == base_path and self._clock.now() - self._asked_at >= _SECONDS_BETWEEN:
                self._base_path = await self._ask()
            return self._base_path != base_path

    async def _ask(self) -> str:
        self._asked_at = self._clock.now()
        try:
            answer = await self._http.request("GET", self._path, endpoint="/login/companyinfo/{company}")
        except ApiError as error:
            raise _unreachable(error) from error
        if answer.json is None:
            raise ApiError(Outcome.CONFIG, "company_unknown", "The site does not know this company id.", status=200)
        codebase = answer.json.get("Codebase") if isinstance(answer.json, dict) else None
        codebase = codebase.strip("/") if isinstance(codebase, str) else ""
        if not _CODEBASE.fullmatch(codebase) or ".." in codebase:
            raise ApiError(Outcome.CONFIG, "not_connectwise", "This address does not answer like a ConnectWise site.")
        return f"/{codebase}/apis/3.0"


def _unreachable(error: ApiError) -> ApiError:
    """What a failed question for company info means for the call that waited for it."""
    outcomes = {
        Outcome.AMBIGUOUS: Outcome.NOT_SENT,
        Outcome.NOT_FOUND: Outcome.CONFIG,
        Outcome.REJECTED: Outcome.CONFIG,
    }
    return ApiError(
        outcomes.get(error.outcome, error.outcome),
        error.code,
        error.message,
        status=error.status,
        request_id=error.request_id,
        retry_after=error.retry_after,
        call=error.call,
    )
