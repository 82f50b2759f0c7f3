"""The base path of a site's API, which changes with every upgrade of the vendor's cloud (contract 2.2)."""

import asyncio
import re
from urllib.parse import quote

from pydantic import ConfigDict
from pydantic.alias_generators import to_pascal

from connectwise.models.base import Record
from httpkit import ApiError, Clock, HttpClient, LoopClock, Outcome

_CODEBASE = re.compile(r"[A-Za-z0-9_.]{1,40}")
_NOT_FOUND = 404
# A stale codebase answers 404, and so does every record that is gone: asking once a minute finds a move soon enough.
_SECONDS_BETWEEN = 60.0


class CompanyInfo(Record):
    """What a site tells everyone about itself and one company id."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=lambda name: "CompanyID" if name == "company_id" else to_pascal(name),
        populate_by_name=True,
    )

    company_name: str | None = None
    company_id: str | None = None
    codebase: str | None = None
    version_code: str | None = None
    version_number: str | None = None
    is_cloud: bool | None = None


class Discovery:
    """Asks the site's company info for its codebase, once, and again when the API seems to have moved.

    Company info needs no sign-in, so none is sent.
    """

    def __init__(self, http: HttpClient, company_id: str, *, clock: Clock | None = None) -> None:
        self._http = http
        self._company_id = company_id
        self._clock = clock or LoopClock()
        self._lock = asyncio.Lock()
        self._info: CompanyInfo | None = None
        self._base_path: str | None = None
        self._asked_at = float("-inf")

    @property
    def is_cloud(self) -> bool:
        """Whether the site has said that it is one of the vendor's cloud."""
        return self._info is not None and bool(self._info.is_cloud)

    async def base_path(self) -> str:
        """The path under which the API answers, such as `/v2025_1/apis/3.0`.

        Raises:
            ApiError: `CONFIG` when the site has no such company; `NOT_SENT` when it could not be asked, as the call
                that needed the path has then not been made.
        """
        async with self._lock:
            if self._base_path is None:
                await self._ask()
            return str(self._base_path)

    async def company_info(self) -> CompanyInfo:
        """Company info as the site gives it now.

        Raises:
            ApiError: as `base_path`.
        """
        async with self._lock:
            return await self._ask()

    async def has_moved(self, base_path: str) -> bool:
        """Ask again, at most once a minute; whether the base path is now another one than the caller used."""
        async with self._lock:
            if self._base_path == base_path and self._clock.now() - self._asked_at >= _SECONDS_BETWEEN:
                await self._ask()
            return self._base_path != base_path

    async def _ask(self) -> CompanyInfo:
        self._asked_at = self._clock.now()
        path = f"/login/companyinfo/{quote(self._company_id, safe='')}"
        call = "/login/companyinfo/{company}"
        try:
            answer = await self._http.request("GET", path, endpoint=call)
        except ApiError as error:
            raise _unreachable(error) from error
        if answer.json is None:
            raise ApiError(
                Outcome.CONFIG,
                "company_unknown",
                "The site does not know this company id: check its spelling, and that the region is yours.",
                status=200,
            )
        try:
            info = CompanyInfo.read(answer.json, request_id=answer.request_id, call=call)
        except ApiError as error:
            raise _foreign() from error
        codebase = (info.codebase or "").strip("/")
        if not _CODEBASE.fullmatch(codebase) or ".." in codebase:
            raise _foreign()
        self._info, self._base_path = info, f"/{codebase}/apis/3.0"
        return info


def _foreign() -> ApiError:
    return ApiError(
        Outcome.CONFIG,
        "not_connectwise",
        "This address does not answer like a ConnectWise site: enter the host that people sign in at.",
    )


def _unreachable(error: ApiError) -> ApiError:
    """What a failed question for company info means for the call that waited for it."""
    outcomes = {
        Outcome.AMBIGUOUS: Outcome.NOT_SENT,
        Outcome.NOT_FOUND: Outcome.CONFIG,
        Outcome.REJECTED: Outcome.CONFIG,
    }
    outcome, message = outcomes.get(error.outcome, error.outcome), error.message
    if error.status is not None and 300 <= error.status < 400:  # noqa: PLR2004 - class of a status
        outcome, message = Outcome.CONFIG, "The address only leads to another one: enter that one, if it is yours."
    elif error.status == _NOT_FOUND:
        message = _foreign().message
    return ApiError(
        outcome,
        error.code,
        message,
        status=error.status,
        request_id=error.request_id,
        retry_after=error.retry_after,
        call=error.call,
    )
