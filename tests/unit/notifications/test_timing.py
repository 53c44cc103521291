"""When a message about an appointment hurries, and when it has no point any more."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.models import ABOUT_TALKS, Because, NotificationStatus, Request
from services.notifications.domain.planning import plan
from services.notifications.domain.timing import (
    BEFOREHAND,
    SHORT_NOTICE,
    STANDING,
    Sibling,
    is_short_notice,
    not_held_beyond,
    pointless,
)
from shared.events.notify import Appointment, DeliveryStatus, NotificationKind
from tests.unit.notifications.factories import ANNA, BO, NOW, appointment, candidate, request, situation

HOUR = timedelta(hours=1)
BOOKED, MOVED, CANCELLED = NotificationKind.TALK_BOOKED, NotificationKind.TALK_MOVED, NotificationKind.TALK_CANCELLED
REMINDER, NEW_EVENING = NotificationKind.TALK_REMINDER, NotificationKind.TALK_NEW_EVENING


def asked(kind: NotificationKind, hours: float, sequence: int = 1, **changes: object) -> Request:
    of = appointment(starts_at=NOW + hours * HOUR, sequence=sequence)
    return request(kind, appointment=of, duty_id=None, **changes)


def sibling(kind: NotificationKind, of: Appointment, only: frozenset[object] | None = None) -> Sibling:
    return Sibling(uuid4(), kind, only, of)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(SHORT_NOTICE))
def test_a_change_hurries_when_the_time_is_within_24_hours_and_not_before(kind: NotificationKind) -> None:
    assert is_short_notice(asked(kind, 24), [], NOW)
    assert is_short_notice(asked(kind, 0), [], NOW)
    assert not is_short_notice(asked(kind, 24.1), [], NOW)
    assert not is_short_notice(asked(kind, -0.1), [], NOW)


@pytest.mark.parametrize("kind", sorted(ABOUT_TALKS - SHORT_NOTICE))
def test_nothing_else_hurries_however_soon_it_is(kind: NotificationKind) -> None:
    assert not is_short_notice(asked(kind, 1), [], NOW)


def test_a_change_without_a_time_can_wait() -> None:
    assert not is_short_notice(request(NEW_EVENING, duty_id=None), [], NOW)


def test_a_talk_moved_from_tomorrow_to_next_month_hurries_because_of_tomorrow() -> None:
    moved = asked(MOVED, 30 * 24, sequence=2)
    tomorrow = sibling(BOOKED, appointment(starts_at=NOW + 20 * HOUR, sequence=1))
    assert is_short_notice(moved, [tomorrow], NOW)
    assert not is_short_notice(moved, [], NOW)
    later_word = sibling(MOVED, appointment(starts_at=NOW + 20 * HOUR, sequence=3))
    assert not is_short_notice(moved, [later_word], NOW)


@pytest.mark.parametrize("kind", sorted(BEFOREHAND))
def test_what_is_for_the_time_before_has_no_point_from_the_moment_it_begins(kind: NotificationKind) -> None:
    assert pointless(asked(kind, 0), [], NOW) is Because.BEGUN
    assert pointless(asked(kind, 0.1), [], NOW) is None


@pytest.mark.parametrize("kind", [NEW_EVENING, NotificationKind.TALK_TO_READ])
def test_that_there_will_be_another_evening_or_something_to_read_is_news_afterwards_too(kind: NotificationKind) -> None:
    assert pointless(asked(kind, -48), [], NOW) is None


def test_what_was_said_before_a_change_is_not_sent_after_it() -> None:
    invitation, reminder = asked(BOOKED, 48, sequence=0), asked(REMINDER, 48, sequence=0)
    moved = sibling(MOVED, appointment(starts_at=NOW + 72 * HOUR, sequence=1))
    assert pointless(invitation, [moved], NOW) is Because.REPLACED
    assert pointless(reminder, [moved], NOW) is Because.REPLACED
    same = sibling(BOOKED, appointment(starts_at=NOW + 48 * HOUR, sequence=0))
    assert pointless(invitation, [same], NOW) is None
    assert pointless(asked(CANCELLED, 48, sequence=2), [moved], NOW) is None


def test_a_change_told_to_others_replaces_nothing() -> None:
    mine = asked(BOOKED, 48, sequence=0, only=frozenset({ANNA}))
    later = appointment(starts_at=NOW + 72 * HOUR, sequence=1)
    assert pointless(mine, [sibling(MOVED, later, frozenset({BO}))], NOW) is None
    assert pointless(mine, [sibling(MOVED, later, frozenset({ANNA}))], NOW) is Because.REPLACED
    assert pointless(mine, [sibling(MOVED, later)], NOW) is Because.REPLACED


def test_a_reminder_replaces_nothing() -> None:
    later = appointment(starts_at=NOW + 72 * HOUR, sequence=9)
    assert pointless(asked(BOOKED, 48, sequence=0), [sibling(REMINDER, later)], NOW) is None


@given(st.integers(-100, 100), st.integers(0, 100))
def test_quiet_hours_never_hold_a_message_beyond_the_time_it_is_about(starts_in: int, held_for: int) -> None:
    until = NOW + held_for * HOUR
    one = asked(BOOKED, starts_in)
    assert one.appointment
    held = not_held_beyond(one, until)
    assert held is None or held < one.appointment.starts_at


def test_what_has_no_time_is_held_as_anything_else() -> None:
    plain = request(NotificationKind.TALK_WISHES, duty_id=None)
    assert not_held_beyond(plain, NOW + HOUR) == NOW + HOUR


@pytest.mark.parametrize("why", [Because.BEGUN, Because.REPLACED])
def test_what_has_no_point_is_settled_as_such_and_is_nobodys_call(why: Because) -> None:
    one = asked(BOOKED, 48)
    made = plan(situation(one, [candidate(one, ANNA), candidate(one, BO, allowed=False)], pointless=why), NOW)
    assert list(made.begun) == []
    assert [(d.person_id, d.status, d.why) for d in made.step.settled()] == [(ANNA, DeliveryStatus.CANCELLED, why)]
    assert (made.step.state.status, made.step.state.reason) == (NotificationStatus.CANCELLED, None)


def test_every_kind_that_hurries_says_how_things_stand() -> None:
    assert SHORT_NOTICE <= STANDING
