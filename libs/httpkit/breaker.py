"""A circuit breaker: a peer that is down is asked again now and then, not by everyone all the time."""

from httpkit import metrics
from httpkit.clock import Clock, LoopClock
from httpkit.errors import NotAdmitted
from httpkit.outcome import Outcome

_FAILURES = frozenset({Outcome.NOT_SENT, Outcome.AMBIGUOUS})


class Breaker:
    """Opens after `failures` calls in a row without a proper answer; lets one probe out every `cool_down` seconds.

    A refusal (400, 401, 404, 429) or a redirect is a proper answer: the peer is alive.
    """

    def __init__(
        self, *, failures: int = 5, cool_down: float = 30.0, api: str = "http", clock: Clock | None = None
    ) -> None:
        self._clock = clock or LoopClock()
        self._api = api
        self._limit = failures
        self._cool_down = cool_down
        self._failed = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused or only probed."""
        return self._opened_at is not None

    def enter(self) -> None:
        """Ask to make a call; each call that enters ends with `settle` or `abandon`.

        Raises:
            NotAdmitted: the peer is considered down.
        """
        if self._opened_at is None:
            return
        wait = self._opened_at + self._cool_down - self._clock.now()
        if wait > 0 or self._probing:
            raise _Open(wait)
        self._probing = True

    def settle(self, outcome: Outcome) -> None:
        """Take the outcome of a call into account."""
        self._probing = False
        if outcome not in _FAILURES:
            self._failed = 0
            self._opened_at = None
            return
        self._failed += 1
        if self._failed >= self._limit:
            if self._opened_at is None:
                metrics.BREAKER_OPENED.labels(self._api).inc()
            self._opened_at = self._clock.now()

    def abandon(self, reason: BaseException) -> None:
        """The call was given up without an outcome; if it was the probe, the next one may probe."""
        if not isinstance(reason, _Open):
            self._probing = False


class _Open(NotAdmitted):
    def __init__(self, wait: float) -> None:
        super().__init__(
            "site_unreachable", "The site has not answered several calls in a row.", retry_after=max(wait, 1.0)
        )
