"""One fault of the suite: a name, and how it is played and judged."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from tests.faults.ground import Case


@dataclass(frozen=True, slots=True)
class Scene:
    """`play` breaks something and judges; the ground it asks for is there when it begins.

    `one_in`: of how many like it the short form plays one; 0: it plays none.
    """

    name: str
    play: Callable[[Case], Awaitable[None]]
    tenants: int = 1
    own_peer: bool = False
    one_in: int = 1

    @property
    def is_in_short_form(self) -> bool:
        """Whether `make test` plays it, too."""
        return self.one_in > 0 and Random(self.name).randrange(self.one_in) == 0  # noqa: S311 (always the same ones)

    def __str__(self) -> str:
        return self.name
