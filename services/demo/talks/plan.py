"""The round of talks as it is meant to go: which classes, on which days, who wants what. Pure, and grown from the seed.

Whether it went so is not decided here: what the people find on the pages leads them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import combinations
from uuid import UUID

from services.demo.actions import Join, Remove, Withdraw
from services.demo.day import Plan
from services.demo.people import Adult, Employee, Municipality, Pupil, School, SchoolClass
from services.demo.schooldays import school_day_from
from services.demo.timetable import local
from shared.ids import derived_id

KINDS = ("lower", "primary", "upper")  # where pupils sign themselves comes first
TODAY, LATER = (time(10, 0), time(13, 30)), (time(9, 0), time(16, 0))
TALK_MINUTES, PAUSE_MINUTES, LONGEST_RUN = 25, 5, 5
DAYS = 3
GLAD_TODAY = 6  # of a class: as many as there are times
SILENT, EASY, SWAPPING = 2, 2, 2  # of a class: never answer; every time is fine; take another time than proposed
HOUSEHOLDS = 3


class Ways(StrEnum):
    """What a home does with the time it is proposed."""

    ACCEPTS = "accepts"
    SWAPS = "swaps"
    BOOKS_ANEW = "gives it up and books another"
    SILENT = "never answers"


class Mood(StrEnum):
    """What a home says when it is asked when it can come."""

    TODAY = "gladly today"
    LATER = "not today, gladly on one of the other days"
    ALL = "every time is fine"
    SILENT = "nothing"


@dataclass(frozen=True)
class Home:
    """The guardians of one or more pupils of the round. `adult` speaks for it; both do when they want talks apart."""

    pupils: tuple[Pupil, ...]
    guardians: tuple[Adult, ...]
    mood: Mood = Mood.LATER
    way: Ways = Ways.ACCEPTS
    glad_day: int = 1  # which day of the round they like best, from 0
    interpreter: bool = False
    apart: bool = False

    @property
    def adult(self) -> Adult:
        """Who answers and books."""
        return next((one for one in self.guardians if one.reachable), self.guardians[0])

    @property
    def actors(self) -> tuple[Adult, ...]:
        """Who has to do with the booking."""
        return self.guardians if self.apart else (self.adult,)


@dataclass(frozen=True)
class RoundOfTalks:
    """The whole. Days are local; the first one is the day that is played."""

    school: School
    classes: tuple[SchoolClass, ...]
    mentors: tuple[Employee, ...]
    principal: Employee
    homes: tuple[Home, ...]
    days: tuple[date, ...]

    @property
    def pupils(self) -> list[Pupil]:
        """Everybody the round is about."""
        return [pupil for home in self.homes for pupil in home.pupils]

    @property
    def wanted(self) -> int:
        """How many talks there are to be: one for each pupil, two where the guardians want one each."""
        return sum(len(home.pupils) * (2 if home.apart else 1) for home in self.homes)

    @property
    def evening(self) -> date:
        """The spare day, when a mentor falls ill."""
        return school_day_from(self.days[-1] + timedelta(days=1))

    @property
    def ill(self) -> Employee:
        """The mentor who is not there on the last day."""
        return self.mentors[-1]

    def at(self, clock: time, day: int = 0) -> datetime:
        """That time on a day of the round, in UTC."""
        return local(self.days[day], clock)

    def talks(self, round_id: UUID) -> dict[UUID, tuple[Pupil, int]]:
        """Every talk there can be, by its id: with whom, and of which household (0: of all guardians)."""
        return {
            derived_id("talk", round_id, pupil.id, household): (pupil, household)
            for pupil in self.pupils
            for household in range(HOUSEHOLDS)
        }

    def home_of(self, pupil: Pupil) -> Home:
        """The home of one of its pupils."""
        return next(home for home in self.homes if pupil in home.pupils)


def plan_round(whole: Municipality, plan: Plan, number: int = 0) -> RoundOfTalks | None:
    """The round that is held from the day of the plan on; the `number`th has other classes than those before it.

    None when no two classes are left in which nobody's guardians change on that day.
    """
    pair = next(iter(_pairs(whole, plan)[number : number + 1]), None)
    if pair is None:
        return None
    school, employees = pair[0].school, {one.id: one for one in whole.employees}
    principal = next(one for one in whole.employees if (one.school_id, one.role) == (school.id, "Rektor"))
    rng = random.Random(f"talks {whole.seed}/{plan.day}")
    return RoundOfTalks(
        school,
        pair,
        tuple(employees[one.mentor_id] for one in pair),
        principal,
        tuple(_homes(whole, pair, plan.day, rng)),
        tuple(_days(plan.day)),
    )


def _days(first: date) -> Iterator[date]:
    day = first
    for _ in range(DAYS):
        yield day
        day = school_day_from(day + timedelta(days=1))


def _pairs(whole: Municipality, plan: Plan) -> list[tuple[SchoolClass, SchoolClass]]:
    """Pairs of quiet classes of one school, each class in one pair, those that share most families first."""
    moved = {one.pupil_id for one in plan.actions if isinstance(one, Join | Remove | Withdraw)}
    of = {one.id: whole.of_class(one.id) for one in whole.classes}
    quiet = [
        one
        for one in whole.classes
        if of[one.id] and not any(p.id in moved or not p.present or p.adult_on(plan.day) for p in of[one.id])
    ]
    found = [
        (KINDS.index(one.school.kind), -_shared(of[one.id], of[other.id]), one, other)
        for one, other in combinations(quiet, 2)
        if one.school == other.school and one.mentor_id != other.mentor_id
    ]
    pairs, taken = [], set[UUID]()
    for _, _, one, other in sorted(found, key=lambda pair: pair[:2]):
        if not taken & {one.id, other.id}:
            taken |= {one.id, other.id}
            pairs.append((one, other))
    return pairs


def _shared(some: Sequence[Pupil], others: Sequence[Pupil]) -> int:
    """How many families have a child in both."""
    return len({_family(pupil) for pupil in some} & {_family(pupil) for pupil in others})


def _family(pupil: Pupil) -> UUID:
    return pupil.ties[0].adult_id


def _homes(whole: Municipality, classes: Iterable[SchoolClass], day: date, rng: random.Random) -> Iterator[Home]:
    """The families with what they want: first those with several children, then the others, class by class."""
    families: dict[UUID, list[Pupil]] = {}
    groups = [whole.of_class(one.id) for one in classes]
    for pupil in (pupil for group in groups for pupil in group):
        families.setdefault(_family(pupil), []).append(pupil)
    several = [tuple(pupils) for pupils in families.values() if len(pupils) > 1]
    yield from (Home(pupils, _guardians(whole, pupils[0], day), Mood.LATER, glad_day=1) for pupils in several)
    special = [True, True]  # the first class has the home with an interpreter, and the guardians who come apart
    for group in groups:
        alone = [pupil for pupil in group if len(families[_family(pupil)]) == 1]
        rng.shuffle(alone)
        yield from _minded([Home((one,), _guardians(whole, one, day)) for one in alone], special)
        special = [False, False]


def _minded(homes: list[Home], special: list[bool]) -> Iterator[Home]:
    """What the homes of one class want and do. Guardians who live apart come later than today."""
    apart = next((one for one in homes if special[0] and _lives_apart(one)), None)
    rest = [one for one in homes if one is not apart]
    if apart:
        yield Home(apart.pupils, apart.guardians, Mood.LATER, glad_day=2, apart=True)
    moods = [*[Mood.TODAY] * GLAD_TODAY, *[Mood.SILENT] * SILENT, *[Mood.ALL] * EASY]
    ways = [*[Ways.ACCEPTS] * GLAD_TODAY, *[Ways.SILENT] * SILENT, *[Ways.ACCEPTS] * EASY]
    ways += [*[Ways.SWAPS] * SWAPPING, Ways.BOOKS_ANEW]
    for number, home in enumerate(rest):
        mood = moods[number] if number < len(moods) else Mood.LATER
        way = ways[number] if number < len(ways) else Ways.ACCEPTS
        interpreter = special[1] and number == len(ways)
        yield Home(home.pupils, home.guardians, mood, way, 1 + number % (DAYS - 1), interpreter)


def _guardians(whole: Municipality, pupil: Pupil, day: date) -> tuple[Adult, ...]:
    entitled = {one.id for one in whole.entitled(pupil.id, day)}
    return tuple(whole.adults[tie.adult_id] for tie in pupil.ties if tie.adult_id in entitled)


def _lives_apart(home: Home) -> bool:
    guardians = home.guardians
    reached = all(one.reachable and not one.simulated for one in guardians)
    return len(guardians) == 2 and reached and guardians[0].street != guardians[1].street
