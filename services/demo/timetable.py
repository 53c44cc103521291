"""Lessons: five a day for every class between 08:20 and 14:00, and how they stand in the registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from services.demo import names
from services.demo.people import Municipality, SchoolClass, world_id
from services.demo.records import STOCKHOLM, Body, as_served
from services.demo.ss12000 import activity_id

STARTS = (time(8, 20), time(9, 20), time(10, 20), time(11, 50), time(12, 50))
LESSON_MINUTES = 50
STAGGER = timedelta(minutes=5)  # each school's bell rings a little later than the one before
STAGGERED_SCHOOLS = 3


@dataclass(frozen=True)
class Lesson:
    """One class's lesson; `period` counts from 1."""

    id: UUID
    school_class: SchoolClass
    activity_id: UUID
    period: int
    starts: datetime
    ends: datetime
    cancelled: bool = False

    def body(self) -> Body:
        """As SS 12000 has it."""
        return {
            "id": str(self.id),
            "activity": {"id": str(self.activity_id)},
            "startTime": as_served(self.starts),
            "endTime": as_served(self.ends),
            "cancelled": self.cancelled,
        }


@dataclass(frozen=True)
class Mark:
    """What a teacher says about one pupil in one lesson. `reported` False: the row is there, nobody has said."""

    lesson: Lesson
    pupil_id: UUID
    valid: int = 0
    invalid: int = 0
    reported: bool = True

    @property
    def id(self) -> UUID:
        """The attendance's id: one row per pupil and lesson."""
        return world_id(0, "attendance", self.lesson.id, self.pupil_id)

    def body(self) -> Body:
        """As SS 12000 has it."""
        return {
            "id": str(self.id),
            "student": {"id": str(self.pupil_id)},
            "calendarEvent": {"id": str(self.lesson.id)},
            "isReported": self.reported,
            "attendanceMinutes": LESSON_MINUTES - self.valid - self.invalid if self.reported else 0,
            "validAbsenceMinutes": self.valid,
            "invalidAbsenceMinutes": self.invalid,
        }


def local(day: date, at: time) -> datetime:
    """That wall-clock time at the schools, in UTC."""
    return datetime.combine(day, at, STOCKHOLM).astimezone(UTC)


def lessons_on(whole: Municipality, day: date) -> Iterator[Lesson]:
    """Every class's lessons that day."""
    for number, school_class in enumerate(whole.classes):
        late = STAGGER * (whole.schools.index(school_class.school) % STAGGERED_SCHOOLS)
        for period, at in enumerate(STARTS, start=1):
            code, _ = names.SUBJECTS[(number + period + day.weekday()) % len(names.SUBJECTS)]
            starts = local(day, at) + late
            yield Lesson(
                world_id(whole.seed, "lesson", school_class.id, day, period),
                school_class,
                activity_id(whole, school_class, code),
                period,
                starts,
                starts + timedelta(minutes=LESSON_MINUTES),
            )
