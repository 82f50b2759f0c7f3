"""A Kafka record as our code sees it, and whose it is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.values import TenantId

_TENANT = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}\Z")
_EVENT_ID = re.compile(r"^[0-9a-f-]{36}\Z")

SOURCE = "source"
"""The header that names the service a record is from."""

# Whose a record is that does not say so: visible to operators only, no token can name this tenant.
NOBODY = TenantId("-")


@dataclass(frozen=True, slots=True)
class Record:
    """Bytes at a place in a topic. `event_id` and `tenant_id` come from headers, so they are known before decoding."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def _header(self, name: str) -> str:
        found = next((value for header, value in self.headers if header == name), b"")
        return found.decode("ascii", errors="replace")

    @property
    def event_id(self) -> str:
        """The event's id; a record without a proper one is known by its place."""
        found = self._header("id")
        return found if _EVENT_ID.match(found) else f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def tenant_id(self) -> TenantId:
        """The tenant, or NOBODY where the header names none."""
        found = self._header("tenant")
        return TenantId(found) if _TENANT.match(found) else NOBODY

    @property
    def place(self) -> str:
        """Where it lies, for people."""
        return f"{self.topic} partition {self.partition} offset {self.offset}"


def next_offsets(records: Sequence[Record]) -> dict[int, int]:
    """For each partition, the offset after the last of these records."""
    after: dict[int, int] = {}
    for record in records:
        after[record.partition] = max(after.get(record.partition, 0), record.offset + 1)
    return after


def group_of(group: str, topic: str) -> str:
    """The consumer group of one topic: each has its own, so that one that backs off holds no other up."""
    return f"{group}.{topic}"
