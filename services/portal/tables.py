"""The tables of the portal's own database: the duty ledger and the school day as it happens."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, Text
from sqlmodel import Field, SQLModel

from shared.db.engine import new_metadata
from shared.messaging.tables import kit_tables
from shared.roster.projection import roster_table

metadata = new_metadata()
kit = kit_tables(metadata)
roster = roster_table(metadata)
INSTANT = DateTime(timezone=True)


class Base(SQLModel):
    """Base of this service's tables."""

    metadata = metadata


class Duty(Base, table=True):
    """A duty and how far it has come; `version` is the rank of its status, so it only moves forward."""

    __tablename__ = "duty"
    __table_args__ = (Index("ix_duty_school_day", "school_id", "day"),)

    duty_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    pupil_id: UUID
    school_id: UUID
    day: date
    moved_at: datetime = Field(sa_type=INSTANT)


class DutyMoment(Base, table=True):
    """When a duty reached a status, and what proves it."""

    __tablename__ = "duty_moment"

    duty_id: UUID = Field(primary_key=True)
    status: str = Field(sa_type=Text, primary_key=True)
    at: datetime = Field(sa_type=INSTANT)
    evidence_id: UUID | None = None


class Lesson(Base, table=True):
    """A planned lesson on its school's own date."""

    __tablename__ = "lesson"
    __table_args__ = (Index("ix_lesson_school_day", "school_id", "day"),)

    lesson_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    school_id: UUID
    day: date
    ends_at: datetime = Field(sa_type=INSTANT)
    cancelled: bool


class LessonMark(Base, table=True):
    """Something that happened once to a lesson: `reported` or `alerted`."""

    __tablename__ = "lesson_mark"

    lesson_id: UUID = Field(primary_key=True)
    mark: str = Field(sa_type=Text, primary_key=True)


class Absence(Base, table=True):
    """An unexcused absence that was noticed: one pupil, one day."""

    __tablename__ = "absence"
    __table_args__ = (Index("ix_absence_school_day", "school_id", "day"),)

    notice_id: UUID = Field(primary_key=True)
    school_id: UUID
    day: date


class Delivery(Base, table=True):
    """A message to one person that is over."""

    __tablename__ = "delivery"

    delivery_id: UUID = Field(primary_key=True)
    notification_id: UUID = Field(index=True)
    school_id: UUID
    kind: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=INSTANT)
