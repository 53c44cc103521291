"""Which requests can be used, and what is kept of the roster."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest

from services.notifications.consumers import check, readers
from services.notifications.domain.models import ABOUT_A_PUPIL, TO_SOMEBODY, TO_STAFF, TO_THE_HOME, UNHURRIED
from services.notifications.errors import IncompleteRequest
from shared.events.notify import Lane, NotificationKind, NotificationRequested, lane_of
from shared.topics import (
    CONSENTS,
    GROUPS,
    NOTIFY_BULK,
    NOTIFY_NORMAL,
    NOTIFY_URGENT,
    PERSONS,
    PREFERENCES,
    READS,
)
from tests.unit.notifications.factories import NOW


def asked(kind: NotificationKind, **changes: object) -> NotificationRequested:
    plain = {"notification_id": uuid4(), "kind": kind, "school_id": uuid4(), "day": date(2026, 11, 23)}
    return NotificationRequested(**{**plain, "requested_at": NOW, **changes})


@pytest.mark.parametrize("kind", sorted(ABOUT_A_PUPIL))
def test_a_request_about_a_pupil_must_say_which(kind: NotificationKind) -> None:
    with pytest.raises(IncompleteRequest, match="must say which pupil"):
        check(asked(kind))
    check(asked(kind, pupil_id=uuid4(), about_id=uuid4()))


@pytest.mark.parametrize("kind", sorted(TO_SOMEBODY))
def test_a_request_about_a_talk_or_a_meeting_must_say_which_pupil_or_which_person(kind: NotificationKind) -> None:
    with pytest.raises(IncompleteRequest, match="which pupil or person"):
        check(asked(kind))
    check(asked(kind, pupil_id=uuid4()))
    check(asked(kind, to_id=uuid4()))


@pytest.mark.parametrize("kind", sorted(TO_STAFF))
def test_a_request_to_the_school_itself_needs_no_pupil(kind: NotificationKind) -> None:
    check(asked(kind))


def test_every_kind_is_for_a_home_for_somebody_or_for_staff_and_what_hurries_is_said_one_by_one() -> None:
    mine = {NotificationKind.DIGEST}
    assert sorted(NotificationKind) == sorted([*ABOUT_A_PUPIL, *TO_SOMEBODY, *TO_STAFF, *mine])
    at_once = {NotificationKind.LESSONS_UNREPORTED, NotificationKind.DIALOGUE_URGENT}
    assert set(NotificationKind) - UNHURRIED == TO_THE_HOME | at_once


def test_whatever_never_waits_is_on_the_urgent_lane() -> None:
    assert {lane_of(kind) for kind in set(NotificationKind) - UNHURRIED} == {Lane.URGENT}


@pytest.mark.parametrize("lanes", [(Lane.URGENT, Lane.NORMAL), (Lane.BULK,), tuple(Lane)])
def test_every_process_reads_the_roster_and_what_is_asked_for_on_its_own_lanes(lanes: tuple[Lane, ...]) -> None:
    mine = readers(lanes)
    assert {PREFERENCES, CONSENTS, GROUPS, PERSONS} <= set(mine.roster.topics)
    topics = {Lane.URGENT: NOTIFY_URGENT, Lane.NORMAL: NOTIFY_NORMAL, Lane.BULK: NOTIFY_BULK}
    assert {topic for reader in mine.lanes.values() for topic in reader.topics} == {topics[lane] for lane in lanes}
    assert len({reader.name for reader in mine.all()}) == len(mine.all())


def test_what_was_read_is_known_where_the_ladder_is_climbed() -> None:
    climbing, bulk = readers([Lane.URGENT]).reads, readers([Lane.BULK]).reads
    assert climbing is not None
    assert list(climbing.topics) == [READS]
    assert bulk is None
