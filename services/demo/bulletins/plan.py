"""Who does what in the half-year of bulletins. Pure, and the same for the same municipality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from services.demo.actions import Join, Remove, Withdraw
from services.demo.day import Plan
from services.demo.halfyear import HalfYear, half_year
from services.demo.people import UNMARKED, Adult, Case, Employee, Municipality, Pupil, School, SchoolClass
from services.demo.ss12000 import mentored_group
from services.demo.timetable import local

QUOTA = 3
LATE_NUMBER = 2  # the one that a class sends late
IN_TWO_LANGUAGES = 4  # classes
READING_IN_PORTAL, READING_BY_LINK = 5, 7  # homes
WRITTEN = time(7, 52), time(10, 30)  # the third, spread over the morning that is played
UNSETTLED = time(9, 0)  # a class in which the registry moves somebody before this writes after it


@dataclass(frozen=True)
class Bulletins:
    """The whole of it: one bulletin of each class in each third of the half-year."""

    whole: Municipality
    day: date
    dates: HalfYear
    classes: tuple[SchoolClass, ...]
    principals: tuple[Employee, ...]  # in the order of the schools
    approving: School  # whose principal reads the first ones before they leave
    late: SchoolClass
    moved: frozenset[UUID]  # classes in which somebody comes or goes on the day that is played

    @property
    def owed(self) -> int:
        """How many bulletins the classes owe in the half-year."""
        return len(self.classes) * QUOTA

    @property
    def rich(self) -> tuple[SchoolClass, ...]:
        """The classes whose mentors write in two languages, and in whose diaries there are lines; one of each first."""
        first = {one.school.id: one for one in reversed(self.classes)}
        ordered = {one.id: one for one in [*reversed(first.values()), *self.classes]}
        return tuple(ordered.values())[:IN_TWO_LANGUAGES]

    @property
    def pictured(self) -> SchoolClass:
        """The class whose bulletins have a picture."""
        return self.rich[0]

    def principal_of(self, school: School) -> Employee:
        """Who is in charge of a school."""
        return next(one for one in self.principals if one.school_id == school.id)

    def group(self, school_class: SchoolClass) -> UUID:
        """The group that a class's mentor writes for."""
        return mentored_group(self.whole, school_class)[0]

    def called(self, school_class: SchoolClass) -> str:
        """What that group is called."""
        return mentored_group(self.whole, school_class)[1]

    def schools(self) -> Sequence[School]:
        """The schools with classes, in order."""
        return list(dict.fromkeys(one.school for one in self.classes))

    def homes(self, school_class: SchoolClass, on: date) -> dict[UUID, frozenset[UUID]]:
        """By pupil of the class, everybody who is to be told on that day."""
        there = [one for one in self.whole.of_class(school_class.id) if one.present]
        return {one.id: frozenset(adult.id for adult in self.whole.entitled(one.id, on)) for one in there}

    def third_at(self, place: int) -> datetime:
        """When the class at that place writes its third."""
        first, last = (local(self.day, at) for at in WRITTEN)
        at = first + (last - first) * place / max(len(self.classes), 1)
        return max(at, local(self.day, UNSETTLED)) if self.classes[place].id in self.moved else at

    def families(self) -> Iterator[tuple[Adult, Pupil]]:
        """Ordinary homes with a mailbox of their own, one of each class: those who read, answer and write."""
        for one in self.classes:
            mine = (pair for pupil in self.whole.of_class(one.id) for pair in self._ordinary(pupil))
            if one.id not in self.moved and (pair := next(mine, None)):
                yield pair

    def _ordinary(self, pupil: Pupil) -> Iterator[tuple[Adult, Pupil]]:
        if pupil.case is Case.PLAIN and pupil.marking == UNMARKED and pupil.present:
            for adult in self.whole.entitled(pupil.id, self.day):
                if adult.emails and not adult.simulated and len(self._children(adult)) == 1:
                    yield adult, pupil

    def _children(self, adult: Adult) -> list[Pupil]:
        every = self.whole.pupils.values()
        return [pupil for pupil in every if any(tie.adult_id == adult.id for tie in pupil.ties)]


def plan_bulletins(whole: Municipality, plan: Plan) -> Bulletins:
    """The half-year that leads to the day of the plan, and that day."""
    seats = {one.id: len(whole.of_class(one.id)) for one in whole.classes}
    classes = tuple(one for one in whole.classes if seats[one.id])
    moved = {one.pupil_id for one in plan.actions if isinstance(one, Join | Remove | Withdraw)}
    unsettled = frozenset(whole.pupils[pupil_id].school_class.id for pupil_id in moved if pupil_id in whole.pupils)
    schools = list(dict.fromkeys(one.school for one in classes))
    settled = [one for one in classes if one.school is schools[-1] and one.id not in unsettled]
    return Bulletins(
        whole,
        plan.day,
        half_year(whole.first_day),
        classes,
        tuple(one for one in whole.employees if one.role == "Rektor"),
        schools[len(schools) // 2],
        (settled or list(classes))[-1],
        unsettled,
    )


def morning(day: date, at: time = time(10)) -> datetime:
    """That time of a day at the schools, in UTC."""
    return local(day, at)


def nights_after(day: date, nights: int = 2) -> date:
    """So many nights later."""
    return day + timedelta(days=nights)
