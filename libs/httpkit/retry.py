"""When a safe call is made again, and how long it waits before."""

from dataclasses import dataclass
from random import Random

from httpkit.errors import ApiError, NotAdmitted
from httpkit.outcome import Outcome

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

_REPEATABLE = frozenset({Outcome.NOT_SENT, Outcome.THROTTLED, Outcome.AMBIGUOUS})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` in at most `seconds`; waits double from `first_wait` to `longest_wait`, with full jitter.

    The numbers are those the ConnectWise developer guide asks of background jobs, at their cautious end.
    """

    attempts: int = 4
    seconds: float = 120.0
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait(self, attempt: int, error: ApiError, random: Random) -> float:
        """Seconds to wait after the failed attempt of this number (from 1)."""
        longest = min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))
        return (error.retry_after or 0.0) + random.uniform(longest / 2, longest)


class RetryBudget:
    """Retries stay a fraction of the calls, so that a peer in trouble is not buried under ours.

    Each call earns a tenth of a retry; `reserve` of them may be spent without having been earned.
    """

    def __init__(self, reserve: float = 20.0) -> None:
        self._reserve = reserve
        self._left = reserve

    def earn(self) -> None:
        """A call has begun."""
        self._left = min(self._reserve, self._left + 0.1)

    def spend(self) -> bool:
        """Whether a retry may be made; if so, it is paid for."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def can_be_repeated(error: ApiError) -> bool:
    """Whether the same call, made again, could end differently.

    Not after the limiter or the breaker refused (they have waited already), nor after a redirect.
    """
    is_redirect = error.status is not None and 300 <= error.status < 400  # noqa: PLR2004 - class of a status
    return error.outcome in _REPEATABLE and not isinstance(error, NotAdmitted) and not is_redirect
