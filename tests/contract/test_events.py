"""What is said today can be read tomorrow, and what was said yesterday can be read today."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from services.operations import ASYNCAPI
from shared.asyncapi import as_text, document
from shared.clock import SystemClock
from shared.errors import Permanent
from shared.events.catalogue import CATALOGUE, EVENTS
from shared.events.envelope import Erased, Event
from shared.events.roster import PersonStated
from shared.messaging.codec import Headers, headers_for, read_record
from shared.topics import BY_NAME
from tests.contract.golden import FOLDER, path_of

ANY_EVENT = pytest.mark.parametrize("event", EVENTS, ids=[event.event_type for event in EVENTS])


@dataclass
class Sent:
    """A record as it lies in Kafka."""

    topic: str
    value: bytes | None
    key: bytes | None
    headers: Headers
    partition: int = 0
    offset: int = 0


def sent(event_type: str, value: bytes | None, topic: str = "t", key: str = "k") -> Sent:
    headers = headers_for(uuid4(), event_type, "registry", SystemClock().now(), key, None)
    return Sent(topic, value, key.encode(), headers)


def golden(event: type[Event]) -> dict[str, Any]:
    assert path_of(event).exists(), f"{event.event_type} has no example yet: run `python -m tests.contract.golden`"
    return dict(json.loads(path_of(event).read_text(encoding="utf-8")))


@ANY_EVENT
def test_what_was_sent_once_is_read_for_ever_without_losing_a_field(event: type[Event]) -> None:
    frozen = golden(event)
    received = read_record(sent(event.event_type, json.dumps(frozen["value"]).encode()), {event.event_type: event})
    assert received is not None
    again = json.loads(received.event.to_json())
    assert frozen["value"].items() <= again.items()
    assert (received.event.key(), event.topic) == (frozen["key"], frozen["topic"])


@ANY_EVENT
def test_a_newer_writer_may_add_fields(event: type[Event]) -> None:
    value = {**golden(event)["value"], "a_field_of_the_future": [1, 2]}
    assert event.model_validate_json(json.dumps(value)).key() == golden(event)["key"]


@ANY_EVENT
def test_a_field_that_was_not_there_from_the_start_is_optional(event: type[Event]) -> None:
    required = {name for name, field in event.model_fields.items() if field.is_required()}
    assert required <= golden(event)["value"].keys()


@ANY_EVENT
def test_every_event_has_a_version_a_topic_and_a_key(event: type[Event]) -> None:
    assert event.event_type.rpartition(".v")[2].isdigit()
    assert event.topic in BY_NAME
    assert golden(event)["key"]


@ANY_EVENT
def test_a_tombstone_is_read_as_an_erasure_of_its_key(event: type[Event]) -> None:
    received = read_record(sent(event.event_type, None, key="gone"), {event.event_type: event})
    assert received is not None
    assert received.event == Erased(erased_type=event.event_type, erased_key="gone")


def test_no_example_is_left_of_an_event_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(CATALOGUE)


def test_what_a_reader_does_not_want_is_passed_over_and_what_nobody_knows_is_refused() -> None:
    assert read_record(sent(PersonStated.event_type, b"{}"), {}) is None
    with pytest.raises(Permanent, match=r"this version of Skolbro reads roster\.person_stated\.v1"):
        read_record(sent("roster.person_stated.v2", b"{}"), {PersonStated.event_type: PersonStated})


def test_the_reason_a_value_cannot_be_read_does_not_quote_it() -> None:
    record = sent(PersonStated.event_type, b'{"person_id": "Ada Andersson", "version": "Ada"}')
    with pytest.raises(Permanent, match=r"Not a readable .* person_id: .* \(and 1 more\)") as refused:
        read_record(record, {PersonStated.event_type: PersonStated})
    assert "Ada" not in str(refused.value)


def test_the_committed_asyncapi_document_is_up_to_date() -> None:
    assert ASYNCAPI.read_text(encoding="utf-8") == as_text(), "run `make docs`"


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    whole = document()

    def check(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                target: Any = whole
                for step in part["$ref"].removeprefix("#/").split("/"):
                    target = target[step]
            for inner in part.values():
                check(inner)
        elif isinstance(part, list):
            for inner in part:
                check(inner)

    check(whole)
