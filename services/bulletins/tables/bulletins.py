"""Bulletins and school information: written, approved, sent, reached, read, answered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.bulletins.tables.base import INSTANT, Base
from shared.db.walls import Wall, walled


class Bulletin(Base, table=True):
    """A class bulletin, or a piece of school information.

    `topic` says what kind of information it is (`domain.information.Topic`), null for a class bulletin. `edition`
    counts what replaced what; `replaces_id` is the earlier edition. `send_at` None: as soon as it may.
    """

    __tablename__ = "bulletin"
    __table_args__ = (
        Index("ix_bulletin_school_id", "school_id", "sent_at"),
        Index("ix_bulletin_place_id", "place_id"),
        walled(Wall.SCHOOL),
    )

    bulletin_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    school_id: UUID
    author_id: UUID
    kind: str = Field(sa_type=Text)  # shared.events.notify.MailingKind
    topic: str | None = Field(default=None, sa_type=Text)
    school_year: str | None = Field(default=None, sa_type=Text)
    edition: int = 1
    replaces_id: UUID | None = None
    place_id: UUID | None = Field(default=None, foreign_key="place.place_id")
    number: int = 0
    of: int = 0
    state: str = Field(sa_type=Text)  # domain.bulletins.BulletinState
    must_read: bool = False
    send_at: datetime | None = Field(default=None, sa_type=INSTANT)
    approver_id: UUID | None = None
    approved_at: datetime | None = Field(default=None, sa_type=INSTANT)
    returned: str | None = Field(default=None, sa_type=Text)  # what the approver wants changed
    waived: list[str] = Field(default_factory=list, sa_type=JSONB)  # findings of the leak check the author answers for
    sent_at: datetime | None = Field(default=None, sa_type=INSTANT)
    withdrawn_at: datetime | None = Field(default=None, sa_type=INSTANT)
    reminded_at: datetime | None = Field(default=None, sa_type=INSTANT)
    written_at: datetime = Field(sa_type=INSTANT)
    changed_at: datetime = Field(sa_type=INSTANT)


class BulletinGroup(Base, table=True):
    """A class it is for."""

    __tablename__ = "bulletin_group"
    __table_args__ = (Index("ix_bulletin_group_group_id", "group_id"), walled(Wall.PARENT, "bulletin.bulletin_id"))

    bulletin_id: UUID = Field(primary_key=True, foreign_key="bulletin.bulletin_id")
    group_id: UUID = Field(primary_key=True)


class BulletinText(Base, table=True):
    """Its words in one language: Markdown by part (`learning` and `activities`, or `body`)."""

    __tablename__ = "bulletin_text"
    __table_args__ = (walled(Wall.PARENT, "bulletin.bulletin_id"),)

    bulletin_id: UUID = Field(primary_key=True, foreign_key="bulletin.bulletin_id")
    language: str = Field(sa_type=Text, primary_key=True)
    place: int = 0  # in the order in which the languages stand in for each other
    subject: str = Field(sa_type=Text)
    parts: dict[str, str] = Field(sa_type=JSONB)


class Attachment(Base, table=True):
    """A picture (made anew, without what cameras write into it) or a document. `alt`: what a picture shows."""

    __tablename__ = "attachment"
    __table_args__ = (Index("ix_attachment_bulletin_id", "bulletin_id"), walled(Wall.PARENT, "bulletin.bulletin_id"))

    attachment_id: UUID = Field(primary_key=True)
    bulletin_id: UUID = Field(foreign_key="bulletin.bulletin_id")
    name: str = Field(sa_type=Text)
    alt: str = Field(default="", sa_type=Text)
    content_type: str = Field(sa_type=Text)
    size: int
    content: bytes = Field(sa_type=LargeBinary)
    added_at: datetime = Field(sa_type=INSTANT)


class Reach(Base, table=True):
    """How the mailing ended for one person, and which pupils it was about to them."""

    __tablename__ = "reach"
    __table_args__ = (walled(Wall.PARENT, "bulletin.bulletin_id"),)

    bulletin_id: UUID = Field(primary_key=True, foreign_key="bulletin.bulletin_id")
    person_id: UUID = Field(primary_key=True)
    pupil_ids: list[str] = Field(sa_type=JSONB)
    status: str = Field(sa_type=Text)  # shared.events.notify.DeliveryStatus
    channel: str | None = Field(default=None, sa_type=Text)
    at: datetime = Field(sa_type=INSTANT)


class Reading(Base, table=True):
    """Somebody has read it: opened its page, or pressed the button behind the link in the mail."""

    __tablename__ = "reading"
    __table_args__ = (walled(Wall.PARENT, "bulletin.bulletin_id"),)

    bulletin_id: UUID = Field(primary_key=True, foreign_key="bulletin.bulletin_id")
    person_id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=INSTANT)
    how: str = Field(sa_type=Text)  # shared.events.notify.ReadBy


class Feedback(Base, table=True):
    """What a home says about a bulletin or about a round of talks; for the school, which sees no name with it."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("about_id", "person_id"),
        Index("ix_feedback_school_id", "school_id", "at"),
        walled(Wall.SCHOOL),
    )

    feedback_id: UUID = Field(primary_key=True)
    school_id: UUID
    group_id: UUID | None = None
    about: str = Field(sa_type=Text)  # domain.feedback.About: bulletin, round
    about_id: UUID
    person_id: UUID
    score: int | None = None  # 1 (no help) to 5 (much help)
    words: str = Field(default="", sa_type=Text)
    at: datetime = Field(sa_type=INSTANT)
