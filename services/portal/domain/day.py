"""What the live page shows, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True)
class Counts:
    """The school day in numbers; one row per school, and their sum. No people in it."""

    lessons: int = 0  # planned today
    ended: int = 0  # of those, over by now
    reported: int = 0
    unreported: int = 0  # lessons about which the school was alerted
    absences: int = 0  # pupils missing without a known reason
    owed: int = 0
    sent: int = 0
    delivered: int = 0
    unreachable: int = 0
    retracted: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def waiting(self) -> int:
        """Notices owed that have neither arrived nor been handed to the school's call list."""
        return max(0, self.owed - self.delivered - self.unreachable)


@dataclass(frozen=True)
class SchoolDay:
    """One school's day."""

    school_id: UUID
    name: str
    counts: Counts


@dataclass(frozen=True)
class Day:
    """All schools' day at an instant on the school's clock."""

    now: datetime
    shown: date
    speed: float
    schools: tuple[SchoolDay, ...]

    @property
    def total(self) -> Counts:
        """The sum over the schools."""
        return sum((school.counts for school in self.schools), Counts())
