from __future__ import annotations

from shared.messaging.reconcile import first_missing
from shared.topics import CONTACTS, LESSONS

LIFE = "life-1"


def test_the_slowest_reader_decides_what_is_said_again() -> None:
    place = (LIFE, LESSONS.name, 2)
    assert first_missing(place, {"absence": {place: 70}, "portal": {place: 40}}) == 40


def test_a_reader_that_never_read_there_misses_everything() -> None:
    place = (LIFE, LESSONS.name, 2)
    assert first_missing(place, {"absence": {place: 70}, "portal": {("life-0", LESSONS.name, 2): 90}}) == 0


def test_services_that_do_not_read_the_topic_do_not_count() -> None:
    place = (LIFE, CONTACTS.name, 0)
    assert first_missing(place, {"notifications": {place: 5}, "absence": {}}) == 5
    assert first_missing(place, {"absence": {}}) is None


def test_a_topic_that_is_gone_from_the_catalogue_is_left_alone() -> None:
    assert first_missing((LIFE, "old.v1", 0), {"absence": {}}) is None
