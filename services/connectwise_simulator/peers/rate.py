"""How many calls a minute a site answers: a token bucket, in real time, as the service in front counts them.

Off unless a site's knob says otherwise: the contract knows only that beyond 1,000 a minute refusals become likely.
"""

import math
import time
from collections.abc import Callable

from connectwise_simulator.site import Site

MINUTE = 60.0


class Bucket:
    """Tokens for calls: as many at once as it holds, then so many a minute."""

    def __init__(self, per_minute: int, holds: int, now: float) -> None:
        self.per_minute = per_minute
        self.holds = holds
        self._tokens = float(holds)
        self._filled = now

    def take(self, now: float) -> float:
        """Take a token: 0, or the seconds until there is one; a refused call costs nothing."""
        self._tokens = min(self.holds, self._tokens + (now - self._filled) * self.per_minute / MINUTE)
        self._filled = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) * MINUTE / self.per_minute


class Rates:
    """The buckets of all sites; a site whose knobs change gets a full one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def wait(self, site: Site, per_minute: int) -> int:
        """0 if the site takes one more call, else the whole seconds to wait for `Retry-After`."""
        holds = site.knobs.calls_at_once or per_minute
        bucket = self._buckets.get(site.company_id)
        if bucket is None or (bucket.per_minute, bucket.holds) != (per_minute, holds):
            bucket = self._buckets[site.company_id] = Bucket(per_minute, holds, self._clock())
        return math.ceil(bucket.take(self._clock()))
