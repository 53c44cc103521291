"""The catalogue of topics is what the services really do."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import services
from services.operations import SERVICES
from shared.events.catalogue import EVENTS
from shared.events.envelope import Event
from shared.events.notify import NotificationRequested, UnhurriedRequested
from shared.events.operations import HealthReported
from shared.events.privacy import PrivacyAnswered, PupilLookedAt
from shared.messaging.reader import Reader
from shared.topics import BY_NAME, TOPICS, Topic

ROOT = Path(services.__file__).parent


def readers_of(service: str) -> list[Reader]:
    """The readers a service declares; a service without consumers has none."""
    if find_spec(f"services.{service}.consumers") is None:
        return []
    found = import_module(f"services.{service}.consumers").readers()
    return list(found.all() if hasattr(found, "all") else found)


def said_by(service: str) -> set[type[Event]]:
    """The events a service makes: those whose constructor its code calls, and what the kit says in its name."""
    calls = {
        node.func.id
        for path in (ROOT / service).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    if "requested" in calls:  # which of the two it makes is its kind's
        calls |= {NotificationRequested.__name__, UnhurriedRequested.__name__}
    by_the_kit: set[type[Event]] = {HealthReported} | ({PrivacyAnswered} if "privacy_reader" in calls else set())
    by_the_kit |= {PupilLookedAt} if "done" in calls else set()
    return {event for event in EVENTS if event.__name__ in calls} | by_the_kit


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_exactly_the_topics_that_name_it_as_a_reader(service: str) -> None:
    read = [topic.name for reader in readers_of(service) for topic in reader.topics]
    assert sorted(read) == sorted(topic.name for topic in TOPICS if service in topic.readers)


@pytest.mark.parametrize("service", SERVICES)
def test_a_reader_wants_only_events_of_its_own_topics(service: str) -> None:
    for reader in readers_of(service):
        names = {topic.name for topic in reader.topics}
        assert {kind.topic for kind in reader.wanted.values()} <= names
        assert names == {kind.topic for kind in reader.wanted.values()}, "a topic is read of which nothing is wanted"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_only_what_it_owns(service: str) -> None:
    for event in said_by(service):
        assert service in BY_NAME[event.topic].owners, f"{service} says {event.event_type} on another's topic"


@pytest.mark.parametrize("topic", TOPICS, ids=[topic.name for topic in TOPICS])
def test_every_topic_has_an_owner_a_reader_and_an_event(topic: Topic) -> None:
    assert topic.owners
    assert topic.readers
    assert {*topic.owners, *topic.readers} <= set(SERVICES)
    assert [event for event in EVENTS if event.topic == topic.name]


def test_each_owner_of_a_topic_says_something_there() -> None:
    for topic in TOPICS:
        for owner in topic.owners:
            assert [event for event in said_by(owner) if event.topic == topic.name], f"{owner} on {topic.name}"
