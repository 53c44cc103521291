"""The tables of the portal's own database: the duty ledger, the school day, and what people decide and ask."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, LargeBinary, Table, Text, Uuid
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
EMPTY = {"server_default": "[]"}


class Base(SQLModel):
    """Base of this service's tables."""

    metadata = metadata


class Duty(Base, table=True):
    """A duty and how far it has come; `version` is the rank of its status, so it only moves forward.

    `moved_at` is when that was last said: a duty that follows its pupil to another school, or its term to another
    last day, is said again. `flags` is what its moments and acknowledgements have put on record
    (`services.portal.domain.duties.Seen`).
    """

    __tablename__ = "duty"
    __table_args__ = (
        Index("ix_duty_school_day", "school_id", "day"),
        Index("ix_duty_pupil_day", "pupil_id", "day"),
        walled(Wall.SCHOOL),
    )

    duty_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    pupil_id: UUID
    school_id: UUID
    day: date
    moved_at: datetime = Field(sa_type=INSTANT)
    flags: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class DutyMoment(Base, table=True):
    """When a duty reached a status, and what proves it; `reason` is a code word for why nobody could be reached."""

    __tablename__ = "duty_moment"
    __table_args__ = (
        Index("ix_duty_moment_evidence_id", "evidence_id"),
        walled(Wall.PARENT, "duty.duty_id"),
    )

    duty_id: UUID = Field(primary_key=True)
    status: str = Field(sa_type=Text, primary_key=True)
    at: datetime = Field(sa_type=INSTANT)
    evidence_id: UUID | None = None
    reason: str | None = Field(default=None, sa_type=Text)


class Lesson(Base, table=True):
    """A planned lesson on its school's own date."""

    __tablename__ = "lesson"
    __table_args__ = (
        Index("ix_lesson_school_day", "school_id", "day"),
        Index("ix_lesson_subject_day", "subject_id", "day"),
        walled(Wall.SCHOOL),
    )

    lesson_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    school_id: UUID
    day: date
    starts_at: datetime | None = Field(default=None, sa_type=INSTANT)  # null: read before it was kept
    ends_at: datetime = Field(sa_type=INSTANT)
    cancelled: bool
    subject_id: UUID | None = None


class LessonMark(Base, table=True):
    """Something that happened once to a lesson: `reported` or `alerted`."""

    __tablename__ = "lesson_mark"
    __table_args__ = (walled(Wall.PARENT, "lesson.lesson_id"),)

    lesson_id: UUID = Field(primary_key=True)
    mark: str = Field(sa_type=Text, primary_key=True)


class Absence(Base, table=True):
    """An unexcused absence that was noticed: one pupil, one day."""

    __tablename__ = "absence"
    __table_args__ = (
        Index("ix_absence_school_day", "school_id", "day"),
        Index("ix_absence_pupil_day", "pupil_id", "day"),
        walled(Wall.SCHOOL),
    )

    notice_id: UUID = Field(primary_key=True)
    pupil_id: UUID | None = None  # null: read before it was kept
    school_id: UUID
    day: date
    late: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    noticed_at: datetime | None = Field(default=None, sa_type=INSTANT)


class Delivery(Base, table=True):
    """A message to one person that is over; `person_id` null is the school itself.

    `pupil_id` is whom it was about and `path` what it opens, where the request named them.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_person_at", "person_id", "at"), walled(Wall.SCHOOL))

    delivery_id: UUID = Field(primary_key=True)
    notification_id: UUID = Field(index=True)
    person_id: UUID | None = None
    school_id: UUID
    kind: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    why: str | None = Field(default=None, sa_type=Text)
    at: datetime = Field(sa_type=INSTANT)
    pupil_id: UUID | None = None
    path: str | None = Field(default=None, sa_type=Text)


class Acknowledgement(Base, table=True):
    """Somebody with the right has said that they have read a notice: the duty is understood."""

    __tablename__ = "acknowledgement"
    __table_args__ = (walled(Wall.PARENT, "duty.duty_id"),)

    duty_id: UUID = Field(primary_key=True)
    person_id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=INSTANT)


class Talk(Base, table=True):
    """A talk as the scheduling service last stated it: when, where, and how far it has come. Who comes: `TalkGuest`.

    `was_from` and `was_to` are the last time it had, so that a calendar can be told when it has none any more;
    `heard_at` is when this version was read. `pupil_signed`: the pupil has signed the plan as it stands.
    """

    __tablename__ = "talk"
    __table_args__ = (Index("ix_talk_pupil_id", "pupil_id"), walled(Wall.TENANT))

    talk_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    school_id: UUID
    pupil_id: UUID
    kind: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)  # shared.events.scheduling.TalkState
    starts_at: datetime | None = Field(default=None, sa_type=INSTANT)
    ends_at: datetime | None = Field(default=None, sa_type=INSTANT)
    place: str | None = Field(default=None, sa_type=Text)
    video: bool = False
    sequence: int = 0
    answer_by: datetime | None = Field(default=None, sa_type=INSTANT)
    books_from: datetime | None = Field(default=None, sa_type=INSTANT)
    books_until: datetime | None = Field(default=None, sa_type=INSTANT)
    was_from: datetime | None = Field(default=None, sa_type=INSTANT)
    was_to: datetime | None = Field(default=None, sa_type=INSTANT)
    pupil_signed: bool = False
    heard_at: datetime = Field(sa_type=INSTANT)


class TalkGuest(Base, table=True):
    """A guardian whom a talk is arranged for. It says whose talk it is, never that they may be told now.

    `signed`: they have signed the plan as it stands.
    """

    __tablename__ = "talk_guest"
    __table_args__ = (walled(Wall.PARENT, "talk.talk_id"),)

    talk_id: UUID = Field(primary_key=True)
    person_id: UUID = Field(primary_key=True)
    signed: bool = False


class Commitment(Base, table=True):
    """Something that was agreed in a talk, without its words: whose it is, until when, and how far it has come."""

    __tablename__ = "commitment"
    __table_args__ = (Index("ix_commitment_pupil_id", "pupil_id"), walled(Wall.TENANT))

    commitment_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    pupil_id: UUID
    talk_id: UUID
    owner: str = Field(sa_type=Text)  # shared.events.scheduling.Owner
    due: date | None = None
    status: str = Field(sa_type=Text)  # shared.events.scheduling.CommitmentStatus
    heard_at: datetime = Field(sa_type=INSTANT)


class Bulletin(Base, table=True):
    """A bulletin or piece of school information as the bulletins service last stated it; its words are there."""

    __tablename__ = "bulletin"
    __table_args__ = (Index("ix_bulletin_school_sent", "school_id", "sent_at"), walled(Wall.SCHOOL))

    bulletin_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    school_id: UUID
    kind: str = Field(sa_type=Text)  # shared.events.notify.MailingKind
    group_ids: list[str] = Field(sa_type=JSONB)
    titles: list[dict[str, str]] = Field(sa_type=JSONB)  # shared.events.bulletins.Title, in order
    sent_at: datetime = Field(sa_type=INSTANT)
    number: int = 0
    of: int = 0
    withdrawn: bool = False


class Preference(Base, table=True):
    """How a person wants to be told; quiet hours are local times where the school is."""

    __tablename__ = "preference"
    __table_args__ = (walled(Wall.TENANT),)

    person_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    version: int = Field(sa_type=BigInteger)
    language: str | None = Field(default=None, sa_type=Text)
    email: bool
    quiet_from: time | None = None
    quiet_to: time | None = None
    channels: list[str] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=EMPTY)
    choices: list[dict[str, str]] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=EMPTY)
    digest_at: time | None = None
    push: list[dict[str, str]] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=EMPTY)


class Approval(Base, table=True):
    """One signature under a consent: everyone with custody signs, or the pupil who is of age."""

    __tablename__ = "approval"
    __table_args__ = (Index("ix_approval_pupil_id", "pupil_id"), walled(Wall.TENANT))

    consent_id: UUID = Field(primary_key=True)
    signed_by: UUID = Field(primary_key=True)
    tenant_id: UUID
    pupil_id: UUID
    person_id: UUID
    at: datetime = Field(sa_type=INSTANT)


class Question(Base, table=True):
    """What is asked of a person and waits for an answer; `rights` asks a pupil of 18 who may go on being told."""

    __tablename__ = "question"
    __table_args__ = (walled(Wall.TENANT),)

    person_id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text, primary_key=True)
    tenant_id: UUID
    asked_at: datetime = Field(sa_type=INSTANT)
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)


class Feed(Base, table=True):
    """A person's secret calendar address; only a digest of the secret is kept. A new one ends the old."""

    __tablename__ = "feed"
    __table_args__ = (walled(Wall.TENANT),)

    person_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    digest: str = Field(sa_type=Text, unique=True)
    made_at: datetime = Field(sa_type=INSTANT)


class Login(Base, table=True):
    """A session that has begun: what RP-initiated logout needs, and whether it was ended before its time."""

    __tablename__ = "login"
    __table_args__ = (Index("ix_login_person_id", "person_id"), walled(Wall.TENANT))

    session_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    person_id: UUID
    provider: str = Field(sa_type=Text)
    acr: str | None = Field(default=None, sa_type=Text)
    id_token: str | None = Field(default=None, sa_type=Text)
    began_at: datetime = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)


class Draft(Base, table=True):
    """What somebody was writing when the session ended, kept until they come back; `fields` is JSON."""

    __tablename__ = "draft"
    __table_args__ = (walled(Wall.TENANT),)

    person_id: UUID = Field(primary_key=True)
    path: str = Field(sa_type=Text, primary_key=True)
    tenant_id: UUID
    fields: str = Field(sa_type=Text)
    kept_at: datetime = Field(sa_type=INSTANT)


class ServiceHealth(Base, table=True):
    """The latest word of each service about itself; counts only, so every municipality may see it."""

    __tablename__ = "service_health"
    __table_args__ = (walled(Wall.EVERYONE),)

    service: str = Field(sa_type=Text, primary_key=True)
    version: int = Field(sa_type=BigInteger)
    dead_letters: int
    reported_at: datetime = Field(sa_type=INSTANT)


class SourceState(Base, table=True):
    """The latest word of the registry service about each registry that is connected."""

    __tablename__ = "source_state"
    __table_args__ = (walled(Wall.TENANT),)

    name: str = Field(sa_type=Text, primary_key=True)
    tenant_id: UUID
    last_run_at: datetime | None = Field(default=None, sa_type=INSTANT)
    last_good_at: datetime | None = Field(default=None, sa_type=INSTANT)
    error: str | None = Field(default=None, sa_type=Text)
    held: int
    quarantined: int


audit_entry = Table(
    "audit_entry",
    metadata,
    Column("entry_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("viewer_id", Uuid, nullable=False, comment="who looked or did something"),
    Column("pupil_id", Uuid, comment="whose data it was; null when it was nobody's in particular"),
    Column("what", Text, nullable=False, comment="a code word: the page or the act"),
    Column("about", Text, comment="an id the act was about; never a name"),
    Index("ix_audit_entry_pupil_at", "pupil_id", "at"),
    Index("ix_audit_entry_tenant_at", "tenant_id", "at"),
    **walled(Wall.APPEND_ONLY),
)

audit_seal = Table(
    "audit_seal",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("number", BigInteger, primary_key=True, comment="1, 2, 3 … within the municipality"),
    Column("entry_id", Uuid, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 over the digest before and the entry"),
    **walled(Wall.APPEND_ONLY),
)

privacy_request = Table(
    "privacy_request",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("wish", Text, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("requested_at", INSTANT, nullable=False),
    **walled(Wall.MACHINE),
)

privacy_answer = Table(
    "privacy_answer",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("request_id", Uuid, nullable=False, index=True),
    Column("service", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("content", JSONB, comment="for an export; removed once it was handed out"),
    Column("answered_at", INSTANT, nullable=False),
    **walled(Wall.MACHINE),
)
