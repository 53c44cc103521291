"""Parent meetings, days to visit, and what guardians offer of their own experience."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field

from services.scheduling.tables.base import INSTANT, Base
from shared.db.walls import Wall, walled


class Meeting(Base, table=True):
    """A parent meeting or a day to visit. `seats` None: as many as come."""

    __tablename__ = "meeting"
    __table_args__ = (Index("ix_meeting_school_id", "school_id", "starts_at"), walled(Wall.SCHOOL))

    meeting_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    school_id: UUID
    author_id: UUID
    kind: str = Field(sa_type=Text)  # domain.gatherings.MeetingKind
    title: str = Field(sa_type=Text)
    programme: str = Field(sa_type=Text)
    place: str = Field(sa_type=Text)
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    seats: int | None = None
    register_by: datetime | None = Field(default=None, sa_type=INSTANT)
    state: str = Field(sa_type=Text)  # domain.gatherings.MeetingState
    sequence: int = 0
    minutes: str | None = Field(default=None, sa_type=Text)
    minutes_at: datetime | None = Field(default=None, sa_type=INSTANT)


class MeetingClass(Base, table=True):
    """A class that is invited."""

    __tablename__ = "meeting_class"
    __table_args__ = (walled(Wall.PARENT, "meeting.meeting_id"),)

    meeting_id: UUID = Field(primary_key=True, foreign_key="meeting.meeting_id")
    group_id: UUID = Field(primary_key=True)


class Gathering(Base, table=True):
    """The part of a meeting in which one class gathers. Those of siblings' classes are at different times."""

    __tablename__ = "gathering"
    __table_args__ = (walled(Wall.PARENT, "meeting.meeting_id"),)

    meeting_id: UUID = Field(primary_key=True, foreign_key="meeting.meeting_id")
    group_id: UUID = Field(primary_key=True)
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    place: str = Field(sa_type=Text)
    host_id: UUID | None = None


class Registration(Base, table=True):
    """Somebody has said that they come, with how many. `came`: they were there."""

    __tablename__ = "registration"
    __table_args__ = (walled(Wall.PARENT, "meeting.meeting_id"),)

    meeting_id: UUID = Field(primary_key=True, foreign_key="meeting.meeting_id")
    person_id: UUID = Field(primary_key=True)
    pupil_id: UUID
    seats: int
    at: datetime = Field(sa_type=INSTANT)
    came: bool | None = None


class Offer(Base, table=True):
    """What a guardian can contribute: a profession, a visit, a skill. For the teachers of one school."""

    __tablename__ = "offer"
    __table_args__ = (Index("ix_offer_school_id", "school_id"), walled(Wall.SCHOOL))

    offer_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    school_id: UUID
    person_id: UUID
    title: str = Field(sa_type=Text)
    words: str = Field(sa_type=Text)
    made_at: datetime = Field(sa_type=INSTANT)
    withdrawn_at: datetime | None = Field(default=None, sa_type=INSTANT)


class OfferAsked(Base, table=True):
    """A teacher has asked for it."""

    __tablename__ = "offer_asked"
    __table_args__ = (walled(Wall.PARENT, "offer.offer_id"),)

    asked_id: UUID = Field(primary_key=True)
    offer_id: UUID = Field(foreign_key="offer.offer_id")
    author_id: UUID
    words: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_type=INSTANT)
    answer: str | None = Field(default=None, sa_type=Text)  # domain.gatherings.Answer: yes, no
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)
