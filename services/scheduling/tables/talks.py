"""Talks, what was said and agreed in them, and what is owed. They follow the pupil through all the schools."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlmodel import Field

from services.scheduling.tables.base import INSTANT, Base
from shared.db.walls import Wall, walled


class Talk(Base, table=True):
    """One talk: with one pupil, and with these guardians. `household` is 0 for a talk of all, else whose talk it is.

    `sequence` grows with every change of time or place after the first invitation, and with the cancelling.
    """

    __tablename__ = "talk"
    __table_args__ = (
        Index("ix_talk_pupil_id", "pupil_id"),
        Index("ix_talk_round_id", "round_id"),
        Index("uq_talk_slot_id", "slot_id", unique=True),
        walled(Wall.TENANT),
    )

    talk_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    school_id: UUID
    round_id: UUID = Field(foreign_key="round.round_id")
    group_id: UUID
    pupil_id: UUID
    household: int = 0
    guardian_ids: list[UUID] = Field(sa_column=Column(ARRAY(PG_UUID), nullable=False))
    host_id: UUID | None = None
    kind: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)  # shared.events.scheduling.TalkState
    slot_id: UUID | None = None
    starts_at: datetime | None = Field(default=None, sa_type=INSTANT)
    ends_at: datetime | None = Field(default=None, sa_type=INSTANT)
    room_id: UUID | None = None
    video: bool = False
    interpreter_id: UUID | None = None
    pinned: bool = False  # a new proposal leaves it where it is
    sequence: int = 0
    invited: bool = False  # a calendar entry has gone out
    declined: str | None = Field(default=None, sa_type=Text)  # a code word for why it has no time
    changed_at: datetime = Field(sa_type=INSTANT)


class Preparation(Base, table=True):
    """What one side has thought before the talk. The school's is hidden until it is shared, which cannot be undone."""

    __tablename__ = "preparation"
    __table_args__ = (walled(Wall.PARENT, "talk.talk_id"),)

    talk_id: UUID = Field(primary_key=True, foreign_key="talk.talk_id")
    side: str = Field(primary_key=True, sa_type=Text)  # domain.talks.Side
    version: int = Field(sa_type=BigInteger)
    answers: dict[str, Any] = Field(sa_type=JSONB)  # by the agenda's question codes
    author_id: UUID
    changed_at: datetime = Field(sa_type=INSTANT)
    shared_at: datetime | None = Field(default=None, sa_type=INSTANT)


class Record(Base, table=True):
    """What was said, as all agreed to write it down, and who was there."""

    __tablename__ = "record"
    __table_args__ = (walled(Wall.PARENT, "talk.talk_id"),)

    talk_id: UUID = Field(primary_key=True, foreign_key="talk.talk_id")
    version: int = Field(sa_type=BigInteger)
    summary: str = Field(sa_type=Text)
    present: list[UUID] = Field(sa_column=Column(ARRAY(PG_UUID), nullable=False))
    absence: dict[str, Any] | None = Field(default=None, sa_type=JSONB)  # the sums as they stood when it was held
    author_id: UUID
    held_at: datetime = Field(sa_type=INSTANT)
    changed_at: datetime = Field(sa_type=INSTANT)


class Signature(Base, table=True):
    """Somebody has signed the plan, in this version of the record."""

    __tablename__ = "signature"
    __table_args__ = (walled(Wall.PARENT, "talk.talk_id"),)

    talk_id: UUID = Field(primary_key=True, foreign_key="talk.talk_id")
    signed_by: UUID = Field(primary_key=True)
    record_version: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(sa_type=INSTANT)


class Commitment(Base, table=True):
    """What somebody promised: who, what, until when, and how it is followed up."""

    __tablename__ = "commitment"
    __table_args__ = (
        Index("ix_commitment_pupil_id", "pupil_id"),
        Index("ix_commitment_talk_id", "talk_id"),
        walled(Wall.TENANT),
    )

    commitment_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    school_id: UUID
    pupil_id: UUID
    talk_id: UUID = Field(foreign_key="talk.talk_id")
    owner: str = Field(sa_type=Text)  # shared.events.scheduling.Owner
    promised_by: UUID | None = None  # the adult: a guardian, or a member of staff
    what: str = Field(sa_type=Text)
    how: str = Field(sa_type=Text)  # how it is followed up
    due: date | None = None
    status: str = Field(sa_type=Text)  # shared.events.scheduling.CommitmentStatus
    changed_at: datetime = Field(sa_type=INSTANT)


class CheckIn(Base, table=True):
    """A question between talks to the one who promised. The id is the secret of the link; one tap answers it."""

    __tablename__ = "check_in"
    __table_args__ = (
        Index("ix_check_in_commitment_id", "commitment_id"),
        walled(Wall.PARENT, "commitment.commitment_id"),
    )

    check_in_id: UUID = Field(primary_key=True)
    commitment_id: UUID = Field(foreign_key="commitment.commitment_id")
    person_id: UUID
    asked_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime = Field(sa_type=INSTANT)
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)
    answer: str | None = Field(default=None, sa_type=Text)  # domain.commitments.Answer
    nudged_at: datetime | None = Field(default=None, sa_type=INSTANT)


class Adaptation(Base, table=True):
    """A support measure that may be about health: kept apart from the plan, shown after a stronger login only."""

    __tablename__ = "adaptation"
    __table_args__ = (Index("ix_adaptation_pupil_id", "pupil_id"), walled(Wall.SCHOOL))

    adaptation_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    school_id: UUID
    pupil_id: UUID
    words: str = Field(sa_type=Text)
    author_id: UUID
    noted_at: datetime = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)


class AbsenceSum(Base, table=True):
    """A pupil's absence by subject, as the absence service last summed it (`AbsenceSummed`)."""

    __tablename__ = "absence_sum"
    __table_args__ = (walled(Wall.TENANT),)

    pupil_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    since: date
    until: date
    subjects: list[dict[str, Any]] = Field(sa_type=JSONB)


class Coverage(Base, table=True):
    """The talk a school owes a pupil in a term: the duty, and the talk that meets it."""

    __tablename__ = "coverage"
    __table_args__ = (Index("ix_coverage_school_last_day", "school_id", "last_day"), walled(Wall.SCHOOL))

    duty_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    school_id: UUID
    pupil_id: UUID
    term_id: UUID
    kind: str = Field(sa_type=Text)  # shared.events.duties.DutyKind
    last_day: date
    status: str = Field(sa_type=Text)  # shared.events.duties.DutyStatus
    talk_id: UUID | None = None
