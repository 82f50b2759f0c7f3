"""Collections of records: read, and where the API allows it, written."""

from collections.abc import AsyncIterator, Sequence
from typing import Generic, TypeVar
from urllib.parse import quote

from connectwise.calls import Calls
from connectwise.conditions import Condition, cut
from connectwise.errors import NotApplied
from connectwise.paging import pages
from connectwise.records import Change, IdentifiedRecord, NewRecord
from connectwise.values import shows
from httpkit import Answer, ApiError, Outcome

R = TypeVar("R", bound=IdentifiedRecord)
N = TypeVar("N", bound=NewRecord)
C = TypeVar("C", bound=Change)

# The site advises to keep a URL under 2,000 characters, about 1,745 of them behind the host (contract 2.5).
_LONGEST_PATH = 1700
_PATCH_ATTEMPTS = 4


class Collection(Generic[R]):
    """The records under one path."""

    def __init__(self, calls: Calls, path: str, record: type[R], *, page_size: int = 500) -> None:
        self._calls = calls
        self._path = path
        self._record = record
        self._page_size = page_size

    async def iterate(self, where: Condition | None = None, *, fields: Sequence[str] | None = None) -> AsyncIterator[R]:
        """Every record that the filter finds, once each, ordered by id within a request; one page is kept in memory.

        `fields` names the members to ask for, by the site's names; the id is always among them.

        Raises:
            ApiError: the list was not read to its end.
        """
        params: dict[str, str | int] = {"pageSize": self._page_size}
        if fields is not None:
            params["fields"] = ",".join(dict.fromkeys(["id", *fields]))
        conditions = self._conditions(where, params)
        seen: set[int] = set()
        for condition in conditions:
            filtered = params if condition is None else {**params, "conditions": condition.text}
            async for rows, answer in pages(self._calls, self._path, filtered):
                for raw in rows:
                    record = self._read(raw, answer)
                    if len(conditions) > 1 and record.id in seen:
                        continue  # alternatives that were asked for apart may both find it
                    if len(conditions) > 1:
                        seen.add(record.id)
                    yield record

    async def list(self, where: Condition | None = None, *, fields: Sequence[str] | None = None) -> list[R]:
        """Every record that the filter finds, in memory at once."""
        return [record async for record in self.iterate(where, fields=fields)]

    async def count(self, where: Condition | None = None) -> int:
        """How many records the filter finds."""
        conditions = self._conditions(where, {})
        if len(conditions) > 1:  # the parts may overlap, so their counts cannot be added
            return len({record.id async for record in self.iterate(where, fields=("id",))})
        only = conditions[0]
        path = f"{self._path.rstrip('/')}/count"
        answer = await self._calls.read(path, {"conditions": only.text} if only is not None else None)
        number = answer.json.get("count") if isinstance(answer.json, dict) else None
        if not isinstance(number, int):
            raise ApiError(Outcome.AMBIGUOUS, "unreadable_answer", "The site's count is no number.", call=path)
        return number

    async def get(self, record_id: int) -> R:
        """One record.

        Raises:
            ApiError: `NOT_FOUND`, there is no such record, or none that the key may see.
        """
        return self._read_one(await self._calls.read(self._path_of(record_id)))

    def _conditions(self, where: Condition | None, params: dict[str, str | int]) -> "Sequence[Condition | None]":
        if where is None:
            return [None]
        taken = len(self._path) + sum(len(name) + len(quote(str(value), safe="")) + 2 for name, value in params.items())
        return cut(where, _LONGEST_PATH - taken - len("/vNNNN_N/apis/3.0?conditions=&pageId=2147483647"))

    def _path_of(self, record_id: int) -> str:
        return f"{self._path.rstrip('/')}/{record_id:d}"

    def _read(self, raw: object, answer: Answer) -> R:
        return self._record.read(raw, request_id=answer.request_id, call=self._path)

    def _read_one(self, answer: Answer) -> R:
        return self._read(answer.json, answer)


class WritableCollection(Collection[R], Generic[R, N, C]):
    """Records that can be created and changed."""

    async def create(self, new: N, *, admit_within: float | None = None) -> R:
        """Create a record by one POST, which is never repeated: the API has no idempotency keys.

        `admit_within` bounds the wait for the site's call budget, in seconds.

        Raises:
            ApiError: `AMBIGUOUS` also when the answer is no record or does not carry the marker that was sent.
        """
        body = new.wire()
        answer = await self._calls.write("POST", self._path, body, attempts=1, admit_within=admit_within)
        record = self._read_one(answer)
        if new.marker and new.marker in body and answer.json.get(new.marker) != body[new.marker]:
            raise ApiError(
                Outcome.AMBIGUOUS,
                "foreign_answer",
                f"The site answered with a record that does not carry our {new.marker}.",
                status=answer.status,
                request_id=answer.request_id,
                call=f"POST {self._path}",
            )
        return record

    async def patch(
        self, record_id: int, change: C, *, attempts: int | None = None, admit_within: float | None = None
    ) -> R:
        """Change a record, and verify that the answer shows the change.

        Replacing values twice is the same as once, so the call is repeated unless `attempts=1`.

        Raises:
            NotApplied: 200, but the record does not show the change.
            ValueError: nothing to change.
        """
        operations = change.operations()
        if not operations:
            raise ValueError("a change changes something")
        path = self._path_of(record_id)
        answer = await self._calls.write(
            "PATCH", path, operations, attempts=attempts or _PATCH_ATTEMPTS, admit_within=admit_within
        )
        record = self._read_one(answer)
        missing = [name for name, value in change.wire().items() if not shows(answer.json.get(name), value)]
        if missing or record.id != record_id:
            raise NotApplied(
                missing or ["id"], status=answer.status, request_id=answer.request_id, call=f"PATCH {self._path}/{{id}}"
            )
        return record
