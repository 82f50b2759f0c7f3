"""How long nothing is decided about what may have had its effect, on this owner's boot clock."""

from collections import defaultdict

from contracts.values import SiteId
from delivery.effect import Lane


class Quarantine:
    """Since when this owner has known that an operation is in doubt, by lane and `seq`.

    By `seq`, since two tenants may have the same key. A jump of the wall clock changes nothing.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: dict[Lane, dict[int, float]] = defaultdict(dict)

    def __len__(self) -> int:
        return sum(map(len, self._since.values()))

    def begin(self, lane: Lane, seq: int, now: float) -> None:
        """It is in doubt; where that is known, it stays as it is."""
        self._since[lane].setdefault(seq, now)

    def begin_again(self, lane: Lane, seq: int, now: float) -> None:
        """It is in doubt, and what a read said of it could not be stored."""
        self._since[lane][seq] = now

    def end(self, lane: Lane, seq: int) -> None:
        """It is in doubt no longer, or is sent again."""
        if lane in self._since:
            self._since[lane].pop(seq, None)
            if not self._since[lane]:
                del self._since[lane]

    def waiting(self, lane: Lane, now: float) -> list[int]:
        """What in the lane still waits."""
        return [seq for seq, since in self._since.get(lane, {}).items() if now - since < self.seconds]

    def ends_in(self, lane: Lane, now: float) -> float | None:
        """In how many seconds the first that waits has waited enough; None where none waits."""
        left = [self.seconds - (now - since) for since in self._since.get(lane, {}).values()]
        return min((seconds for seconds in left if seconds > 0), default=None)

    def forget(self, site_id: SiteId) -> None:
        """The site is no longer ours: its next owner waits anew."""
        for lane in [lane for lane in self._since if lane.site_id == site_id]:
            del self._since[lane]
