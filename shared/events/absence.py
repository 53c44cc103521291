"""What the absence service found. Owned by `absence`."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

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


class SubjectAbsence(BaseModel):
    """One subject's share: lessons that were reported, minutes planned in them, and minutes missed in them.

    `valid` minutes have a reason the school knows, `invalid` ones have none. Lessons nobody reported never count.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject_id: UUID | None = None
    lessons: int
    planned: int
    valid: int
    invalid: int


class AbsenceSummed(Event):
    """A pupil's absence from `since` to `until`, both included, by subject. A newer version replaces the older."""

    event_type: ClassVar[str] = "absence.summed.v1"
    topic: ClassVar[str] = ABSENCES.name

    pupil_id: UUID
    version: Version
    school_id: UUID
    tenant_id: UUID | None = None
    since: date
    until: date
    subjects: tuple[SubjectAbsence, ...] = ()

    def key(self) -> str:
        """The pupil."""
        return str(self.pupil_id)
