"""What the absence service found. Owned by `absence`."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from shared.events.envelope import Event, Instant, Version
from shared.topics import ABSENCES


class AbsenceNoticed(Event):
    """A pupil is missing without a known reason; the grace period has begun. Once per pupil and school day."""

    event_type: ClassVar[str] = "absence.noticed.v1"
    topic: ClassVar[str] = ABSENCES.name

    notice_id: UUID
    version: Version
    pupil_id: UUID
    school_id: UUID
    day: date
    late: bool = False
    noticed_at: Instant

    def key(self) -> str:
        """The pupil."""
        return str(self.pupil_id)


class LessonReported(Event):
    """Somebody has said who was in the lesson; said once, at the first report."""

    event_type: ClassVar[str] = "lesson.reported.v1"
    topic: ClassVar[str] = ABSENCES.name

    lesson_id: UUID
    school_id: UUID
    starts_at: Instant

    def key(self) -> str:
        """The lesson."""
        return str(self.lesson_id)


class LessonUnreported(Event):
    """A lesson ended a while ago and nobody has said who was there: the school is told, no home is."""

    event_type: ClassVar[str] = "lesson.unreported.v1"
    topic: ClassVar[str] = ABSENCES.name

    lesson_id: UUID
    school_id: UUID
    day: date
    found_at: Instant

    def key(self) -> str:
        """The lesson."""
        return str(self.lesson_id)
