"""Every list in pages: a size that is bounded, a cursor that holds while rows are added."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from servicekit.problems import Problem

ItemT = TypeVar("ItemT")
OtherT = TypeVar("OtherT")

LARGEST = 500


class Page(BaseModel, Generic[ItemT]):
    """Some items, and the `after` that asks for the next ones; none is left where it is null."""

    items: Sequence[ItemT]
    next: str | None = None


class Asked:
    """The page that was asked for."""

    def __init__(
        self,
        after: Annotated[str, Query(max_length=300, description="`next` of the page before")] = "",
        size: Annotated[int, Query(ge=1, le=LARGEST)] = 50,
    ) -> None:
        self.after = after
        self.size = size

    @property
    def after_number(self) -> int:
        """The cursor of a list ordered by a number; Problem 422 for one that is none."""
        if not self.after:
            return 0
        if not self.after.isdecimal() or len(self.after) > 18:  # noqa: PLR2004 (what a bigint holds)
            raise Problem(422, "invalid", "after: not a cursor of this list", field="after")
        return int(self.after)

    def of(self, items: Sequence[OtherT], cursor: Callable[[OtherT], Any]) -> Page[OtherT]:
        """The page of the rows that a query limited to `size` returned."""
        more = str(cursor(items[-1])) if len(items) == self.size else None
        return Page(items=items, next=more)


Paging = Annotated[Asked, Depends(Asked)]
