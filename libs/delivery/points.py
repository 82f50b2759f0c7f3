"""Every point where a process may die or stand still and the promise must hold.

The fault suite goes through all of them, so that a new one cannot be forgotten.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum

from delivery.operations import Operation


class Point(StrEnum):
    """In the order in which an operation meets them; those of a site's owner last."""

    BEFORE_TURN_READ = "before_turn_read"
    AFTER_TURN_READ = "after_turn_read"
    BEFORE_CLAIM = "before_claim"
    """It is about to be claimed, maybe while the one before it is being sent."""
    AFTER_CLAIM = "after_claim"
    """Its claim is committed."""
    BEFORE_GIVE_BACK = "before_give_back"
    """It was claimed ahead, and its turn did not come."""
    BEFORE_SEND = "before_send"
    """The claim was found fresh; nothing is checked between here and the effect's `send`."""
    AFTER_BYTES_SENT = "after_bytes_sent"
    """`send` returned or raised: as near as can be told from this side of it."""
    AFTER_RESPONSE = "after_response"
    """What follows is decided and not yet stored."""
    BEFORE_RESULT_COMMIT = "before_result_commit"
    """Results and claims are written and their commit is not yet sent. Without an operation: it carries many."""
    AFTER_RESULT = "after_result"
    """Its result is committed."""
    IN_TAKEOVER = "in_takeover"
    """The new epoch is written, what the old one left is not yet swept; one transaction."""
    AFTER_TAKEOVER = "after_takeover"
    IN_HAND_OVER = "in_hand_over"
    """The epoch of a site that is given back is cleared, its lock not yet free."""


Hook = Callable[[Point, Operation | None], Awaitable[None]]

hook: Hook | None = None
"""What a test does at a point; None in production."""


async def reached(point: Point, operation: Operation | None = None) -> None:
    """Tell the hook, if there is one."""
    if hook is not None:
        await hook(point, operation)
