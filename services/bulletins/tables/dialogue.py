"""Conversations between a home and its school: about one pupil, between named parties, each of them an equal."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field

from services.bulletins.tables.base import INSTANT, Base
from shared.db.walls import Wall, walled


class Thread(Base, table=True):
    """A conversation about one pupil; `subject` is of a closed vocabulary. Whoever wrote first opened it."""

    __tablename__ = "thread"
    __table_args__ = (
        Index("ix_thread_pupil_id", "pupil_id"),
        Index("ix_thread_school_id", "school_id"),
        walled(Wall.SCHOOL),
    )

    thread_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    school_id: UUID
    pupil_id: UUID
    subject: str = Field(sa_type=Text)  # domain.dialogue.Subject
    opened_at: datetime = Field(sa_type=INSTANT)
    last_at: datetime = Field(sa_type=INSTANT)
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)


class Party(Base, table=True):
    """Somebody who takes part: guardian, pupil or staff. Whether they may still is asked at every look."""

    __tablename__ = "party"
    __table_args__ = (Index("ix_party_person_id", "person_id"), walled(Wall.PARENT, "thread.thread_id"))

    thread_id: UUID = Field(primary_key=True, foreign_key="thread.thread_id")
    person_id: UUID = Field(primary_key=True)
    part: str = Field(sa_type=Text)  # domain.dialogue.Part: guardian, pupil, staff
    joined_at: datetime = Field(sa_type=INSTANT)
    left_at: datetime | None = Field(default=None, sa_type=INSTANT)
    read_at: datetime | None = Field(default=None, sa_type=INSTANT)


class Message(Base, table=True):
    """What one of them wrote: `person_id` of the home, or `author_id` of the staff (the school's own record).

    Held until `held_until` in the evening; `told_at`: when the others were told.
    """

    __tablename__ = "message"
    __table_args__ = (Index("ix_message_thread_id", "thread_id", "written_at"), walled(Wall.PARENT, "thread.thread_id"))

    message_id: UUID = Field(primary_key=True)
    thread_id: UUID = Field(foreign_key="thread.thread_id")
    person_id: UUID | None = None
    author_id: UUID | None = None
    words: str = Field(sa_type=Text)
    urgent: bool = False
    written_at: datetime = Field(sa_type=INSTANT)
    held_until: datetime | None = Field(default=None, sa_type=INSTANT)
    told_at: datetime | None = Field(default=None, sa_type=INSTANT)


class MessageFile(Base, table=True):
    """What was attached."""

    __tablename__ = "message_file"
    __table_args__ = (Index("ix_message_file_message_id", "message_id"), walled(Wall.PARENT, "message.message_id"))

    file_id: UUID = Field(primary_key=True)
    message_id: UUID = Field(foreign_key="message.message_id")
    name: str = Field(sa_type=Text)
    content_type: str = Field(sa_type=Text)
    size: int
    content: bytes = Field(sa_type=LargeBinary)
