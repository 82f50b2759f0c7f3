"""Calls of one peer: admitted, bounded, classified, counted, and repeated only where that is safe."""

import asyncio
import re
from collections.abc import Mapping
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
import structlog

from httpkit import exact_json, metrics
from httpkit.addresses import AddressPolicy
from httpkit.answer import Answer
from httpkit.breaker import Breaker
from httpkit.clock import Clock, LoopClock, sleep
from httpkit.connections import open_connections
from httpkit.error_bodies import error_of
from httpkit.errors import ApiError, NotAdmitted
from httpkit.limiter import Limiter
from httpkit.outcome import Outcome, classify
from httpkit.retry import SAFE_METHODS, RetryBudget, RetryPolicy, can_be_repeated

_log = structlog.get_logger("httpkit")
_NUMBER_SEGMENT = re.compile(r"(?<=/)\d+(?=/|$)")

Query = Mapping[str, str | int]


class HttpClient:
    """A peer's HTTP API under one origin.

    `deadline` bounds one attempt from asking the limiter to the last byte; all attempts of a call together are bounded
    by `retry.seconds`. Redirects are never followed: a redirect is an answer. Opens nothing before the first call.
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
        self._deadline = deadline
        self._max_body = max_body
        self._retry = retry or RetryPolicy()
        self._budget = RetryBudget()
        self._request_id_header = request_id_header
        self._clock = clock or LoopClock()
        self._breaker = breaker or Breaker(api=api, clock=self._clock)
        self._random = random or Random()  # noqa: S311 - jitter
        self._http = open_connections(headers or {}, addresses or AddressPolicy(), max_connections)

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
            endpoint: the template in metrics and logs; numbers in the path become `{id}` otherwise.
            expects_json: whether a 2xx body that is not JSON counts as unreadable.

        Raises:
            ApiError: any other answer or failure; `outcome` says what is certain.
        """
        method = method.upper()
        allowed = self._allowed_attempts(method, attempts)
        template = endpoint or _NUMBER_SEGMENT.sub("{id}", path)
        request = self._http.build_request(
            method,
            self._url(path, params),
            content=exact_json.dumps(json) if json is not None else content,
            headers={**({"content-type": "application/json"} if json is not None else {}), **(headers or {})},
        )
        began = self._clock.now()
        self._budget.earn()
        for attempt in range(1, allowed + 1):
            try:
                answer = await self._attempt(request, template, admit_within, expects_json=expects_json)
            except ApiError as error:
                wait = self._retry.wait(attempt, error, self._random)
                if (
                    attempt == allowed
                    or not can_be_repeated(error)
                    or self._clock.now() - began + wait > self._retry.seconds
                    or not self._budget.spend()
                ):
                    raise
                metrics.RETRIES.labels(self._api, error.outcome).inc()
                await sleep(self._clock, wait)
            else:
                return answer
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

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

    def _url(self, path: str, params: Query | None) -> str:
        if not path.startswith("/") or path.startswith("//") or "?" in path or "#" in path:
            raise ValueError("a path is absolute and has no query")
        # quote, not quote_plus: an encoded blank is unambiguous, a plus is not.
        query = urlencode(params, quote_via=quote, safe="") if params else ""
        return f"{self.base_url}{path}{'?' if query else ''}{query}"

    async def _attempt(
        self, request: httpx.Request, template: str, admit_within: float | None, *, expects_json: bool
    ) -> Answer:
        began = self._clock.now()
        within = self._deadline if admit_within is None else min(admit_within, self._deadline)
        try:
            self._breaker.enter()
            async with self._limiter.admitted(within):
                sent_at = self._clock.now()
                left = max(self._deadline - (sent_at - began), 0.001)
                result = await self._exchange(request, left, expects_json=expects_json)
        except NotAdmitted as error:
            error.call = f"{request.method} {template}"
            self._breaker.abandon(error)
            self._count(request, template, error.outcome)
            raise
        except asyncio.CancelledError as error:
            self._breaker.abandon(error)
            raise
        return self._judged(request, template, result, sent_at)

    def _judged(self, request: httpx.Request, template: str, result: Answer | Exception, sent_at: float) -> Answer:
        """Tell breaker, limiter, metrics and log what came of an attempt; return it if it is good."""
        seconds = self._clock.now() - sent_at
        outcome = classify(result)
        metrics.SECONDS.labels(self._api, request.method, template).observe(seconds)
        self._count(request, template, outcome)
        self._breaker.settle(outcome)
        if isinstance(result, Answer):
            if outcome is Outcome.OK:
                return result
            if outcome is Outcome.THROTTLED:
                self._limiter.throttled(sent_at=sent_at, retry_after=result.retry_after)
        error = error_of(result, outcome, call=f"{request.method} {template}")
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

    def _count(self, request: httpx.Request, template: str, outcome: Outcome) -> None:
        metrics.CALLS.labels(self._api, request.method, template, outcome).inc()

    async def _exchange(self, request: httpx.Request, seconds: float, *, expects_json: bool) -> Answer | Exception:
        """Send and read; whatever goes wrong is returned, so that cancellation alone is raised."""
        try:
            async with asyncio.timeout(seconds):
                response = await self._http.send(request, stream=True)
                try:
                    content = await self._read(response)
                finally:
                    await response.aclose()
        except Exception as error:  # noqa: BLE001 - every failure of a call has an outcome
            return error
        return Answer(
            status=response.status_code,
            headers=response.headers,
            content=content,
            request_id=response.headers.get(self._request_id_header),
            expects_json=expects_json and request.method != "HEAD",
        )

    async def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self._max_body:
                raise BodyTooLarge(f"more than {self._max_body} bytes")
        return bytes(content)


class BodyTooLarge(Exception):  # noqa: N818 - named by the fact
    """The peer sends more than we are ready to keep in memory."""
