"""The school year: terms, breaks and red days, on which no talks are held, and who decides each.

Red days come from the `holidays` library by the country of the school's zone. Breaks come in no library: every
municipality, and many a school, decides its own, so they are kept in a table and brought in from files (`year_files`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import holidays

from shared.ids import derived_id
from shared.languages import N_

NORWEGIAN_ZONES = ("Europe/Oslo", "Arctic/Longyearbyen")
HALF_YEAR = 7  # the month with which the autumn half-year begins
EVENING = (time(14), time(20))  # on the day before a red day nothing is laid here
DAY = timedelta(days=1)


class Country(StrEnum):
    """A country whose school rules we know."""

    SE = "SE"
    NO = "NO"


# What counts until a municipality has recorded its own: (name, first month and day, last month and day). SE: the
# school year begins in August and ends in June (skolförordningen 3 kap 2 §); NO: two half-years (opplæringslova, each
# with its talk). The days are those on which a late municipality has begun and an early one has not ended yet.
TERMS = {
    Country.SE: ((N_("Autumn term"), (8, 15), (12, 21)), (N_("Spring term"), (1, 8), (6, 11))),
    Country.NO: ((N_("Autumn term"), (8, 15), (12, 20)), (N_("Spring term"), (1, 3), (6, 18))),
}
LIBRARY = {  # Midsummer, Christmas and New Year's Eve are no red days in Swedish law, but nobody is at school
    Country.SE: {"language": "sv", "categories": ("public", "de_facto")},
    Country.NO: {"language": "no", "categories": ("public",)},
}


@dataclass(frozen=True)
class Span:
    """Days from the first to the last, both included. `school_id` None: of the whole municipality."""

    name: str
    first_day: date
    last_day: date
    school_id: UUID | None = None
    row_id: UUID | None = None

    def holds(self, day: date) -> bool:
        """True on a day within."""
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True)
class HalfYear:
    """A term as talks are owed in it. Its id is the same at every school of the municipality, so that a duty
    follows a pupil who moves; `recorded` False: the usual dates, because nobody has recorded any.
    """

    term_id: UUID
    name: str
    first_day: date
    last_day: date
    recorded: bool = False


class Off(StrEnum):
    """Why no talk is held on a day."""

    BREAK = N_("There is no school on this day (%(name)s).")
    RED = N_("This is a red day (%(name)s).")
    WEEKEND = N_("This is a Saturday or a Sunday.")
    EVE = N_("On the day after there is no school (%(name)s), so most families are busy from 14 to 20.")


@dataclass(frozen=True)
class DayOff:
    """A day without talks, and why. `name` is the break's or the red day's own name."""

    why: Off
    name: str = ""


@dataclass(frozen=True)
class SchoolYear:
    """The terms and breaks that hold at one school. Its own rows go before its municipality's."""

    tenant_id: UUID
    school_id: UUID
    country: Country
    terms: tuple[Span, ...] = ()
    breaks: tuple[Span, ...] = field(default=())

    def half_year(self, day: date) -> HalfYear:
        """The term of the half-year that this day lies in, also on a day before it begins or after it has ended."""
        autumn = day.month >= HALF_YEAR
        first, last = (date(day.year, 7, 1), date(day.year, 12, 31)) if autumn else (date(day.year, 1, 1), _june(day))
        own = [term for term in self.terms if first <= term.first_day <= last]
        own.sort(key=lambda term: (term.school_id is None, term.first_day))
        term_id = half_year_id(self.tenant_id, day)
        if own:
            return HalfYear(term_id, own[0].name, own[0].first_day, own[0].last_day, recorded=True)
        name, starts, ends = TERMS[self.country][0 if autumn else 1]
        return HalfYear(term_id, name, date(day.year, *starts), date(day.year, *ends))

    def term_on(self, day: date) -> HalfYear | None:
        """The term that this day is in; None between terms."""
        term = self.half_year(day)
        return term if term.first_day <= day <= term.last_day else None

    def day_off(self, day: date) -> DayOff | None:
        """Why there is no school on that day, if there is none. Weekends count as well."""
        if found := next((one for one in self.breaks if one.holds(day)), None):
            return DayOff(Off.BREAK, found.name)
        if name := red_day(self.country, day):
            return DayOff(Off.RED, name)
        return DayOff(Off.WEEKEND) if day.weekday() >= 5 else None

    def no_talks(self, day: date, starts: time, ends: time) -> DayOff | None:
        """Why talks should not be laid in these hours; also on the evening before a red day."""
        if off := self.day_off(day):
            return off
        evening = starts < EVENING[1] and ends > EVENING[0]
        name = red_day(self.country, day + DAY) if evening and (day + DAY).weekday() != 6 else None
        return DayOff(Off.EVE, name) if name else None

    def school_days(self, after: date) -> Iterable[date]:
        """Days after this one on which talks may be laid all day, without end."""
        day = after + DAY
        while True:
            if self.no_talks(day, time(8), time(20)) is None:
                yield day
            day += DAY


def country_of(zone: str) -> Country:
    """The country whose red days and rules hold in this IANA zone; Sweden for one that we do not know."""
    return Country.NO if zone in NORWEGIAN_ZONES else Country.SE


def half_year_id(tenant_id: UUID, day: date) -> UUID:
    """The id of the term of this half-year in a municipality, whether or not its dates have been recorded."""
    return derived_id("term", tenant_id, day.year, "autumn" if day.month >= HALF_YEAR else "spring")


def term_row_id(tenant_id: UUID, school_id: UUID | None, first_day: date) -> UUID:
    """The id under which a term's dates are recorded: one for each half-year and place."""
    half = half_year_id(tenant_id, first_day)
    return derived_id("term of school", half, school_id) if school_id else half


def break_row_id(tenant_id: UUID, school_id: UUID | None, first_day: date, last_day: date) -> UUID:
    """The id of a break: the same days at the same place are the same break."""
    return derived_id("break", tenant_id, school_id or "", first_day, last_day)


def school_year_start(day: date) -> int:
    """The calendar year in which the school year of this day began."""
    return day.year if day.month >= HALF_YEAR else day.year - 1


def red_day(country: Country, day: date) -> str | None:
    """The name of the red day, in the country's own language; None for an ordinary one."""
    return _red_days(country, day.year).get(day)


def upcoming(spans: Sequence[Span], today: date) -> list[Span]:
    """Those that are not over, in order."""
    return sorted((one for one in spans if one.last_day >= today), key=lambda one: (one.first_day, one.name))


@lru_cache(64)
def _red_days(country: Country, year: int) -> dict[date, str]:
    return dict(holidays.country_holidays(country.value, years=year, **LIBRARY[country]))  # type: ignore[arg-type]


def _june(day: date) -> date:
    return date(day.year, 6, 30)
