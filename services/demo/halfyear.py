"""When the invented municipality's half-year begins and ends, seen from the first day that is played. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from services.demo.schooldays import school_day_before, school_day_from

BEFORE, AFTER = timedelta(weeks=14), timedelta(weeks=2)
SHORTEST = timedelta(weeks=6)
WEEK = timedelta(days=7)
AUTUMN, SPRING = (8, 17), (1, 7)  # (month, day) on which the schools of the country begin
# A half-year that would begin in the last weeks before a break, or in one, begins after it.
CHRISTMAS, SUMMER = (11, 10), (6, 5)
NEXT_IS_NEAR, TERM_ENDS = (11, 20), (6, 15)  # from here on there are two half-years in the plan; there is none
EARLY = timedelta(days=10)  # so long before it is due, more or less, a bulletin is written


@dataclass(frozen=True)
class HalfYear:
    """Its first and its last day. In it the first day that is played is almost at the end."""

    starts: date
    ends: date

    @property
    def founded(self) -> date:
        """The first day of the school year in which it begins: since then everybody is where they are."""
        year = self.starts.year if self.starts >= date(self.starts.year, *AUTUMN) else self.starts.year - 1
        return date(year, *AUTUMN)

    @property
    def first_writing(self) -> date:
        """When the first bulletins are written: some days before they are due, but not in a break."""
        third = (self.ends - self.starts - 2 * WEEK) / 3
        day = school_day_from(self.starts + WEEK + third - EARLY)
        return school_day_from(self.starts + WEEK) if _in_break(day) else day

    @property
    def imported(self) -> date:
        """The day on which the registry is first read: a school day before anybody writes."""
        return school_day_before(self.first_writing)


def half_year(first_day: date) -> HalfYear:
    """The half-year in which that day is played: about fourteen weeks before it, and two after it."""
    return HalfYear(_begins(first_day), first_day + AFTER)


def _begins(first_day: date) -> date:
    day = first_day - BEFORE
    autumn, before_summer = date(day.year, *AUTUMN), date(day.year, *SUMMER)
    if before_summer <= day < autumn:
        return autumn if first_day - autumn >= SHORTEST else before_summer - WEEK
    if day >= date(day.year, *CHRISTMAS):
        return date(day.year + 1, *SPRING)
    return max(day, date(day.year, *SPRING))


def _in_break(day: date) -> bool:
    """True for days on which, by the country's usual days, no half-year runs or the next one is near."""
    summer = date(day.year, *TERM_ENDS) < day < date(day.year, *AUTUMN)
    return summer or day >= date(day.year, *NEXT_IS_NEAR) or day < date(day.year, *SPRING)
