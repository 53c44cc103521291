"""Which requests can be used, and what is kept of the roster."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest

from services.notifications.consumers import check, readers
from services.notifications.domain.models import ABOUT_A_PUPIL, TO_SOMEBODY, TO_STAFF, TO_THE_HOME, UNHURRIED
from services.notifications.errors import IncompleteRequest
from shared.events.notify import NotificationKind, NotificationRequested
from shared.topics import CONSENTS, PREFERENCES
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


def test_every_kind_is_for_a_home_for_somebody_or_for_staff_and_what_is_not_absence_may_wait() -> None:
    assert sorted(NotificationKind) == sorted([*ABOUT_A_PUPIL, *TO_SOMEBODY, *TO_STAFF])
    assert set(NotificationKind) - UNHURRIED == TO_THE_HOME | {NotificationKind.LESSONS_UNREPORTED}


def test_what_people_decide_is_read_with_the_roster_so_that_nothing_is_sent_before_it_is_known() -> None:
    roster = readers()[0]
    assert {PREFERENCES, CONSENTS} <= set(roster.topics)
