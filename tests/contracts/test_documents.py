from pathlib import Path

import pytest
import yaml

from contracts import documents
from contracts.envelope import Data
from contracts.topics import ALL, Topic


def test_topics_and_asyncapi_are_what_the_registry_says() -> None:
    assert not documents.stale(), "run `python -m contracts.documents`"


def test_a_document_that_somebody_edited_is_stale(tmp_path: Path) -> None:
    documents.write(tmp_path)
    assert documents.stale(tmp_path) == []
    (tmp_path / "docs/asyncapi.yaml").write_text("asyncapi: 3.0.0\n")
    (tmp_path / "deploy/kafka/topics.yaml").unlink()
    assert documents.stale(tmp_path) == [Path("deploy/kafka/topics.yaml"), Path("docs/asyncapi.yaml")]


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    said = yaml.safe_load(documents.documents()[Path("docs/asyncapi.yaml")])

    def references(part: object) -> list[str]:
        if isinstance(part, dict):
            here = [str(part["$ref"])] if "$ref" in part else []
            return here + [found for value in part.values() for found in references(value)]
        return [found for value in part for found in references(value)] if isinstance(part, list) else []

    for reference in references(said):
        at: object = said
        for name in reference.removeprefix("#/").split("/"):
            assert isinstance(at, dict)
            assert name in at, reference
            at = at[name]


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_names_say_context_fact_and_version(topic: Topic[Data]) -> None:
    assert topic.name == f"{topic.type}.v{topic.version}"
    assert topic.type.count(".") == 1


def test_compacted_topics_lag_at_most_an_hour_and_never_expire() -> None:
    for topic in ALL:
        configs = topic.configs()
        if topic.compacted:
            assert configs == {"cleanup.policy": "compact", "max.compaction.lag.ms": "3600000"}
        else:
            assert configs["cleanup.policy"] == "delete"
