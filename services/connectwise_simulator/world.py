"""Everything one process holds: sites, what happened to them, what is to go wrong, and who called how often."""

import asyncio
from collections import Counter
from collections.abc import Callable

from connectwise_simulator.peers.callbacks import Callbacks
from connectwise_simulator.peers.door import DoorOrder
from connectwise_simulator.peers.faults import Faults
from connectwise_simulator.peers.rate import Rates
from connectwise_simulator.site import Site
from connectwise_simulator.state.history import History
from connectwise_simulator.state.journal import Journal


class World:
    """The state behind the server. Only the event loop touches it, so nothing is locked."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.journal = Journal()
        self.history = History(self.journal)
        self.faults = Faults()
        self.rates = Rates()
        self.callbacks = Callbacks(self.sites, self.history, self.journal)
        self.calls: Counter[tuple[str, str, str]] = Counter()  # (site, method, route)
        self.latency = 0.0  # seconds before every API answer
        self.late: set[asyncio.Task[None]] = set()  # calls that are applied after their answer
        self.url = ""  # where it is served
        self.names: frozenset[str] = frozenset()  # by which browsers may ask, beside addresses and localhost
        self.shut: Callable[[DoorOrder], bool] = _not_served

    def begin(self, url: str, shut: Callable[[DoorOrder], bool]) -> None:
        """From now on the world is served there, and what changes in it is delivered."""
        self.url, self.shut = url, shut
        self.callbacks.begin(url)

    async def end(self) -> None:
        """Nothing more is applied or delivered."""
        for task in list(self.late):
            task.cancel()
        await self.callbacks.end()

    def site(self, company_id: str) -> Site | None:
        """A site by its company id, in any case."""
        return self.sites.get(company_id.lower())


def _not_served(_order: DoorOrder) -> bool:
    return False
