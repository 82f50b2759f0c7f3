"""The base path of a site's API, which changes with every upgrade of the vendor's cloud (contract 2.2)."""

import asyncio
import re
from urllib.parse import quote

from pydantic import ConfigDict
from pydantic.alias_generators import to_pascal

from connectwise.models.base import Record
from httpkit import ApiError, Clock, HttpClient, LoopClock, Outcome

_CALL = "/login/companyinfo/{company}"
_CODEBASE = re.compile(r"[A-Za-z0-9_.]{1,40}")
_ON_PREMISE = "v4_6_release"
_NOT_FOUND = 404
# How long is not looked again after looking in vain. A redirect, or a 404 where no record can be missing, is a clear
# sign, but a refused key makes every call of the cloud such a 404. On a record's address a 404 is nothing unusual.
_SECONDS_AFTER_CLEAR_SIGN = 5.0
_SECONDS_AFTER_FAINT_SIGN = 60.0


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

    Company info needs no sign-in, so none is sent. It is one question of all who wait for it: each waits as long as it
    may, and the question goes on without those who could not.
    """

    def __init__(self, http: HttpClient, company_id: str, *, clock: Clock | None = None) -> None:
        self._http = http
        self._company_id = company_id
        self._clock = clock or LoopClock()
        self._asking: asyncio.Task[CompanyInfo] | None = None
        self._info: CompanyInfo | None = None
        self._base_path: str | None = None
        self._in_vain_at: dict[bool, float] = {}

    @property
    def is_cloud(self) -> bool:
        """Whether the site has said that it is one of the vendor's cloud, at least by its codebase (contract 2.2)."""
        if self._info is None:
            return False
        if self._info.is_cloud is None:
            return str(self._info.codebase).strip("/") != _ON_PREMISE
        return self._info.is_cloud

    async def base_path(self, within: float | None = None) -> str:
        """The path under which the API answers, such as `/v2025_1/apis/3.0`, found in at most `within` seconds.

        Raises:
            ApiError: `CONFIG` when the site has no such company; `NOT_SENT` when it could not be asked, or not in time,
                as the call that needed the path has then not been made.
        """
        if self._base_path is None:
            await self._answer(within)
        return str(self._base_path)

    async def company_info(self) -> CompanyInfo:
        """Company info as the site gives it now.

        Raises:
            ApiError: as `base_path`.
        """
        return await self._answer(None)

    async def has_moved(self, base_path: str, *, is_clear: bool, within: float) -> bool:
        """Whether the base path is another one than the caller used; asks again, but not soon after asking in vain.

        `is_clear`: what the caller was answered is no answer of an API that has stayed where it was.

        Raises:
            ApiError: as `base_path`.
        """
        if self._base_path == base_path and (self._asking is not None or self._may_ask(is_clear=is_clear)):
            await self._answer(within)
        if self._base_path != base_path:
            self._in_vain_at.clear()
        return self._base_path != base_path

    async def aclose(self) -> None:
        """Give up the question that is under way; those who wait for it are told."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    def _may_ask(self, *, is_clear: bool) -> bool:
        """Whether it is time to look again; if so, this look counts as one in vain until it has found something."""
        now = self._clock.now()
        wait = _SECONDS_AFTER_CLEAR_SIGN if is_clear else _SECONDS_AFTER_FAINT_SIGN
        if now - self._in_vain_at.get(is_clear, float("-inf")) < wait:
            return False
        self._in_vain_at[is_clear] = now
        return True

    async def _answer(self, within: float | None) -> CompanyInfo:
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._answered)
        asking = self._asking
        await asyncio.wait([asking], timeout=within)
        if not asking.done() or asking.cancelled():
            raise ApiError(
                Outcome.NOT_SENT,
                "discovery_deadline_passed",
                "The site did not say in time where its API is; the call was not made.",
                call=f"GET {_CALL}",
            )
        return asking.result()

    def _answered(self, asking: asyncio.Task[CompanyInfo]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # taken, in case all who waited have left

    async def _ask(self) -> CompanyInfo:
        path = f"/login/companyinfo/{quote(self._company_id, safe='')}"
        try:
            answer = await self._http.request("GET", path, endpoint=_CALL)
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
            info = CompanyInfo.read(answer.json, request_id=answer.request_id, call=_CALL)
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
