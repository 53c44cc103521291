"""Who can when, what is taken, and what is proposed. One municipal occupancy: nobody is in two places at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE, ExcludeConstraint
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlmodel import Field

from services.scheduling.tables.base import INSTANT, Base
from shared.db.walls import Wall, walled


class Wish(Base, table=True):
    """A stretch of time in which a guardian (or a pupil of age) can come. Without any, every time is as good.

    One without length (`starts_at` = `ends_at`, at the beginning of a day's times) says that the day was answered: no
    time on it.
    """

    __tablename__ = "wish"
    __table_args__ = (Index("ix_wish_person_id", "person_id", "starts_at"), walled(Wall.TENANT))

    wish_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    person_id: UUID
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    gladly: bool  # the time they would like best


class Need(Base, table=True):
    """What a guardian needs at talks: an interpreter, video, more time, a talk apart from the other guardian."""

    __tablename__ = "need"
    __table_args__ = (walled(Wall.TENANT),)

    person_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    interpreter: str | None = Field(default=None, sa_type=Text)  # BCP 47 tag
    video: bool = False
    more_time: bool = False
    apart: bool = False
    answered_at: datetime = Field(sa_type=INSTANT)


class Occupancy(Base, table=True):
    """One resource a talk or a meeting uses: host, pupil, each guardian, room, interpreter. Held, or taken for good.

    The exclusion is what makes a double booking impossible; walking and travel times lie inside `during`.
    """

    __tablename__ = "occupancy"
    __table_args__ = (
        ExcludeConstraint((text("occupied(resource_id, during)"), "&&"), using="gist", name="ex_occupancy_resource"),
        CheckConstraint("talk_id is not null or meeting_id is not null", name="of_something"),
        Index("ix_occupancy_talk_id", "talk_id"),
        Index("ix_occupancy_resource_id", "resource_id"),
        Index("ix_occupancy_hold_id", "hold_id"),
        walled(Wall.TENANT),
    )

    occupancy_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    tenant_id: UUID
    resource_id: UUID
    during: Any = Field(sa_column=Column(TSTZRANGE, nullable=False))
    talk_id: UUID | None = Field(default=None, foreign_key="talk.talk_id")
    meeting_id: UUID | None = Field(default=None, foreign_key="meeting.meeting_id")
    hold_id: UUID | None = None
    hold_until: datetime | None = Field(default=None, sa_type=INSTANT)  # None: taken for good


class Hold(Base, table=True):
    """Times a guardian has chosen and is about to confirm; the occupancy carries the id."""

    __tablename__ = "hold"
    __table_args__ = (Index("ix_hold_person_id", "person_id"), walled(Wall.TENANT))

    hold_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    person_id: UUID
    choices: list[dict[str, Any]] = Field(sa_type=JSONB)  # domain.placing.Choice
    until: datetime = Field(sa_type=INSTANT)
    extended: int = 0


class Booking(Base, table=True):
    """What a request to book with this key led to: the same answer when the request comes again."""

    __tablename__ = "booking"
    __table_args__ = (walled(Wall.TENANT),)

    key: str = Field(primary_key=True, sa_type=Text)
    person_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    talk_ids: list[UUID] = Field(sa_column=Column(ARRAY(PG_UUID), nullable=False))
    at: datetime = Field(sa_type=INSTANT)


class Waiting(Base, table=True):
    """A family that waits for a time in a round, or for a better one."""

    __tablename__ = "waiting"
    __table_args__ = (Index("ix_waiting_round_id", "round_id"), walled(Wall.SCHOOL))

    talk_id: UUID = Field(primary_key=True, foreign_key="talk.talk_id")
    round_id: UUID = Field(foreign_key="round.round_id")
    school_id: UUID
    person_id: UUID
    since: datetime = Field(sa_type=INSTANT)
    offered_slot_id: UUID | None = None
    offered_until: datetime | None = Field(default=None, sa_type=INSTANT)
    passed: int = 0  # offers that were not taken


class Proposal(Base, table=True):
    """A whole round as the computer proposes it. The greedy answer is there first; a worse one never replaces it."""

    __tablename__ = "proposal"
    __table_args__ = (Index("ix_proposal_round_id", "round_id"), walled(Wall.SCHOOL))

    proposal_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    school_id: UUID
    round_id: UUID = Field(foreign_key="round.round_id")
    round_ids: list[UUID] = Field(sa_column=Column(ARRAY(PG_UUID), nullable=False))  # proposed together
    author_id: UUID
    state: str = Field(sa_type=Text)  # domain.proposals.ProposalState
    why: str = Field(sa_type=Text)  # "round" or "away"
    percent: int = 0
    measures: dict[str, Any] = Field(sa_type=JSONB)
    started_at: datetime = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)


class ProposalTalk(Base, table=True):
    """The time a proposal gives to one talk; none when there is none left, with the reason."""

    __tablename__ = "proposal_talk"
    __table_args__ = (walled(Wall.PARENT, "proposal.proposal_id"),)

    proposal_id: UUID = Field(primary_key=True, foreign_key="proposal.proposal_id")
    talk_id: UUID = Field(primary_key=True, foreign_key="talk.talk_id")
    slot_id: UUID | None = None
    interpreter_id: UUID | None = None
    why_not: str | None = Field(default=None, sa_type=Text)
