"""What a service is made of: its parts wired, nothing opened."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Protocol

from fastapi import APIRouter
from starlette.types import ASGIApp

from contracts.topics import Topic
from messaging import Consumer, Handler
from servicekit.settings import ServiceSettings
from storage import Database


class Worker(Protocol):
    """Something that works beside handlers and routes."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, finish what is in hand, return. Raising ends the process."""
        ...


class Closes(Protocol):
    """Something opened on the way that is closed when the process stops."""

    async def aclose(self) -> None:
        """Close it."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """The wired parts. `components` are the modules whose migrations make its schema, in order.

    `front` stands before everything, probes too: the console's gateway.
    """

    name: str
    settings: ServiceSettings
    db: Database
    router: APIRouter
    components: Sequence[ModuleType]
    copies: Sequence[Topic[Any]] = ()
    handlers: Mapping[Topic[Any], Handler] = field(default_factory=dict)
    workers: Sequence[Worker] = ()
    closes: Sequence[Closes] = ()
    largest_body: int = 1_048_576
    front: Callable[[ASGIApp], ASGIApp] | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)

    def consumers(self) -> list[Consumer]:
        """One for each topic that is copied or handled."""
        topics = dict.fromkeys((*self.copies, *self.handlers))
        return [
            Consumer(self.db, self.name, topic, self.handlers.get(topic), copy=topic in self.copies) for topic in topics
        ]
