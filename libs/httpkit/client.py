"""Calls of one peer: admitted, bounded, classified, counted, and repeated only where that is safe."""

import asyncio
import re
from collections.abc import Mapping
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import structlog
from yarl import URL

from httpkit import exact_json, metrics
from httpkit.addresses import AddressPolicy
from httpkit.answer import Answer
from httpkit.breaker import Breaker
from httpkit.clock import Clock, LoopClock, sleep
from httpkit.connections import Call, Connections, Departure, NeverLeft
from httpkit.error_bodies import error_of
from httpkit.errors import ApiError, NotAdmitted
from httpkit.limiter import Limiter
from httpkit.outcome import Outcome, classify
from httpkit.retry import SAFE_METHODS, RetryBudget, RetryPolicy, can_be_repeated

_log = structlog.get_logger("httpkit")
_ID_SEGMENT = re.compile(r"(?<=/)(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27})(?=/|$)")
_PATH = re.compile(r"/(?!/)[!-~]*")  # nothing that a request line or a proxy could read as something else

Query = Mapping[str, str | int]


class HttpClient:
    """A peer's HTTP API under one origin.

    `deadline` bounds one attempt from asking the limiter to the last byte; no attempt of a call begins later than
    `retry.seconds` after its first. Redirects are never followed: a redirect is an answer. Opens nothing before the
    first call.
    """

    def __init__(
        self,
        base_url: str,
        *,
        limiter: Limiter,
        breaker: Breaker | None = None,
        api: str = "http",
        headers: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        max_connections: int = 10,
        max_body: int = 32 * 1024 * 1024,
        addresses: AddressPolicy | None = None,
        retry: RetryPolicy | None = None,
        request_id_header: str = "x-request-id",
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._api = api
        self._limiter = limiter
        self.deadline = deadline
        self._retry = retry or RetryPolicy()
        self._budget = RetryBudget()
        self._clock = clock or LoopClock()
        self._breaker = breaker or Breaker(api=api, clock=self._clock)
        self._random = random or Random()  # noqa: S311 - jitter
        self._is_closed = False
        self._connections = Connections(
            headers=headers or {},
            addresses=addresses or AddressPolicy(),
            most=max_connections,
            largest_body=max_body,
            request_id_header=request_id_header,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        attempts: int | None = None,
        admit_within: float | None = None,
        since: float | None = None,
        endpoint: str | None = None,
        expects_json: bool = True,
    ) -> Answer:
        """Make a call and return its 2xx answer, read completely.

        Args:
            method: GET, HEAD, PUT and DELETE are repeated up to the policy's attempts; POST and PATCH are not, and
                POST cannot be.
            path: absolute, already encoded, without a query.
            params: the query; every reserved character is percent-encoded.
            json: a body written by `exact_json`.
            content: a body as it is, instead of `json`.
            headers: of this call.
            attempts: 1 for callers with their own protocol (delivery).
            admit_within: seconds to wait for the limiter, if less than the deadline.
            since: when the call began, by the clock, if something had to be asked before; its times count from there.
            endpoint: the template in metrics and logs; numbers and UUIDs in the path become `{id}` otherwise. Names of
                records in a path need one, lest each makes a time series of its own.
            expects_json: whether a 2xx body that is not JSON counts as unreadable.

        Raises:
            ApiError: any other answer or failure; `outcome` says what is certain of the last attempt, `lost` whether
                one before it is in doubt.
        """
        method = method.upper()
        allowed = self._allowed_attempts(method, attempts)
        call = Call(
            method,
            self._url(path, params),
            endpoint or _ID_SEGMENT.sub("{id}", path),
            headers={**({"content-type": "application/json"} if json is not None else {}), **(headers or {})},
            body=exact_json.dumps(json) if json is not None else content,
            expects_json=expects_json,
        )
        began = attempt_began = self._clock.now() if since is None else since
        lost: ApiError | None = None
        self._budget.earn()
        for attempt in range(1, allowed + 1):
            try:
                return await self._attempt(call, admit_within, attempt_began)
            except ApiError as error:
                error.lost = lost
                lost = error if error.outcome is Outcome.AMBIGUOUS else lost
                wait = self._retry.wait(attempt, error, self._random)
                if (
                    attempt == allowed
                    or self._is_closed
                    or not can_be_repeated(error)
                    or self._clock.now() - began + wait > self._retry.seconds
                    or not self._budget.spend()
                ):
                    raise
                metrics.RETRIES.labels(self._api, error.outcome).inc()
                await sleep(self._clock, wait)
                attempt_began = self._clock.now()
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def aclose(self) -> None:
        """Close all connections; calls under way end, and none is made any more."""
        self._is_closed = True
        await self._connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _allowed_attempts(self, method: str, attempts: int | None) -> int:
        if attempts is None:
            return self._retry.attempts if method in SAFE_METHODS else 1
        if attempts < 1 or (method == "POST" and attempts != 1):
            raise ValueError("a call has at least one attempt, and a POST exactly one")
        return attempts

    def _url(self, path: str, params: Query | None) -> URL:
        if not _PATH.fullmatch(path) or "?" in path or "#" in path:
            raise ValueError("a path is absolute, encoded and has no query")
        # quote, not quote_plus: an encoded blank is unambiguous, a plus is not.
        query = urlencode(params, quote_via=quote, safe="") if params else ""
        return URL(f"{self.base_url}{path}{'?' if query else ''}{query}", encoded=True)

    async def _attempt(self, call: Call, admit_within: float | None, began: float) -> Answer:
        left = max(self.deadline - (self._clock.now() - began), 0.0)
        within = left if admit_within is None else min(admit_within, left)
        try:
            self._breaker.enter()
            async with self._limiter.admitted(within):
                self._refuse_if_closed()
                sent_at = self._clock.now()
                result = await self._exchange(call, max(self.deadline - (sent_at - began), 0.001))
        except NotAdmitted as error:
            error.call = call.name
            self._breaker.abandon(error)
            self._count(call, error.outcome)
            raise
        except asyncio.CancelledError as error:
            self._breaker.abandon(error)
            raise
        return self._judged(call, result, sent_at)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise NotAdmitted("client_closed", "The client has been closed; nothing was sent.")

    async def _exchange(self, call: Call, seconds: float) -> Answer | Exception:
        """Send and read; whatever goes wrong is returned, so that cancellation alone is raised."""
        departure = Departure()
        try:
            async with asyncio.timeout(seconds):
                return await self._connections.answer_to(call, departure)
        except Exception as error:  # noqa: BLE001 - every failure of a call has an outcome
            if departure.has_begun or classify(error) is Outcome.NOT_SENT:
                return error
            never_left = NeverLeft(f"{type(error).__name__} before it was sent")
            never_left.__cause__ = error
            return never_left

    def _judged(self, call: Call, result: Answer | Exception, sent_at: float) -> Answer:
        """Tell breaker, limiter, metrics and log what came of an attempt; return it if it is good."""
        seconds = self._clock.now() - sent_at
        outcome = classify(result)
        metrics.SECONDS.labels(self._api, call.method, call.endpoint).observe(seconds)
        self._count(call, outcome)
        is_redirect = isinstance(result, Answer) and 300 <= result.status < 400  # noqa: PLR2004 - class of a status
        self._breaker.settle(Outcome.OK if is_redirect else outcome)  # whoever sends us elsewhere is not down
        if isinstance(result, Answer):
            if outcome is Outcome.OK:
                return result
            if outcome is Outcome.THROTTLED:
                self._limiter.throttled(sent_at=sent_at, retry_after=result.retry_after)
        error = error_of(result, outcome, call=call.name)
        _log.warning(
            "http.call_failed",
            api=self._api,
            call=error.call,
            outcome=error.outcome,
            status=error.status,
            code=error.code,
            request_id=error.request_id,
            seconds=round(seconds, 3),
        )
        raise error from (result if isinstance(result, Exception) else None)

    def _count(self, call: Call, outcome: Outcome) -> None:
        metrics.CALLS.labels(self._api, call.method, call.endpoint, outcome).inc()
