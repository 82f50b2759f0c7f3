"""What was ever published stays readable: a sample is never edited, a new version brings a new one."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.topics import ALL, BY_NAME, UnknownEventError

GOLDEN = Path(__file__).with_name("golden")
SAMPLES = sorted(GOLDEN.glob("*.json"))


def topic_of(sample: Path) -> str:
    """`psa.additions.v1.json`, or `psa.additions.v1.failed.json` for another one of the same topic."""
    return next(name for name in BY_NAME if sample.name.startswith(f"{name}."))


def contained(part: Any, whole: Any) -> bool:
    """Whether all that `part` says is in `whole`, which may say more."""
    if isinstance(part, dict):
        return all(name in whole and contained(value, whole[name]) for name, value in part.items())
    return bool(part == whole)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_what_was_once_published_is_read_without_loss(sample: Path) -> None:
    said = json.loads(sample.read_text())
    event = BY_NAME[topic_of(sample)].decode(sample.read_bytes())
    assert contained(said, json.loads(event.model_dump_json(serialize_as_any=True)))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_members_that_a_newer_service_adds_are_ignored(sample: Path) -> None:
    said = json.loads(sample.read_text())
    newer = {**said, "added": 1, "data": {**said["data"], "added": {"deeper": [None]}}}
    topic = BY_NAME[topic_of(sample)]
    assert topic.decode(json.dumps(newer).encode()) == topic.decode(sample.read_bytes())


@pytest.mark.parametrize("changed", [{"type": "billing.other"}, {"version": 2}])
def test_another_event_on_a_topic_is_refused(changed: dict[str, object]) -> None:
    sample = GOLDEN / "billing.customers.v1.json"
    with pytest.raises(UnknownEventError):
        BY_NAME["billing.customers.v1"].decode(json.dumps({**json.loads(sample.read_text()), **changed}).encode())


def test_every_topic_has_a_sample() -> None:
    assert {topic_of(sample) for sample in SAMPLES} == {topic.name for topic in ALL}
