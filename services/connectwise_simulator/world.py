"""Everything one process holds: sites, what happened to them, what is to go wrong, and who called how often."""

import asyncio
from collections import Counter

from connectwise_simulator.faults import Faults
from connectwise_simulator.history import History
from connectwise_simulator.journal import Journal
from connectwise_simulator.site import Site


class World:
    """The state behind the server. Only the event loop touches it, so nothing is locked."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.journal = Journal()
        self.history = History(self.journal)
        self.faults = Faults()
        self.calls: Counter[tuple[str, str, str]] = Counter()  # (site, method, route)
        self.latency = 0.0  # seconds before every API answer
        self.late: set[asyncio.Task[None]] = set()  # calls that are applied after their answer

    def site(self, company_id: str) -> Site | None:
        """A site by its company id, in any case."""
        return self.sites.get(company_id.lower())
