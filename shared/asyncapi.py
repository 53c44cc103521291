"""The contract as AsyncAPI 3.0, generated from the catalogue and the topics: docs/asyncapi/skolbro.json."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.events.catalogue import EVENTS
from shared.events.envelope import SPEC_VERSION, Event
from shared.topics import TOPICS, Topic

REF = "#/components/schemas/{model}"
HEADERS = {
    "ce_specversion": f"CloudEvents version, always {SPEC_VERSION}",
    "ce_id": "id of this event; the same when it is sent again",
    "ce_type": "the event's type and version",
    "ce_source": "which service said it, `/skolbro/<service>`",
    "ce_time": "when it was said, ISO 8601",
    "ce_subject": "the record's key",
    "content-type": "application/json",
}


def document() -> dict[str, Any]:
    """The whole contract."""
    _, definitions = models_json_schema([(event, "serialization") for event in EVENTS], ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Skolbro",
            "version": "1",
            "description": "Every event the services say to each other. A record without a value is a tombstone: "
            "everything known under its key is to be forgotten.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic)},
        "components": {
            "messages": {event.event_type: _message(event) for event in EVENTS},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
            "schemas": definitions["$defs"],
        },
    }


def as_text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _channel(topic: Topic) -> dict[str, Any]:
    mine = [event for event in EVENTS if event.topic == topic.name]
    kept = "the latest state of each key" if topic.compacted else f"{topic.keep_days} days"
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}. Kept: {kept}.",
        "messages": {event.event_type: {"$ref": f"#/components/messages/{event.event_type}"} for event in mine},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["compact" if topic.compacted else "delete"]},
            }
        },
    }


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    says = [(f"{who} says on {topic.name}", {"action": "send", "channel": channel}) for who in topic.owners]
    reads = [(f"{who} reads {topic.name}", {"action": "receive", "channel": channel}) for who in topic.readers]
    return [(name.replace(" ", "-"), operation) for name, operation in [*says, *reads]]


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.event_type,
        "summary": (event.__doc__ or "").split("\n", maxsplit=1)[0],
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {"$ref": REF.format(model=event.__name__)},
    }


def _headers() -> dict[str, Any]:
    told = {name: {"type": "string", "description": meaning} for name, meaning in HEADERS.items()}
    trace = {"traceparent": {"type": "string", "description": "W3C trace context"}}
    return {"type": "object", "required": list(HEADERS), "properties": {**told, **trace}}
