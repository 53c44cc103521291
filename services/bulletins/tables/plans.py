"""What is owed by when: half-years, the places of bulletins in them, and what each pupil's home is owed."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.bulletins.tables.base import INSTANT, Base
from shared.db.walls import Wall, walled


class HalfYear(Base, table=True):
    """A half-year of one school. `quota`: how many bulletins each class owes. `approval`: the principal reads first."""

    __tablename__ = "half_year"
    __table_args__ = (Index("ix_half_year_school_id", "school_id", "starts"), walled(Wall.SCHOOL))

    half_year_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    school_id: UUID
    starts: date
    ends: date  # the last day
    quota: int = 3
    approval: bool = False
    by_hand: bool = False  # a person has set the dates: they are not worked out again


class Place(Base, table=True):
    """The place of one bulletin of one class in the half-year: number 1, 2, 3, to be sent by `due_on`."""

    __tablename__ = "place"
    __table_args__ = (
        UniqueConstraint("half_year_id", "group_id", "number"),
        Index("ix_place_group_id", "group_id", "due_on"),
        Index("ix_place_school_id", "school_id", "due_on"),
        walled(Wall.SCHOOL),
    )

    place_id: UUID = Field(primary_key=True)
    half_year_id: UUID = Field(foreign_key="half_year.half_year_id")
    school_id: UUID
    group_id: UUID
    number: int
    due_on: date
    moved_by: UUID | None = None  # a teacher has chosen the date
    reminded_at: datetime | None = Field(default=None, sa_type=INSTANT)
    late_told_at: datetime | None = Field(default=None, sa_type=INSTANT)
    bulletin_id: UUID | None = None  # what filled it, once sent
    filled_at: datetime | None = Field(default=None, sa_type=INSTANT)


class Owed(Base, table=True):
    """One pupil's home is owed one bulletin, or the school's information; as it was last said on duties.v1."""

    __tablename__ = "owed"
    __table_args__ = (
        Index("ix_owed_place_id", "place_id"),
        Index("ix_owed_pupil_id", "pupil_id", "last_day"),
        walled(Wall.SCHOOL),
    )

    duty_id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)  # shared.events.duties.DutyKind
    place_id: UUID | None = None
    school_year: str | None = Field(default=None, sa_type=Text)  # “2026/2027”, for information
    school_id: UUID
    pupil_id: UUID
    last_day: date
    status: str = Field(sa_type=Text)  # shared.events.duties.DutyStatus
    bulletin_id: UUID | None = None


class Activity(Base, table=True):
    """A line in a class's diary: what happened, or what will. The next bulletin is drafted from it."""

    __tablename__ = "activity"
    __table_args__ = (Index("ix_activity_group_id", "group_id", "on"), walled(Wall.SCHOOL))

    activity_id: UUID = Field(primary_key=True)
    school_id: UUID
    group_id: UUID
    on: date
    words: str = Field(sa_type=Text)
    author_id: UUID
    written_at: datetime = Field(sa_type=INSTANT)


class KnownMeeting(Base, table=True):
    """A meeting or day to visit as the scheduling service last stated it."""

    __tablename__ = "known_meeting"
    __table_args__ = (Index("ix_known_meeting_school_id", "school_id", "starts_at"), walled(Wall.SCHOOL))

    meeting_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    school_id: UUID
    group_ids: list[str] = Field(sa_type=JSONB)
    kind: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    place: str | None = Field(default=None, sa_type=Text)
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    cancelled: bool = False


class KnownTalk(Base, table=True):
    """A talk as the scheduling service last stated it: when, and how far it has come."""

    __tablename__ = "known_talk"
    __table_args__ = (
        Index("ix_known_talk_pupil_id", "pupil_id"),
        Index("ix_known_talk_round_id", "round_id"),
        walled(Wall.SCHOOL),
    )

    talk_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    school_id: UUID
    round_id: UUID
    pupil_id: UUID
    kind: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)  # shared.events.scheduling.TalkState
    starts_at: datetime | None = Field(default=None, sa_type=INSTANT)


class AbsenceMonth(Base, table=True):
    """A pupil's absence sums as last said in a month (minutes in the school year); for the trend of a class only."""

    __tablename__ = "absence_month"
    __table_args__ = (walled(Wall.SCHOOL),)

    pupil_id: UUID = Field(primary_key=True)
    month: date = Field(primary_key=True)  # its first day
    version: int = Field(sa_type=BigInteger)
    school_id: UUID
    since: date
    until: date
    planned: int
    missed: int
