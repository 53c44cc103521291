"""What the people of the half-year have done and seen themselves. The account is made of it, and of the mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.demo.people import SchoolClass
from services.demo.records import STOCKHOLM


@dataclass(frozen=True)
class Sent:
    """A bulletin that a mentor lets leave. `homes`: by pupil, everybody who was to be told in that moment."""

    bulletin_id: UUID
    school_class: SchoolClass
    number: int
    at: datetime
    due_on: date
    titles: frozenset[str]
    homes: Mapping[UUID, frozenset[UUID]]

    @property
    def late(self) -> bool:
        """True when its day had passed at the school."""
        return self.at.astimezone(STOCKHOLM).date() > self.due_on

    def pupils_of(self, adult_id: UUID) -> list[UUID]:
        """The pupils about whom this person was to be told."""
        return [pupil_id for pupil_id, adults in self.homes.items() if adult_id in adults]


@dataclass
class Facts:
    """How far the half-year has come. `due`: the days on which a school's bulletins are due, as a mentor's page says.

    `sent`: what somebody has pressed the button for; `left`: what has gone for certain, approved where it must be.
    """

    due: dict[UUID, list[date]] = field(default_factory=dict)
    begun: dict[tuple[UUID, int], UUID] = field(default_factory=dict)
    sent: dict[UUID, Sent] = field(default_factory=dict)
    left: set[UUID] = field(default_factory=set)
    gathers: UUID | None = None  # who has asked for one message a day
    talkers: set[UUID] = field(default_factory=set)  # who takes part in the conversation
    read: int = 0
    over: bool = False

    def number(self, school_class: SchoolClass) -> int:
        """The number of the bulletin that a class writes next."""
        return 1 + sum(self.sent[one].school_class.id == school_class.id for one in self.left)
