"""The topics of contracts.topics, on a broker: created when missing, compared when there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from devstack.errors import DevstackError

ALREADY_EXISTS = 36


class Wanted(Protocol):
    """What a topic of contracts.topics says of itself."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def partitions(self) -> int:
        """Never changed later, as that re-keys."""
        ...

    def configs(self) -> dict[str, str]:
        """The broker's settings for it."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """A topic that exists otherwise than wanted. Only said: changing partitions re-keys a topic."""

    topic: str
    setting: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, wanted {self.wanted}"


def registry() -> list[Wanted]:
    """All topics there are."""
    from contracts import topics  # noqa: PLC0415 (starting engines must not wait for pydantic's models: 0.4 s)

    return list(topics.ALL)


async def provide_topics(kafka: str, wanted: Iterable[Wanted], *, replication: int = 1) -> tuple[int, list[Difference]]:
    """Create what is missing; returns how many, and how the others differ."""
    wanted = list(wanted)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=30_000)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [topic for topic in wanted if topic.name not in there]
        if missing:
            await _create(admin, missing, replication)
        return len(missing), await _differences(admin, [topic for topic in wanted if topic.name in there])
    finally:
        await admin.close()


async def say_topics(kafka: str, say: Callable[[str], None]) -> None:
    """Create what is missing and say what was done and what differs."""
    wanted = registry()
    created, differences = await provide_topics(kafka, wanted)
    say(f"topics: {created} created, {len(wanted) - created} there")
    for difference in differences:
        say(f"topic differs: {difference}")


async def _create(admin: AIOKafkaAdminClient, topics: list[Wanted], replication: int) -> None:
    new = [NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.configs()) for topic in topics]
    answer = await admin.create_topics(new, timeout_ms=30_000)
    for name, code, *text in answer.topic_errors:
        if code not in {0, ALREADY_EXISTS}:  # somebody else may have made it meanwhile
            raise DevstackError(f"Kafka refused topic {name}: {for_code(code).__name__} {' '.join(map(str, text))}")


async def _differences(admin: AIOKafkaAdminClient, topics: list[Wanted]) -> list[Difference]:
    if not topics:
        return []
    described = {row["topic"]: len(row["partitions"]) for row in await admin.describe_topics([t.name for t in topics])}
    found = await _configs(admin, [topic.name for topic in topics])
    different = []
    for topic in topics:
        wanted = {"partitions": str(topic.partitions), **topic.configs()}
        actual = {"partitions": str(described[topic.name]), **found[topic.name]}
        different += [
            Difference(topic.name, setting, value, actual.get(setting, "unset"))
            for setting, value in wanted.items()
            if actual.get(setting) != value
        ]
    return different


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> Mapping[str, dict[str, str]]:
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    # A resource: error, text, type, name, entries; an entry: name, value, and flags.
    return {row[3]: {entry[0]: entry[1] for entry in row[4]} for answer in answers for row in answer.resources}
