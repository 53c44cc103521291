"""The tables of the absence service's own database."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from shared.db.engine import new_metadata
from shared.db.walls import Wall, walled
from shared.messaging.tables import kit_tables
from shared.roster.projection import roster_table

metadata = new_metadata()
kit = kit_tables(metadata)
roster = roster_table(metadata)
INSTANT = DateTime(timezone=True)
UNEXCUSED = "is_reported and not withdrawn and invalid_minutes > 0"


class Base(SQLModel):
    """Base of this service's tables."""

    metadata = metadata


class LessonResult(Base, table=True):
    """The latest result of one pupil in one lesson; the version is the memory of what was seen."""

    __tablename__ = "lesson_result"
    __table_args__ = (
        Index("ix_lesson_result_unexcused", "pupil_id", "starts_at", postgresql_where=text(UNEXCUSED)),
        walled(Wall.SCHOOL),
    )

    pupil_id: UUID = Field(primary_key=True)
    lesson_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    school_id: UUID
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    is_reported: bool
    attended_minutes: int
    valid_minutes: int
    invalid_minutes: int
    withdrawn: bool


class AbsenceReport(Base, table=True):
    """What the home has said about a pupil's absence."""

    __tablename__ = "absence_report"
    __table_args__ = (Index("ix_absence_report_pupil", "pupil_id", "starts_at"), walled(Wall.MACHINE))

    report_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    pupil_id: UUID
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    withdrawn: bool


class Lesson(Base, table=True):
    """A planned lesson."""

    __tablename__ = "lesson"
    __table_args__ = (walled(Wall.SCHOOL),)

    lesson_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    school_id: UUID
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    cancelled: bool
    subject_id: UUID | None = None  # null: the registry does not say, or the plan was read before it was kept


class ReportedLesson(Base, table=True):
    """A lesson for which somebody has reported at least one pupil."""

    __tablename__ = "reported_lesson"
    __table_args__ = (walled(Wall.MACHINE),)

    lesson_id: UUID = Field(primary_key=True)


class AbsenceSum(Base, table=True):
    """What was last said about a pupil's absence this school year, so that only what has changed is said again.

    `subjects` are those of `shared.events.absence.AbsenceSummed`, in the order of their ids.
    """

    __tablename__ = "absence_sum"
    __table_args__ = (walled(Wall.SCHOOL),)

    pupil_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    school_id: UUID
    since: date
    subjects: list[dict[str, Any]] = Field(sa_type=JSONB)
    said_at: datetime = Field(sa_type=INSTANT)


class NoticeRow(Base, table=True):
    """A same-day notice."""

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("pupil_id", "day", "round"), walled(Wall.SCHOOL))

    notice_id: UUID = Field(primary_key=True)
    pupil_id: UUID
    school_id: UUID
    day: date
    round: int
    version: int = Field(sa_type=BigInteger)
    status: str = Field(sa_type=Text)
    late: bool
    lessons: int
    noticed_at: datetime = Field(sa_type=INSTANT)
    traceparent: str | None = Field(default=None, sa_type=Text)
