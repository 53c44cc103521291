"""The rules of the same-day notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from services.absence.domain import (
    HomeReport,
    Missed,
    Notice,
    NoticeStatus,
    Owed,
    Rules,
    Step,
    alert_at,
    excuse,
    grace_ends,
    is_owed,
    moved,
    next_step,
    notice_id,
    opened,
    too_old,
)
from shared.events.roster import PersonStated

ZONE = "Europe/Stockholm"
DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
PUPIL, SCHOOL = uuid4(), uuid4()
RULES = Rules()


def lesson(hour: int = 8, excused: bool = False) -> Missed:
    start = datetime(2026, 11, 23, hour, tzinfo=UTC)
    return Missed(PUPIL, uuid4(), SCHOOL, start, start + timedelta(hours=1), excused)


def notice(status: NoticeStatus) -> Notice:
    return replace(opened(None, [lesson()], DAY, NOON, ZONE), status=status)


def test_a_lesson_missed_without_reason_opens_a_notice() -> None:
    assert next_step(None, [lesson()]) is Step.OPEN


def test_a_lesson_the_home_had_reported_opens_none() -> None:
    assert next_step(None, [lesson(excused=True)]) is Step.NONE


@pytest.mark.parametrize(
    ("status", "missed", "step"),
    [
        (NoticeStatus.WAITING, [lesson()], Step.COLLECT),
        (NoticeStatus.WAITING, [], Step.WITHDRAW),
        (NoticeStatus.WAITING, [lesson(excused=True)], Step.WITHDRAW),
        (NoticeStatus.OWED, [lesson(), lesson(9)], Step.COLLECT),
        (NoticeStatus.OWED, [lesson(excused=True)], Step.EXPLAIN),
        (NoticeStatus.OWED, [], Step.RETRACT),
        (NoticeStatus.WITHDRAWN, [], Step.NONE),
        (NoticeStatus.WITHDRAWN, [lesson()], Step.OPEN),
        (NoticeStatus.EXPLAINED, [lesson(excused=True)], Step.NONE),
        (NoticeStatus.EXPLAINED, [lesson(excused=True), lesson(13)], Step.OPEN),
        (NoticeStatus.RETRACTED, [], Step.NONE),
        (NoticeStatus.RETRACTED, [lesson()], Step.OPEN),
        (NoticeStatus.NOT_OWED, [lesson()], Step.NONE),
    ],
)
def test_what_a_change_means_depends_on_how_far_the_notice_has_come(
    status: NoticeStatus, missed: list[Missed], step: Step
) -> None:
    assert next_step(notice(status), missed) is step


def test_a_report_excuses_only_a_lesson_it_covers_from_beginning_to_end() -> None:
    first, second = lesson(8), lesson(9)
    report = HomeReport(PUPIL, first.starts_at, second.ends_at - timedelta(minutes=1))
    assert [m.excused for m in excuse([first, second], [report])] == [True, False]


def test_a_report_for_another_pupil_excuses_nothing() -> None:
    missed = lesson()
    report = HomeReport(uuid4(), missed.starts_at, missed.ends_at)
    assert not excuse([missed], [report])[0].excused


def test_a_withdrawn_notice_wakes_again_under_the_same_id() -> None:
    first = opened(None, [lesson()], DAY, NOON, ZONE)
    again = opened(moved(first, NoticeStatus.WITHDRAWN), [lesson()], DAY, NOON, ZONE)
    assert again.notice_id == first.notice_id
    assert again.version > first.version


def test_after_a_retraction_the_home_is_told_again_under_a_new_id() -> None:
    first = opened(None, [lesson()], DAY, NOON, ZONE)
    again = opened(moved(first, NoticeStatus.RETRACTED), [lesson()], DAY, NOON, ZONE)
    assert (again.round, again.notice_id) == (2, notice_id(PUPIL, DAY, 2))


def test_absence_registered_after_its_day_is_noticed_as_late() -> None:
    assert opened(None, [lesson()], DAY, NOON + timedelta(days=1), ZONE).late
    assert not opened(None, [lesson()], DAY, NOON, ZONE).late


def test_half_past_midnight_in_stockholm_is_the_next_day_although_utc_is_not_there_yet() -> None:
    assert opened(None, [lesson()], DAY, datetime(2026, 11, 23, 23, 30, tzinfo=UTC), ZONE).late


def test_the_grace_period_does_not_begin_before_the_lesson_does() -> None:
    later = lesson(14)
    assert grace_ends([later], NOON, RULES) == later.starts_at + RULES.grace
    assert grace_ends([lesson(8)], NOON, RULES) == NOON + RULES.grace


def test_a_first_import_of_old_absence_sends_no_notices() -> None:
    assert too_old(DAY, DAY + timedelta(days=8), RULES)
    assert not too_old(DAY, DAY + timedelta(days=7), RULES)


@pytest.mark.parametrize(
    ("born", "owed"),
    [
        (date(2008, 11, 23), Owed.NO),  # turns 18 on the day
        (date(2008, 11, 24), Owed.YES),
        (date(2012, 2, 29), Owed.YES),
        (None, Owed.YES),
    ],
)
def test_a_notice_is_owed_for_pupils_under_age(born: date | None, owed: Owed) -> None:
    pupil = PersonStated(person_id=PUPIL, version=1, born=born)
    assert is_owed(pupil, timedelta(0), DAY) is owed


def test_a_pupil_born_on_leap_day_comes_of_age_on_the_first_of_march() -> None:
    pupil = PersonStated(person_id=PUPIL, version=1, born=date(2008, 2, 29))
    assert is_owed(pupil, timedelta(0), date(2026, 2, 28)) is Owed.YES
    assert is_owed(pupil, timedelta(0), date(2026, 3, 1)) is Owed.NO


def test_a_pupil_who_has_left_is_owed_nothing() -> None:
    assert is_owed(PersonStated(person_id=PUPIL, version=1, active=False), timedelta(0), DAY) is Owed.NO


def test_an_unknown_pupil_is_waited_for_and_then_owed() -> None:
    assert is_owed(None, timedelta(minutes=1), DAY) is Owed.UNKNOWN
    assert is_owed(None, timedelta(minutes=10), DAY) is Owed.YES


def test_a_lesson_of_last_week_alerts_nobody() -> None:
    assert alert_at(NOON - timedelta(days=2), NOON, RULES) is None
    assert alert_at(NOON, NOON, RULES) == NOON + RULES.unreported_after
