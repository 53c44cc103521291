"""What lessons, lesson results and reported absences mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.registry.domain.kinds import Resource
from services.registry.domain.statements import Known, Stated
from shared.errors import Permanent
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.roster import SubjectStated
from shared.ids import derived_id
from tests.unit.registry.rows import LESSON, PUPIL, SCHOOL, SUBJECT, absence, attendance, calendar_event, read

PLANNED = LessonPlanned(
    lesson_id=LESSON,
    version=0,
    school_id=SCHOOL,
    starts_at=datetime(2026, 11, 23, 7, tzinfo=UTC),
    ends_at=datetime(2026, 11, 23, 8, tzinfo=UTC),
    subject_id=SUBJECT,
)
TAUGHT = SubjectStated(subject_id=SUBJECT, version=0, school_id=SCHOOL, name="Matematik")
KNOWN = Known(persons={PUPIL}, lessons={LESSON: PLANNED}, subjects={SUBJECT: TAUGHT})


def one(resource: Resource, raw: Any, known: Known = KNOWN) -> Stated:
    return read(resource, raw, known).stated[0]


def recorded(**more: Any) -> AttendanceRecorded:
    event = one(Resource.ATTENDANCES, attendance(**more)).event
    assert isinstance(event, AttendanceRecorded)
    return event


def test_a_lesson_is_at_the_school_of_its_activity() -> None:
    event = one(Resource.CALENDAR_EVENTS, calendar_event()).event
    assert event == PLANNED


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2026-03-29T01:30:00", "2026-03-29T03:30:00", 60),
        ("2026-10-25T01:30:00", "2026-10-25T03:30:00", 180),
        ("2028-02-29T08:00:00", "2028-02-29T09:00:00", 60),
    ],
)
def test_local_times_are_right_on_both_dst_days_and_on_the_leap_day(start: str, end: str, minutes: int) -> None:
    event = one(Resource.CALENDAR_EVENTS, calendar_event(startTime=start, endTime=end)).event
    assert isinstance(event, LessonPlanned)
    assert (event.ends_at - event.starts_at).total_seconds() == minutes * 60


def test_nobody_is_expected_to_report_a_teachers_meeting() -> None:
    known = Known(subjects={SUBJECT: TAUGHT.model_copy(update={"attendance_taken": False})})
    event = one(Resource.CALENDAR_EVENTS, calendar_event(), known).event
    assert isinstance(event, LessonPlanned)
    assert not event.attendance_taken


def test_a_cancelled_lesson_is_stated_as_cancelled() -> None:
    event = one(Resource.CALENDAR_EVENTS, calendar_event(cancelled=True)).event
    assert isinstance(event, LessonPlanned)
    assert event.cancelled


def test_a_lesson_of_an_unknown_activity_waits() -> None:
    with pytest.raises(Permanent, match=f"{SUBJECT}.*goes through by itself"):
        read(Resource.CALENDAR_EVENTS, calendar_event(), Known())


def test_a_lesson_that_ends_before_it_begins_is_held() -> None:
    with pytest.raises(Permanent, match="ends before it begins"):
        read(Resource.CALENDAR_EVENTS, calendar_event(endTime="2026-11-23T07:00:00+01:00"), KNOWN)


def test_a_result_takes_its_times_and_school_from_the_lesson() -> None:
    event = recorded()
    assert (event.school_id, event.starts_at, event.ends_at) == (SCHOOL, PLANNED.starts_at, PLANNED.ends_at)
    assert (event.is_reported, event.invalid_minutes) == (True, 60)


def test_a_result_that_nobody_has_reported_says_so() -> None:
    assert recorded(isReported=False).is_reported is False
    assert recorded(isReported=None).is_reported is False


def test_valid_and_invalid_minutes_may_both_be_there() -> None:
    event = recorded(validAbsenceMinutes=20, invalidAbsenceMinutes=10, attendanceMinutes=30)
    assert (event.attended_minutes, event.valid_minutes, event.invalid_minutes) == (30, 20, 10)


def test_time_in_the_pupils_council_counts_as_attended() -> None:
    assert recorded(attendanceMinutes=20, otherAttendanceMinutes=40).attended_minutes == 60


def test_a_result_deleted_and_entered_anew_is_one_thing_with_another_row() -> None:
    first, second = one(Resource.ATTENDANCES, attendance()), one(Resource.ATTENDANCES, attendance())
    assert first.key == second.key
    assert first.ref != second.ref


@pytest.mark.parametrize("minutes", [-1, 1441, 10**30, "many"])
def test_minutes_that_cannot_be_hold_the_row(minutes: object) -> None:
    with pytest.raises(Permanent):
        recorded(invalidAbsenceMinutes=minutes)


def test_a_result_of_a_pupil_nobody_knows_waits() -> None:
    with pytest.raises(Permanent, match=f"pupil {PUPIL} is not known yet"):
        read(Resource.ATTENDANCES, attendance(), Known(lessons={LESSON: PLANNED}))


def test_a_result_in_a_lesson_nobody_knows_waits() -> None:
    with pytest.raises(Permanent, match=f"lesson {LESSON} is not known yet"):
        read(Resource.ATTENDANCES, attendance(), Known(persons={PUPIL}))


def test_references_may_be_bare_ids_as_in_older_drafts() -> None:
    assert recorded(student=str(PUPIL), calendarEvent=str(LESSON)).pupil_id == PUPIL


def test_a_reported_absence_is_kept_with_its_times() -> None:
    event = one(Resource.ABSENCES, absence()).event
    assert isinstance(event, AbsenceReported)
    assert event.starts_at == datetime(2026, 11, 22, 23, tzinfo=UTC)


def test_an_absence_pushed_twice_without_an_id_is_one_absence() -> None:
    first, second = (one(Resource.ABSENCES, absence(id=None)) for _ in range(2))
    assert first.key == second.key


def line(**more: Any) -> dict[str, Any]:
    return {"pupil_id": str(PUPIL), "lesson_id": str(LESSON), "invalid_minutes": "60", **more}


def test_a_line_of_a_plain_file_is_the_same_result_as_the_registrys_own_row() -> None:
    said = one(Resource.ATTENDANCE_LINES, line())
    assert said.key == one(Resource.ATTENDANCES, attendance()).key
    assert said.id == said.ref == derived_id("attendance", PUPIL, LESSON)


def test_a_line_may_bring_its_own_lesson() -> None:
    times = {"starts_at": "2026-11-23 08:00", "ends_at": "2026-11-23 09:00", "school_id": str(SCHOOL)}
    other = uuid4()
    event = one(Resource.ATTENDANCE_LINES, line(lesson_id=str(other), **times)).event
    assert isinstance(event, AttendanceRecorded)
    assert (event.lesson_id, event.starts_at) == (other, PLANNED.starts_at)


def test_a_line_that_brings_only_half_a_lesson_waits_for_it() -> None:
    with pytest.raises(Permanent, match="not known yet"):
        one(Resource.ATTENDANCE_LINES, line(lesson_id=str(uuid4()), starts_at="2026-11-23 08:00"))
