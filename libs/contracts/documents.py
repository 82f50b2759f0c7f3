"""What others read of the registry, written from it: `python -m contracts.documents [--check]`."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from contracts.envelope import Data, Event
from contracts.topics import ALL, Topic

CHECKOUT = Path(__file__).parents[2]
_WRITTEN = "# Written by `python -m contracts.documents` from libs/contracts; not to be edited.\n"
_SCHEMAS = "#/components/schemas/{model}"


def documents() -> Mapping[Path, str]:
    """Each document's place in the checkout and what it must say."""
    return {Path("deploy/kafka/topics.yaml"): _yaml(_topics()), Path("docs/asyncapi.yaml"): _yaml(_asyncapi())}


def stale(root: Path = CHECKOUT) -> list[Path]:
    """The documents that are missing or say something else than the registry."""
    return [path for path, text in documents().items() if not _says(root / path, text)]


def write(root: Path = CHECKOUT) -> None:
    """Bring all of them up to date."""
    for path, text in documents().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _says(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text() == text


def _yaml(content: Any) -> str:
    return _WRITTEN + yaml.dump(content, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """Repeats what is used twice, as an anchor says nothing to people."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (the base's signature)
        return True


class _Untitled(GenerateJsonSchema):
    """Without a title for each member that only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 (the base's signature)
        return False


def _topics() -> list[dict[str, Any]]:
    return [{"name": topic.name, "partitions": topic.partitions, "config": topic.configs()} for topic in ALL]


def _asyncapi() -> dict[str, Any]:
    facts = list(dict.fromkeys(topic.data for topic in ALL))
    _, schemas = models_json_schema(
        [(Event[fact], "serialization") for fact in facts],  # type: ignore[valid-type]
        ref_template=_SCHEMAS,
        schema_generator=_Untitled,
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "psabridge",
            "version": "1",
            "description": "The facts that services tell each other. Within a topic's major version changes only add.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in ALL},
        "operations": {f"tell-{topic.name}": _operation(topic) for topic in ALL},
        "components": {
            "messages": {fact.__name__: _message(fact) for fact in facts},
            "schemas": dict(sorted(schemas["$defs"].items())),
        },
    }


def _channel(topic: Topic[Data]) -> dict[str, Any]:
    fact = topic.data.__name__
    return {
        "address": topic.name,
        "description": f"Record key: {topic.key}. Told by {topic.producer}.",
        "messages": {fact: {"$ref": f"#/components/messages/{fact}"}},
        "bindings": {
            "kafka": {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": _configuration(topic)}
        },
    }


def _configuration(topic: Topic[Data]) -> dict[str, Any]:
    # The binding's own types: policies are a list, times are numbers.
    configs = topic.configs()
    policy = configs.pop("cleanup.policy")
    return {"cleanup.policy": [policy], **{name: int(value) for name, value in configs.items()}}


def _operation(topic: Topic[Data]) -> dict[str, Any]:
    channel = f"#/channels/{topic.name}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "summary": f"{topic.producer} tells it",
        "messages": [{"$ref": f"{channel}/messages/{topic.data.__name__}"}],
    }


def _message(fact: type[Data]) -> dict[str, Any]:
    return {
        "name": fact.__name__,
        "summary": (fact.__doc__ or "").strip(),
        "headers": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "format": "uuid", "description": "the event's id, to be handled once"},
                "tenant": {"type": "string", "description": "whose fact it is"},
                "type": {"type": "string", "description": "the topic's name without its version"},
                "source": {"type": "string", "description": "the service that tells it"},
            },
            "required": ["id", "tenant"],
        },
        "payload": {"$ref": _SCHEMAS.format(model=f"Event_{fact.__name__}_")},
    }


def main() -> None:
    """Write the documents, or with --check only say which are stale (exit code 1)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        write()
        return
    found = stale()
    for path in found:
        print(f"{path} is not what libs/contracts says: run `python -m contracts.documents`")  # noqa: T201 (the answer)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
