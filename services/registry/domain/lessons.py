"""Lessons, lesson results and reported absences of SS 12000 (and of our plain file) as our events."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.registry.domain.kinds import Kind
from services.registry.domain.roster import UNSET, marking_hints
from services.registry.domain.ss12000 import Absence, Attendance, AttendanceLine, CalendarEvent
from services.registry.domain.statements import Known, Reading, Stated
from services.registry.domain.values import Origin
from shared.errors import Permanent
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.ids import derived_id

WAITS = "It waits here and goes through by itself once the registry has sent it."


def lesson(row: CalendarEvent, origin: Origin, known: Known) -> Reading:
    """A calendar event as a lesson; its school is that of the activity."""
    subject = known.subjects.get(row.activity.id)
    if subject is None:
        raise Permanent(f"The activity {row.activity.id} of this lesson is not known yet. {WAITS}")
    starts_at, ends_at = _span(row.start_time, row.end_time, origin)
    event = LessonPlanned(
        lesson_id=row.id,
        version=UNSET,
        school_id=subject.school_id,
        starts_at=starts_at,
        ends_at=ends_at,
        cancelled=bool(row.cancelled),
        attendance_taken=subject.attendance_taken,
        subject_id=row.activity.id,
    )
    return Reading((Stated(Kind.LESSON, row.id, row.id, event, row.modified(origin)),))


def attendance(row: Attendance, origin: Origin, known: Known) -> Reading:
    """A lesson result. Time in another school activity counts as attended."""
    _must_know(row.student.id, known)
    planned = known.lessons.get(row.calendar_event.id)
    if planned is None:
        raise Permanent(_unknown_lesson(row.calendar_event.id))
    event = AttendanceRecorded(
        pupil_id=row.student.id,
        lesson_id=planned.lesson_id,
        version=UNSET,
        school_id=planned.school_id,
        starts_at=planned.starts_at,
        ends_at=planned.ends_at,
        is_reported=bool(row.is_reported),
        attended_minutes=(row.attendance_minutes or 0) + (row.other_attendance_minutes or 0),
        valid_minutes=row.valid_absence_minutes or 0,
        invalid_minutes=row.invalid_absence_minutes or 0,
    )
    result = _result(event, row.id, row.modified(origin))
    return Reading((result, *marking_hints([row.student])))


def attendance_line(row: AttendanceLine, origin: Origin, known: Known) -> Reading:
    """A lesson result from our plain file, which may bring the lesson's times and school itself."""
    _must_know(row.pupil_id, known)
    planned = known.lessons.get(row.lesson_id) or _planned_by(row, origin)
    event = AttendanceRecorded(
        pupil_id=row.pupil_id,
        lesson_id=row.lesson_id,
        version=UNSET,
        school_id=planned.school_id,
        starts_at=planned.starts_at,
        ends_at=planned.ends_at,
        is_reported=row.reported,
        attended_minutes=row.attended_minutes,
        valid_minutes=row.valid_minutes,
        invalid_minutes=row.invalid_minutes,
    )
    return Reading((_result(event, None, origin.instant(row.modified) if row.modified else None),))


def absence(row: Absence, origin: Origin, known: Known) -> Reading:
    """What the home said. One pushed without an id is recognised by pupil and time."""
    _must_know(row.student.id, known)
    starts_at, ends_at = _span(row.start_time, row.end_time, origin)
    report_id = row.id or derived_id("absence", row.student.id, starts_at.isoformat(), ends_at.isoformat())
    event = AbsenceReported(
        report_id=report_id, version=UNSET, pupil_id=row.student.id, starts_at=starts_at, ends_at=ends_at
    )
    stated = Stated(Kind.ABSENCE, report_id, report_id, event, row.modified(origin))
    return Reading((stated, *marking_hints([row.student])))


def _result(event: AttendanceRecorded, row_id: UUID | None, modified: datetime | None) -> Stated:
    """One record per pupil and lesson, whatever id the source gives it: a result deleted and entered anew is one."""
    result_id = derived_id("attendance", event.pupil_id, event.lesson_id)
    return Stated(Kind.ATTENDANCE, result_id, row_id or result_id, event, modified)


def _planned_by(row: AttendanceLine, origin: Origin) -> LessonPlanned:
    if row.school_id is None or row.starts_at is None or row.ends_at is None:
        raise Permanent(_unknown_lesson(row.lesson_id))
    starts_at, ends_at = _span(row.starts_at, row.ends_at, origin)
    return LessonPlanned(
        lesson_id=row.lesson_id, version=UNSET, school_id=row.school_id, starts_at=starts_at, ends_at=ends_at
    )


def _span(starts: datetime, ends: datetime, origin: Origin) -> tuple[datetime, datetime]:
    """Both instants in UTC. Raises Permanent when the end is not after the start."""
    starts_at, ends_at = origin.instant(starts), origin.instant(ends)
    if ends_at <= starts_at:
        raise Permanent("It ends before it begins; correct its times in the registry.")
    return starts_at, ends_at


def _must_know(pupil_id: UUID, known: Known) -> None:
    if pupil_id not in known.persons:
        raise Permanent(f"The pupil {pupil_id} is not known yet. {WAITS}")


def _unknown_lesson(lesson_id: UUID) -> str:
    return f"The lesson {lesson_id} is not known yet. {WAITS}"
