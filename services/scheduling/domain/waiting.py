"""Who is offered a time that has become free: the family it helps most. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from services.scheduling.domain.placing import LONGEST_HOLD

LEAST = timedelta(minutes=30)  # an answer must be possible for so long, and come so long before the talk


@dataclass(frozen=True)
class Waiter:
    """A talk whose family waits. `sibling_days`: when the family comes for its other talks (local dates)."""

    talk_id: UUID
    since: datetime
    has_time: bool = False
    own_day: date | None = None
    sibling_days: frozenset[date] = field(default_factory=frozenset)
    passed: int = 0  # offers that were not taken

    def reunites(self, day: date) -> bool:
        """True when a time on that day would let the family come on one evening, which it does not now."""
        return day in self.sibling_days and self.own_day not in self.sibling_days


def by_need(waiters: Iterable[Waiter], day: date) -> list[Waiter]:
    """Those who wait, whom a time on that day helps most first.

    First who has no time at all, then siblings reunited on one evening, then who has let fewer offers pass, then who
    has waited longest.
    """
    return sorted(waiters, key=lambda one: (one.has_time, not one.reunites(day), one.passed, one.since, one.talk_id))


def offered_until(now: datetime, hours: int, starts_at: datetime, books_until: datetime) -> datetime | None:
    """Until when an offer made now stands; None when there is no time left to answer it."""
    latest = min(now + timedelta(hours=hours), now + LONGEST_HOLD, starts_at - LEAST, books_until)
    return latest if latest >= now + LEAST else None
