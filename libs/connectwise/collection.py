"""Collections of records: read, and where the API allows it, written."""

from collections.abc import AsyncIterator, Sequence
from typing import Generic, TypeVar
from urllib.parse import quote

from connectwise.calls import Calls
from connectwise.errors import Drifted, NotApplied
from connectwise.filters import ChildCondition, Condition, CustomFieldCondition, Order
from connectwise.filters.conditions import ConditionTooLong, cut
from connectwise.models.base import Change, IdentifiedRecord, NewRecord
from connectwise.models.values import shows
from connectwise.paging import Page, forward_pages, numbered_pages
from httpkit import Answer, ApiError, Outcome

R = TypeVar("R", bound=IdentifiedRecord)
N = TypeVar("N", bound=NewRecord)
C = TypeVar("C", bound=Change)

# The site advises to keep a URL under 2,000 characters, about 1,745 of them behind the host (contract 2.5).
_LONGEST_PATH = 1700
_FRAME = len("/vNNNN_N/apis/3.0?conditions=&pageId=2147483647")


class Records(Generic[R]):
    """The records under one path, to read.

    Reads are repeated where that can help, unless `attempts=1`; `admit_within` bounds each call's wait for its turn, in
    seconds. A list makes a call a page.
    """

    def __init__(self, calls: Calls, path: str, record: type[R], *, page_size: int = 500) -> None:
        self._calls = calls
        self._path = path
        self._record = record
        self._page_size = page_size

    async def iterate(
        self,
        where: Condition | None = None,
        *,
        child: ChildCondition | None = None,
        custom: CustomFieldCondition | None = None,
        order_by: Order | None = None,
        fields: Sequence[str] | None = None,
        attempts: int | None = None,
        admit_within: float | None = None,
    ) -> AsyncIterator[R]:
        """Every record that the filters find, one page in memory at a time.

        Without `order_by`, each comes once, ordered by id within a request, whatever is written meanwhile; a list of
        values too long for one URL is asked for in parts. With `order_by` the pages are numbered, which is no snapshot:
        what comes or goes meanwhile can show a row twice or hide one. `fields` names the members to ask for, by the
        site's names or ours, such as `company/id`; the id is always among them, and what is not is None.

        Raises:
            ApiError: the list was not read to its end.
            ConditionTooLong: no URL can hold the filters.
            ValueError: the record has no member of such a name.
        """
        params = _filters(child, custom)
        if fields is not None:
            params["fields"] = ",".join(dict.fromkeys(["id", *map(self._record.wire_path, fields)]))
        if order_by is not None:
            params["orderBy"] = order_by.text
        conditions = self._conditions(where, params)
        if order_by is not None and len(conditions) > 1:
            raise ConditionTooLong("an ordered list is asked for in one request; this filter needs several")
        seen: set[int] = set()
        for condition in conditions:
            filtered = params if condition is None else {**params, "conditions": condition.text}
            ordered = order_by is not None
            pages = self._pages(filtered, ordered=ordered, attempts=attempts, admit_within=admit_within)
            async for rows, answer in pages:
                for raw in rows:
                    record = self._read(raw, answer)
                    if len(conditions) > 1 and record.id in seen:
                        continue  # alternatives that were asked for apart may both find it
                    if len(conditions) > 1:
                        seen.add(record.id)
                    yield record

    async def list(
        self,
        where: Condition | None = None,
        *,
        child: ChildCondition | None = None,
        custom: CustomFieldCondition | None = None,
        order_by: Order | None = None,
        fields: Sequence[str] | None = None,
        attempts: int | None = None,
        admit_within: float | None = None,
    ) -> list[R]:
        """Every record that the filters find, in memory at once."""
        found = self.iterate(
            where,
            child=child,
            custom=custom,
            order_by=order_by,
            fields=fields,
            attempts=attempts,
            admit_within=admit_within,
        )
        return [record async for record in found]

    async def get(self, record_id: int, *, attempts: int | None = None, admit_within: float | None = None) -> R:
        """One record.

        Raises:
            ApiError: `NOT_FOUND`, there is no such record, or none that the key may see; `AMBIGUOUS`, the answer is
                another record.
        """
        answer = await self._calls.read(self._path_of(record_id), attempts=attempts, admit_within=admit_within)
        return self._read_this(record_id, answer)

    def _pages(
        self, params: dict[str, str | int], *, ordered: bool, attempts: int | None, admit_within: float | None
    ) -> AsyncIterator[Page]:
        if ordered:
            return numbered_pages(
                self._calls,
                self._path,
                params,
                page_size=self._page_size,
                attempts=attempts,
                admit_within=admit_within,
            )
        sized = {**params, "pageSize": self._page_size}
        return forward_pages(self._calls, self._path, sized, attempts=attempts, admit_within=admit_within)

    def _conditions(self, where: Condition | None, params: dict[str, str | int]) -> "Sequence[Condition | None]":
        taken = len(self._path) + sum(len(name) + len(quote(str(value), safe="")) + 2 for name, value in params.items())
        left = _LONGEST_PATH - _FRAME - len("&pageSize=1000&page=100000") - taken
        if left < 0:
            raise ConditionTooLong("the filters on rows inside the records do not fit into a URL")
        return [None] if where is None else cut(where, left)

    def _path_of(self, record_id: int) -> str:
        return f"{self._path.rstrip('/')}/{record_id:d}"

    def _read(self, raw: object, answer: Answer) -> R:
        return self._record.read(raw, request_id=answer.request_id, call=self._path)

    def _read_this(self, record_id: int, answer: Answer) -> R:
        record = self._read(answer.json, answer)
        if record.id != record_id:
            raise self._foreign("a record with another id", answer, f"GET {self._path}/{{id}}")
        return record

    def _foreign(self, what: str, answer: Answer, call: str) -> ApiError:
        return ApiError(
            Outcome.AMBIGUOUS,
            "foreign_answer",
            f"The site answered with {what}.",
            status=answer.status,
            request_id=answer.request_id,
            call=call,
        )


class Collection(Records[R]):
    """Records that can also be counted, as nearly all."""

    async def count(
        self,
        where: Condition | None = None,
        *,
        child: ChildCondition | None = None,
        custom: CustomFieldCondition | None = None,
        attempts: int | None = None,
        admit_within: float | None = None,
    ) -> int:
        """How many records the filters find."""
        params = _filters(child, custom)
        conditions = self._conditions(where, params)
        if len(conditions) > 1:  # the parts may overlap, so their counts cannot be added
            found = self.iterate(
                where, child=child, custom=custom, fields=("id",), attempts=attempts, admit_within=admit_within
            )
            return len({record.id async for record in found})
        only = conditions[0]
        path = f"{self._path.rstrip('/')}/count"
        filtered = params if only is None else {**params, "conditions": only.text}
        answer = await self._calls.read(path, filtered, attempts=attempts, admit_within=admit_within)
        number = answer.json.get("count") if isinstance(answer.json, dict) else None
        if not isinstance(number, int):
            raise ApiError(Outcome.AMBIGUOUS, "unreadable_answer", "The site's count is no number.", call=path)
        return number


class WritableCollection(Collection[R], Generic[R, N, C]):
    """Records that can be created, changed and deleted.

    In all writes, `admit_within` bounds the wait for the API's address and the site's call budget, in seconds.
    """

    async def create(self, new: N, *, admit_within: float | None = None) -> R:
        """Create a record by one POST, which is never repeated: the API has no idempotency keys.

        Raises:
            ApiError: `AMBIGUOUS` also when the answer is no record or does not carry the marker that was sent.
        """
        body = new.wire()
        answer = await self._calls.write("POST", self._path, body, admit_within=admit_within)
        record = self._read(answer.json, answer)
        if new.marker and new.marker in body and answer.json.get(new.marker) != body[new.marker]:
            raise self._foreign(f"a record that does not carry our {new.marker}", answer, f"POST {self._path}")
        return record

    async def patch(
        self,
        record_id: int,
        change: C,
        *,
        expected: C | None = None,
        attempts: int | None = None,
        admit_within: float | None = None,
    ) -> R:
        """Change a record, and verify that the answer shows the change.

        `expected` is what the caller believes to stand there, such as `AdditionChange.of(addition)`: the record is read
        afresh, and nothing is sent unless it shows all of it. The API has no conditional writes, so a change made
        between that read and the patch is not seen. Replacing values twice is the same as once, so the call is
        repeated unless `attempts=1` or something is expected: by the time of a repeat that read would be old.

        Raises:
            Drifted: the record is not as expected.
            NotApplied: 200, but the record does not show the change.
            ValueError: nothing to change.
        """
        operations = change.operations()
        if not operations:
            raise ValueError("a change changes something")
        began = self._calls.now()
        path, call = self._path_of(record_id), f"PATCH {self._path}/{{id}}"
        if expected is not None:
            await self._refuse_drift(record_id, expected, call)
        answer = await self._calls.write(
            "PATCH",
            path,
            operations,
            attempts=attempts or (self._calls.attempts if expected is None else 1),
            admit_within=self._calls.left(admit_within, began),
        )
        record = self._read(answer.json, answer)
        missing = [name for name, value in change.wire().items() if not shows(answer.json.get(name), value)]
        if missing or record.id != record_id:
            raise NotApplied(missing or ["id"], status=answer.status, request_id=answer.request_id, call=call)
        return record

    async def delete(self, record_id: int, *, attempts: int | None = None, admit_within: float | None = None) -> None:
        """Delete a record; repeated unless `attempts=1`, and done when a repeat finds it gone.

        Raises:
            ApiError: `NOT_FOUND`, there was no such record; `REJECTED`, the site keeps it (409: it is in use).
        """
        await self._calls.delete(self._path_of(record_id), attempts=attempts, admit_within=admit_within)

    async def _refuse_drift(self, record_id: int, expected: C, call: str) -> None:
        answer = await self._calls.read(self._path_of(record_id))
        self._read_this(record_id, answer)
        wanted = expected.wire()
        other = [name for name, value in wanted.items() if not shows(answer.json.get(name), value)]
        if other:
            raise Drifted(
                {name: wanted[name] for name in other},
                {name: answer.json.get(name) for name in other},
                request_id=answer.request_id,
                call=call,
            )


def _filters(child: ChildCondition | None, custom: CustomFieldCondition | None) -> dict[str, str | int]:
    filters: dict[str, str | int] = {}
    if child is not None:
        filters["childConditions"] = child.text
    if custom is not None:
        filters["customFieldConditions"] = custom.text
    return filters
