"""The console's API as seen from outside: one address, one token, one tenant."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx

AnswerT = TypeVar("AnswerT")

_CHUNK = 256 * 1024
# The gateway gives a service 60 s.
_ANSWER_SECONDS = 75.0
_CONNECT_SECONDS = 10.0
# A restart takes some seconds; what is away for longer is down.
_AWAY_SECONDS = 30.0
_PAGE = 200
_OK_BELOW = 400
_PASSING = frozenset({0, 502, 503, 504})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class ApiProblem(Exception):  # noqa: N818 (the standard's word for it, RFC 9457)
    """An answer other than the one hoped for. `status` is 0 where the console cannot be reached at all."""

    def __init__(self, status: int, code: str, detail: str, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.more = dict(more or {})

    @property
    def may_pass(self) -> bool:
        """Whether the same question may be answered a little later."""
        return self.status in _PASSING


class Client:
    """Calls the console. Paths are whole: `/v1/invoice-push/lines`. Query members that are None are left out.

    Raises:
        ApiProblem: for every answer that is not a success, and where there is none.
    """

    def __init__(self, url: str, token: str, tenant: str = "", *, answer_seconds: float = _ANSWER_SECONDS) -> None:
        self.url = url.rstrip("/")
        self.tenant = tenant
        self._token = token
        self._answer_seconds = answer_seconds
        self._http = httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {token}", **({"x-tenant": tenant} if tenant else {})},
            timeout=httpx.Timeout(answer_seconds, connect=_CONNECT_SECONDS),
            # A proxy of the environment stands between this machine and others, not before this machine itself.
            trust_env=urlsplit(self.url).hostname not in _LOOPBACK,
        )

    def of_tenant(self, tenant: str) -> "Client":
        """The same for another tenant; for operators."""
        return Client(self.url, self._token, tenant, answer_seconds=self._answer_seconds)

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a question."""
        return self._ask("GET", path, params=_query(query))

    def post(self, path: str, json: Any = None, **query: Any) -> Any:
        """The answer to a command."""
        return self._ask("POST", path, params=_query(query), json=json)

    def put(self, path: str, json: Any) -> Any:
        """What was saved."""
        return self._ask("PUT", path, json=json)

    def delete(self, path: str) -> Any:
        """What became of it; None where nothing is said."""
        return self._ask("DELETE", path)

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page after page."""
        size = query.pop("size", _PAGE)
        after: str | None = None
        while True:
            page = self.get(path, **query, size=size, after=after)
            yield from page["items"]
            after = page.get("next")
            if not after:
                return

    def upload(self, path: str, source: Path, sent: Callable[[int], None] = lambda _: None, **query: Any) -> Any:
        """Send a file as the request's body, in pieces; `sent` is told how many bytes each had. OSError without it."""
        size = source.stat().st_size

        def pieces() -> Iterator[bytes]:
            with source.open("rb") as opened:
                while piece := opened.read(_CHUNK):
                    yield piece
                    sent(len(piece))

        headers = {"content-length": str(size), "content-type": "application/octet-stream"}
        return self._ask("POST", path, params=_query(query), content=pieces(), headers=headers)

    def until(self, ask: Callable[[], AnswerT | None], within: float, what: str = "the answer") -> AnswerT:
        """Ask until the answer is not None. A console or service that is away for a moment is waited for.

        Raises:
            ApiProblem: `not_in_time` after `within` seconds, or the problem that was answered for too long.
        """
        end, pause = time.monotonic() + within, 0.1
        patient_until = end
        while True:
            try:
                answer = ask()
                problem = ApiProblem(504, "not_in_time", f"{what}: not there after {within:.0f} s")
                patient_until = end
            except ApiProblem as error:
                if not error.may_pass:
                    raise
                problem, answer = error, None
                patient_until = min(patient_until, time.monotonic() + _AWAY_SECONDS)
            if answer is not None:
                return answer
            if time.monotonic() >= min(end, patient_until):
                raise problem
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, path, **more)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ApiProblem(0, "unreachable", f"the console cannot be reached at {self.url}") from error
        except httpx.TimeoutException as error:
            said = f"the console at {self.url} did not answer in time; it may still do what was asked"
            raise ApiProblem(504, "silent", said) from error
        except httpx.HTTPError as error:
            raise ApiProblem(0, "broke_off", f"the console at {self.url} broke off: {type(error).__name__}") from error
        if answer.status_code >= _OK_BELOW:
            raise _problem(answer)
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            raise ApiProblem(502, "not_the_console", f"what answers at {self.url} is not a console") from error


def segment(text: str) -> str:
    """A value as one segment of a path, whatever it contains."""
    return quote(text, safe="")


def _problem(answer: httpx.Response) -> ApiProblem:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "detail" not in body:
        return ApiProblem(answer.status_code, "http", f"{answer.url.path}: HTTP {answer.status_code}")
    known = {"type", "status", "code", "detail"}
    more = {name: value for name, value in body.items() if name not in known}
    return ApiProblem(answer.status_code, str(body.get("code", "http")), str(body["detail"]), more)


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}
