"""One site's call budget, shared by everything in the process that calls the site."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from httpkit import metrics
from httpkit.clock import Clock, LoopClock, Timer
from httpkit.errors import NotAdmitted

_MINUTE = 60.0
_SHRINK = 0.5  # a 429 halves the rate
_SMALLEST_SHARE = 0.05  # never so slow that recovery could not be noticed
_RECOVERY = 0.5 / 300  # of the full rate per second: what one 429 took is back after five quiet minutes
_HOLD = 10.0  # seconds without a call after a 429 that names none
_LONGEST_HOLD = 300.0  # a peer's Retry-After is obeyed up to here, so that a silly one cannot stop a site for a day


class Limiter:
    """A token bucket with a concurrency cap; callers are served first come, first served.

    In any 60 seconds at most `calls_per_minute` calls are let out. A 429 halves the limiter's own rate, down to 5 %;
    it recovers over minutes. Use from one event loop.
    """

    def __init__(
        self,
        calls_per_minute: int,
        *,
        concurrency: int = 10,
        api: str = "http",
        clock: Clock | None = None,
    ) -> None:
        if calls_per_minute < 1 or concurrency < 1:
            raise ValueError("calls_per_minute and concurrency are at least 1")
        self._clock = clock or LoopClock()
        self._waits = metrics.LIMITER_WAIT.labels(api)
        self._shrinks = metrics.LIMITER_SHRUNK.labels(api)
        self._concurrency = concurrency
        # Bucket and refill of one minute together stay within the limit, hence the bucket is small.
        self._bucket = max(1, calls_per_minute // 50)
        self._rate = max(1, calls_per_minute - self._bucket) / _MINUTE
        self._tokens = float(self._bucket)
        self._refilled_at: float | None = None
        self._share = 1.0
        self._shrunk_at = float("-inf")
        self._held_until = float("-inf")
        self._running = 0
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()  # oldest first
        self._timer: Timer | None = None

    @property
    def share(self) -> float:
        """The part of the full rate that is used now, 1.0 unless the peer has throttled us lately."""
        recovered = max(0.0, self._clock.now() - max(self._held_until, self._shrunk_at)) * _RECOVERY
        return min(1.0, self._share + recovered) if self._share < 1.0 else 1.0

    @asynccontextmanager
    async def admitted(self, within: float) -> AsyncIterator[None]:
        """Wait for a turn of at most `within` seconds and hold one of the concurrent places during the block.

        Raises:
            NotAdmitted: no turn came in time; nothing was sent.
        """
        asked = self._clock.now()
        await self._turn(within)
        self._waits.observe(self._clock.now() - asked)
        try:
            yield
        finally:
            self._running -= 1
            self._serve()

    def throttled(self, *, sent_at: float, retry_after: float | None) -> None:
        """The peer answered 429 to a call let out at `sent_at`: hold all calls, and slow down.

        Calls that were under way together shrink the rate once.
        """
        now = self._clock.now()
        share = self.share
        hold = _HOLD if retry_after is None else min(retry_after, _LONGEST_HOLD)
        if sent_at >= self._shrunk_at:
            self._share = max(_SMALLEST_SHARE, share * _SHRINK)
            self._shrunk_at = now
            self._shrinks.inc()
        self._held_until = max(self._held_until, now + hold)
        self._tokens = 0.0
        self._refilled_at = self._held_until
        self._serve()

    async def _turn(self, within: float) -> None:
        if not self._waiting and self._take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        self._serve()
        limit = self._clock.call_at(self._clock.now() + within, lambda: self._refuse(turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back()
            raise
        finally:
            limit.cancel()
            self._waiting.pop(turn, None)
            self._serve()

    def _refuse(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            wait = max(self._held_until - self._clock.now(), 0.0)
            turn.set_exception(
                NotAdmitted("call_budget_spent", "Too many calls are waiting for this site.", retry_after=wait)
            )

    def _serve(self) -> None:
        """Let out whoever may go, oldest first, and arrange to look again when the next token is there."""
        while self._waiting and self._take():
            turn, _ = self._waiting.popitem(last=False)
            if turn.done():
                self._give_back()
            else:
                turn.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._running < self._concurrency:
            self._timer = self._clock.call_at(self._next_token(), self._serve)

    def _take(self) -> bool:
        """Take a token and a place, if there are."""
        self._refill()
        if self._tokens < 1 or self._running >= self._concurrency or self._clock.now() < self._held_until:
            return False
        self._tokens -= 1
        self._running += 1
        return True

    def _give_back(self) -> None:
        """What a caller took who left without a call is for the next one."""
        self._tokens = min(float(self._bucket), self._tokens + 1)
        self._running -= 1

    def _refill(self) -> None:
        now = self._clock.now()
        if self._refilled_at is None:
            self._refilled_at = now
        passed = now - self._refilled_at
        if passed > 0:
            self._tokens = min(float(self._bucket), self._tokens + passed * self._rate * self.share)
            self._refilled_at = now

    def _next_token(self) -> float:
        start = max(self._clock.now(), self._refilled_at or 0.0)
        return start + max(1 - self._tokens, 0.001) / (self._rate * self.share)
