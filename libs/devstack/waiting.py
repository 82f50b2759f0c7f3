import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

POLL = 0.03
"""Seconds between two looks: short beside a start of seconds, long beside a look of a millisecond."""


async def until(look: Callable[[], Awaitable[T | None]], within: float) -> T | None:
    """The first answer of `look` that is neither None nor False, or None when the time is over."""
    deadline = time.monotonic() + within
    while True:
        if answer := await look():
            return answer
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(POLL)


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """All of it at once; the first failure ends the rest and is raised as itself, not inside a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except BaseExceptionGroup as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
