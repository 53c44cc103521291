"""What schools report about lessons. Owned by `registry`; ids and minutes only, never a reason."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared.events.envelope import Event, Instant, Minutes, Version
from shared.topics import ATTENDANCE, LESSONS


class LessonPlanned(Event):
    """A lesson that is to be held (or was cancelled). The latest version counts.

    Where `attendance_taken` is false (a teachers' meeting) nobody is expected to report anything.
    """

    event_type: ClassVar[str] = "lesson.planned.v1"
    topic: ClassVar[str] = LESSONS.name

    lesson_id: UUID
    version: Version
    school_id: UUID
    starts_at: Instant
    ends_at: Instant
    cancelled: bool = False
    attendance_taken: bool = True
    subject_id: UUID | None = None

    def key(self) -> str:
        """The lesson."""
        return str(self.lesson_id)


class AttendanceRecorded(Event):
    """One pupil's result in one lesson, as the teacher left it; a correction is the same with a higher version.

    `is_reported` false means that nobody has reported yet and never counts as absence. `withdrawn` means the
    registry has taken the result back. Valid and invalid minutes may both be above 0 in one lesson.
    """

    event_type: ClassVar[str] = "attendance.recorded.v1"
    topic: ClassVar[str] = ATTENDANCE.name

    pupil_id: UUID
    lesson_id: UUID
    version: Version
    school_id: UUID
    starts_at: Instant
    ends_at: Instant
    is_reported: bool
    attended_minutes: Minutes = 0
    valid_minutes: Minutes = 0
    invalid_minutes: Minutes = 0
    withdrawn: bool = False

    def key(self) -> str:
        """The pupil, so that results and reported absences of one child stay in order."""
        return str(self.pupil_id)


class AbsenceReported(Event):
    """The home (or the school for it) has said that a pupil will be away, or leave was granted."""

    event_type: ClassVar[str] = "absence.reported.v1"
    topic: ClassVar[str] = ATTENDANCE.name

    report_id: UUID
    version: Version
    pupil_id: UUID
    starts_at: Instant
    ends_at: Instant
    withdrawn: bool = False

    def key(self) -> str:
        """The pupil."""
        return str(self.pupil_id)
