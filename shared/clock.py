"""Time as something handed in: the real clock, one that stands still for tests, one that runs fast for a demo."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

ADULT = 18
AUTUMN = 8  # the month in which a school year begins
DEFAULT_ZONE = "Europe/Stockholm"  # of a school whose own is not known


class Clock(Protocol):
    """What the code may know about time. All instants are aware and in UTC."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for that many of this clock's seconds."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for real seconds."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class PacedClock:
    """A clock that stood at `starts_at` when the real time was `origin`, and runs `speed` times as fast.

    Two processes with the same three values agree on the time without talking: this is how a demo's
    school day passes in minutes for every service at once.
    """

    starts_at: datetime
    origin: datetime
    speed: float

    def now(self) -> datetime:
        """The paced instant, in UTC."""
        return self.starts_at + (datetime.now(UTC) - self.origin) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait for that many paced seconds, which are fewer real ones when the clock runs fast."""
        await asyncio.sleep(seconds / self.speed)


@dataclass
class ManualClock:
    """A clock that moves only when told, so that a whole school year fits in a test."""

    instant: datetime

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self.instant

    def advance(self, step: timedelta) -> None:
        """Move forward."""
        self.instant += step

    async def sleep(self, seconds: float) -> None:
        """Move forward at once, giving other tasks a turn."""
        self.instant += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def local_date(instant: datetime, zone: str) -> date:
    """The calendar date at that instant where the school is (IANA zone name)."""
    return instant.astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """The instant at which that day begins in an IANA zone, in UTC; a day of 23 or 25 hours begins where it begins."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def school_year(day: date) -> date:
    """The first day of the school year that this day is in."""
    return date(day.year if day.month >= AUTUMN else day.year - 1, AUTUMN, 1)


def age_on(born: date, day: date) -> int:
    """Whole years lived on that day. Someone born on 29 February turns a year older on 1 March in other years.

    (Nordic law counts an age from the birthday's own date; where that date does not exist, from the day after.)
    """
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def is_of_age(born: date, day: date) -> bool:
    """True from the 18th birthday on: guardians' rights end (föräldrabalken 9 kap 1 §; vergemålsloven § 8)."""
    return age_on(born, day) >= ADULT
