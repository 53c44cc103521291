"""When bulletins are to be sent: half-years, their school days, the places in them, and moving a date. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import holidays

from shared.events.roster import GroupStated
from shared.ids import derived_id
from shared.languages import N_

DAY = timedelta(days=1)
MARGIN = timedelta(days=7)  # no bulletin is due in the first or the last week
LEAD = timedelta(days=45)  # so long before it begins, a half-year can be looked at and changed
SHORTEST, LONGEST = timedelta(days=27), timedelta(days=250)  # of a half-year, from the first day to the last
MOST = 12  # bulletins in a half-year
NORWEGIAN_ZONES = ("Europe/Oslo", "Arctic/Longyearbyen")


class Country(StrEnum):
    """A country whose half-years and public holidays we know."""

    SE = "SE"
    NO = "NO"


# Defaults, which a principal edits: the first and the last (month, day) of each half-year; years decide their own.
# SE: the autumn term from the middle of August to 20 December, the spring term from 7 January to the middle of June
# (skolförordningen (2011:185) 3 kap 2-3 §§: begins in August, ends in June; the school owner sets the days).
# NO: two half-years without a gap, the autumn's to the middle of January (halvårsvurdering), the spring's to the
# middle of June (forskrift til opplæringslova: halvårsvurdering midt i og på slutten av opplæringsåret).
AUTUMN = {Country.SE: ((8, 15), (12, 20)), Country.NO: ((8, 15), (1, 15))}
SPRING = {Country.SE: ((1, 7), (6, 15)), Country.NO: ((1, 16), (6, 18))}
LIBRARY = {  # Midsummer, Christmas and New Year's Eve are no red days in Swedish law, but nobody is at school
    Country.SE: {"language": "sv", "categories": ("public", "de_facto")},
    Country.NO: {"language": "no", "categories": ("public",)},
}


@dataclass(frozen=True)
class Dates:
    """A half-year: its first and its last day, both included. `key` names it for ever: “2026 autumn”."""

    key: str
    starts: date
    ends: date

    @property
    def is_autumn(self) -> bool:
        """True for the first half of the school year."""
        return self.key.endswith("autumn")


@dataclass(frozen=True)
class Planned:
    """The place of one bulletin of one class: its number, its date, what has become of it."""

    number: int
    due_on: date
    moved: bool = False  # a teacher has chosen the date
    filled: bool = False


class Unmoved(StrEnum):
    """Why a date cannot be moved to a day."""

    FILLED = N_("This bulletin has been sent already.")
    LATE = N_("The day of this bulletin has passed, so it cannot be moved. Send it as soon as you can.")
    PAST = N_("Please choose today or a day to come.")
    OUTSIDE = N_("Please choose a day within the half-year.")
    NEIGHBOUR = N_("Please choose a day between the bulletin before and the one after.")
    NO_SCHOOL = N_("There is no school on this day. Please choose a school day.")


class Unfit(StrEnum):
    """Why a half-year cannot be as somebody wants it."""

    ORDER = N_("The last day must come after the first.")
    LENGTH = N_("A half-year is between four weeks and eight months long.")
    QUOTA = N_("Please choose between 1 and 12 bulletins.")
    CROWDED = N_("So many bulletins do not find room in this half-year.")
    OVER = N_("A half-year that is over is not changed, and its last day must be to come.")
    OVERLAP = N_("These days overlap another half-year of the school.")


def country_of(zone: str) -> Country:
    """The country whose half-years and holidays hold in this IANA zone; Sweden for one that we do not know."""
    return Country.NO if zone in NORWEGIAN_ZONES else Country.SE


def usual(country: Country, day: date) -> Dates:
    """The half-year that this day is in by the country's defaults, or, between two, the one to come."""
    around = [one for year in range(day.year - 1, day.year + 2) for one in _of_year(country, year)]
    return next(one for one in around if one.ends >= day)


def half_year_id(school_id: UUID, key: str) -> UUID:
    """The id of a school's half-year."""
    return derived_id("bulletin half-year", school_id, key)


def place_id(half_year: UUID, group_id: UUID, number: int) -> UUID:
    """The id of a class's place in a half-year."""
    return derived_id("bulletin place", half_year, group_id, number)


def holiday(country: Country, day: date) -> str | None:
    """The public holiday's name, in the country's own language; None for an ordinary day."""
    return _holidays(country, day.year).get(day)


def is_school_day(country: Country, day: date) -> bool:
    """False on Saturdays, Sundays and public holidays. Breaks are decided locally and not known here."""
    return day.weekday() < 5 and holiday(country, day) is None


def school_days(country: Country, starts: date, ends: date) -> list[date]:
    """The school days from the first to the last, both included."""
    days = (starts + place * DAY for place in range((ends - starts).days + 1))
    return [day for day in days if is_school_day(country, day)]


def spread(country: Country, starts: date, ends: date, quota: int) -> list[date]:
    """Dates for so many bulletins: each at the end of an equal share of the half-year's school days.

    None in the first or the last week. Fewer when there are not so many school days between.
    """
    within = school_days(country, starts + MARGIN, ends - MARGIN)
    count = min(quota, len(within))
    return [within[(place + 1) * len(within) // count - 1] for place in range(count)]


def unfit(country: Country, starts: date, ends: date, quota: int, others: Iterable[tuple[date, date]]) -> Unfit | None:
    """Why a half-year cannot have these dates and this quota; None when it can. `others`: the school's other ones."""
    if ends <= starts:
        return Unfit.ORDER
    if not SHORTEST <= ends - starts <= LONGEST:
        return Unfit.LENGTH
    if not 1 <= quota <= MOST:
        return Unfit.QUOTA
    if len(spread(country, starts, ends, quota)) < quota:
        return Unfit.CROWDED
    return Unfit.OVERLAP if any(starts <= last and ends >= first for first, last in others) else None


def began(group: GroupStated, today: date) -> date | None:
    """Since when a class runs: its first member's first day; the day it is seen for one that nobody is in yet.

    None for one whose last member left before: it has come to its end, and owes nothing that it did not owe already.
    """
    if not group.members:
        return today
    if all(one.ends is not None and one.ends <= today for one in group.members):
        return None
    return min(one.starts or date.min for one in group.members)


def first_places(dates: Sequence[date], since: date) -> list[Planned]:
    """The places of a class that runs since that day: those that fall due after it, numbered from 1."""
    mine = [day for day in dates if day > since]
    return [Planned(number, day) for number, day in enumerate(mine, 1)]


def running_since(group: GroupStated | None, before: Sequence[Planned], today: date) -> date:
    """Since when a class that has places runs; by its first place when nobody is in it any more."""
    since = began(group, today) if group and group.members else None
    return since if since is not None else min(one.due_on for one in before) - DAY


def planned_again(before: Sequence[Planned], dates: Sequence[date], ends: date) -> list[Planned]:
    """A class's places after its half-year was changed to these dates.

    What has been sent stays as it is. A date that a teacher chose stays while it is in order; the others follow the
    plan. Places there are no more dates for are gone.
    """
    found: list[Planned] = []
    for number, day in enumerate(dates, 1):
        old = next((one for one in before if one.number == number), None)
        earliest = found[-1].due_on if found else date.min
        if old and (old.filled or (old.moved and earliest < old.due_on <= ends)):
            found.append(old)
        else:
            found.append(Planned(number, max(day, min(earliest + DAY, ends))))
    return [*found, *[one for one in before if one.filled and one.number > len(dates)]]


def unmoved(
    places: Sequence[Planned], number: int, day: date, starts: date, ends: date, today: date, country: Country
) -> Unmoved | None:
    """Why this place cannot be moved to that day; None when it can.

    A place whose day has passed is late until it is filled: moving it would hide that.
    """
    mine = next(one for one in places if one.number == number)
    if mine.filled:
        return Unmoved.FILLED
    if mine.due_on < today:
        return Unmoved.LATE
    if day < today:
        return Unmoved.PAST
    if not starts <= day <= ends:
        return Unmoved.OUTSIDE
    before = max((one.due_on for one in places if one.number < number), default=date.min)
    after = min((one.due_on for one in places if one.number > number), default=date.max)
    if not before < day < after:
        return Unmoved.NEIGHBOUR
    return None if is_school_day(country, day) else Unmoved.NO_SCHOOL


def _of_year(country: Country, year: int) -> tuple[Dates, Dates]:
    """The half-years that begin in a calendar year: spring first."""
    (first, last), (autumn_first, autumn_last) = SPRING[country], AUTUMN[country]
    into = year + 1 if autumn_last[0] < autumn_first[0] else year
    return (
        Dates(f"{year} spring", date(year, *first), date(year, *last)),
        Dates(f"{year} autumn", date(year, *autumn_first), date(into, *autumn_last)),
    )


@lru_cache(64)
def _holidays(country: Country, year: int) -> dict[date, str]:
    return dict(holidays.country_holidays(country.value, years=year, **LIBRARY[country]))  # type: ignore[arg-type]
