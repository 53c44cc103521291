"""Rounds of talks: the school year they lie in, who holds them, when and where, and who interprets."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.scheduling.tables.base import INSTANT, Base
from shared.db.walls import Wall, walled


class Term(Base, table=True):
    """A half-year of a municipality, or of one school where it differs. Both dates are included."""

    __tablename__ = "term"
    __table_args__ = (Index("ix_term_tenant_id", "tenant_id"), walled(Wall.TENANT))

    term_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    school_id: UUID | None = None
    name: str = Field(sa_type=Text)
    first_day: date
    last_day: date


class SchoolBreak(Base, table=True):
    """Days without school: a break, a red day or a planning day of the staff. Both dates are included."""

    __tablename__ = "school_break"
    __table_args__ = (Index("ix_school_break_tenant_id", "tenant_id"), walled(Wall.TENANT))

    break_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    school_id: UUID | None = None
    name: str = Field(sa_type=Text)
    first_day: date
    last_day: date


class Round(Base, table=True):
    """A round of talks of some classes. Times of day are local; `answer_by` ends the collecting of wishes."""

    __tablename__ = "round"
    __table_args__ = (Index("ix_round_school_id", "school_id"), walled(Wall.SCHOOL))

    round_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    tenant_id: UUID
    school_id: UUID
    term_id: UUID | None = None
    author_id: UUID
    kind: str = Field(sa_type=Text)  # shared.events.scheduling.TalkKind
    title: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)  # domain.rounds.RoundState
    talk_minutes: int
    pause_minutes: int
    longest_run: int  # talks in a row before a break
    separate_talks: bool  # the school grants guardians who live apart a talk each
    video: bool
    others_may_attend: bool
    answer_by: datetime = Field(sa_type=INSTANT)
    books_from: datetime | None = Field(default=None, sa_type=INSTANT)  # None: families do not book by themselves
    books_until: datetime = Field(sa_type=INSTANT)
    early_minutes: int = 0  # how much before `books_from` families with an interpreter or several schools may book
    created_at: datetime = Field(sa_type=INSTANT)


class RoundClass(Base, table=True):
    """A class in a round."""

    __tablename__ = "round_class"
    __table_args__ = (walled(Wall.PARENT, "round.round_id"),)

    round_id: UUID = Field(primary_key=True, foreign_key="round.round_id")
    group_id: UUID = Field(primary_key=True)


class RoundDay(Base, table=True):
    """A stretch of local time on one day in which talks are held."""

    __tablename__ = "round_day"
    __table_args__ = (walled(Wall.PARENT, "round.round_id"),)

    round_id: UUID = Field(primary_key=True, foreign_key="round.round_id")
    day: date = Field(primary_key=True)
    starts: time = Field(primary_key=True)
    ends: time


class Room(Base, table=True):
    """A room in which talks are held."""

    __tablename__ = "room"
    __table_args__ = (UniqueConstraint("school_id", "name"), walled(Wall.SCHOOL))

    room_id: UUID = Field(primary_key=True)
    school_id: UUID
    name: str = Field(sa_type=Text)


class Host(Base, table=True):
    """A member of staff who holds talks in a round, and where. `away` until they say when they are there."""

    __tablename__ = "host"
    __table_args__ = (walled(Wall.PARENT, "round.round_id"),)

    round_id: UUID = Field(primary_key=True, foreign_key="round.round_id")
    host_id: UUID = Field(primary_key=True)
    room_id: UUID | None = Field(default=None, foreign_key="room.room_id")
    video: bool = False


class Presence(Base, table=True):
    """A stretch of time in which a host cannot hold talks: a lesson, another meeting, illness."""

    __tablename__ = "presence"
    __table_args__ = (Index("ix_presence_round_host", "round_id", "host_id"), walled(Wall.PARENT, "round.round_id"))

    presence_id: UUID = Field(primary_key=True)
    round_id: UUID = Field(foreign_key="round.round_id")
    host_id: UUID
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    reason: str = Field(sa_type=Text)  # "busy" or "away"; never why


class Slot(Base, table=True):
    """A time at which one host can hold one talk. `ends_at` is the talk's end, without the pause after it."""

    __tablename__ = "slot"
    __table_args__ = (
        UniqueConstraint("round_id", "host_id", "starts_at"),
        Index("ix_slot_round_id", "round_id", "starts_at"),
        walled(Wall.PARENT, "round.round_id"),
    )

    slot_id: UUID = Field(primary_key=True)
    round_id: UUID = Field(foreign_key="round.round_id")
    host_id: UUID
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    closed: bool = False  # the host is not there after all


class Interpreter(Base, table=True):
    """Somebody who interprets, for the whole municipality. Languages are BCP 47 tags."""

    __tablename__ = "interpreter"
    __table_args__ = (Index("ix_interpreter_tenant_id", "tenant_id"), walled(Wall.TENANT))

    interpreter_id: UUID = Field(primary_key=True)
    tenant_id: UUID
    name: str = Field(sa_type=Text)
    languages: list[str] = Field(sa_type=ARRAY(Text))


class InterpreterBlock(Base, table=True):
    """A stretch of time for which an interpreter is booked."""

    __tablename__ = "interpreter_block"
    __table_args__ = (
        Index("ix_interpreter_block_interpreter_id", "interpreter_id", "starts_at"),
        walled(Wall.PARENT, "interpreter.interpreter_id"),
    )

    block_id: UUID = Field(primary_key=True)
    interpreter_id: UUID = Field(foreign_key="interpreter.interpreter_id")
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    cancelled: bool = False
