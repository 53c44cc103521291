"""Grows a municipality from a seed: schools, classes, staff, families. The same seed grows the same one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.demo import names
from services.demo.cases import assign
from services.demo.names import slug
from services.demo.people import Adult, Employee, Municipality, Pupil, Relation, School, SchoolClass, Tie, world_id

CLASS_SIZE = 25
FEWEST_PUPILS = 120
GRADES = {"upper": (1, 2, 3), "lower": (7, 8, 9), "primary": (1, 2, 3, 4, 5, 6)}
AGE_IN_FIRST_GRADE = {"upper": 15, "lower": 6, "primary": 6}  # at the end of the year before the grade's number
SIBLINGS = (1, 2, 3), (0.52, 0.36, 0.12)
HOUSEHOLDS = ("together", "separated", "single"), (0.64, 0.23, 0.13)
WITHOUT_MAIL = 0.03
TWO_ADDRESSES = 0.05
DRAMA_NUMBERS = 95  # 070-174 06 05 to 99 are never given to a subscriber


def grow(seed: int, first_day: date, schools: int = 3, pupils: int = 1200) -> Municipality:
    """A municipality as it stands on `first_day`. Raises ValueError below 120 pupils: the cases need families."""
    if pupils < FEWEST_PUPILS:
        raise ValueError(f"A municipality needs at least {FEWEST_PUPILS} pupils to hold every kind of family.")
    return _Grower(seed, first_day).grow(schools, pupils)


@dataclass
class _Grower:
    seed: int
    first_day: date
    rng: random.Random = field(init=False)
    employees: list[Employee] = field(default_factory=list)
    adults: dict[UUID, Adult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def grow(self, schools: int, pupils: int) -> Municipality:
        built = [self._school(number) for number in range(schools)]
        seats = [
            seat for number, school in enumerate(built) for seat in self._seats(school, _share(pupils, schools, number))
        ]
        classes = list({seat.id: seat for seat in seats}.values())
        self.rng.shuffle(seats)
        children = [pupil for family in self._families(seats) for pupil in family]
        whole = Municipality(self.seed, self.first_day, built, classes, self.employees, self.adults)
        whole.employees += self._office(whole.owner_id)
        whole.pupils = {pupil.id: pupil for pupil in children}
        assign(whole)
        _number(whole.pupils.values())
        return whole

    def _office(self, owner_id: UUID) -> Iterator[Employee]:
        """Who works for all the schools at once."""
        for given, family, role in names.OFFICE:
            number = len(self.employees)
            yield Employee(world_id(self.seed, "employee", number), owner_id, given, family, role, number)

    def _school(self, number: int) -> School:
        kind = ("upper", "lower", "primary")[number % 3]
        known = names.SCHOOL_NAMES[kind]
        name = known[number // 3 % len(known)] + (f" {number // 9 + 1}" if number >= 9 else "")
        return School(world_id(self.seed, "school", number), name, kind, f"{slug(name)}@skolan.example")

    def _seats(self, school: School, pupils: int) -> Iterator[SchoolClass]:
        """The school's classes, each as often as it has seats. 25 pupils a class, spread over the grades."""
        grades = GRADES[school.kind]
        teachers = self._teachers(school, len(names.SUBJECTS) * 3)
        self._employee(school, "Rektor")
        for number in range(-(-pupils // CLASS_SIZE)):
            grade, letter = grades[number % len(grades)], chr(ord("A") + number // len(grades))
            prefix = "Na" if school.kind == "upper" else ""
            subjects = {code: teachers[(number + n) % len(teachers)].id for n, (code, _) in enumerate(names.SUBJECTS)}
            class_id = world_id(self.seed, "class", school.id, number)
            mentor = teachers[number % len(teachers)].id
            school_class = SchoolClass(class_id, school, f"{prefix}{grade}{letter}", grade, mentor, subjects)
            yield from [school_class] * min(CLASS_SIZE, pupils - number * CLASS_SIZE)

    def _teachers(self, school: School, count: int) -> list[Employee]:
        return [self._employee(school, "Lärare") for _ in range(count)]

    def _employee(self, school: School, role: str) -> Employee:
        given = self.rng.choice(self.rng.choice((names.WOMEN, names.MEN)))
        family = self.rng.choice(names.FAMILIES)
        number = len(self.employees)
        employee = Employee(world_id(self.seed, "employee", number), school.id, given, family, role, number)
        self.employees.append(employee)
        return employee

    def _families(self, seats: Sequence[SchoolClass]) -> Iterator[list[Pupil]]:
        left = list(seats)
        while left:
            size = self.rng.choices(*SIBLINGS)[0]
            own, left = left[:size], left[size:]
            yield self._family(own, len(left))

    def _family(self, seats: Sequence[SchoolClass], number: int) -> list[Pupil]:
        surname = self.rng.choice(names.FAMILIES)
        guardians = self._guardians(surname)
        ties = tuple(Tie(adult.id, Relation.CUSTODY) for adult in guardians)
        month, born = self.rng.randint(1, 12), dict[int, date]()
        family = []
        for place, seat in enumerate(seats):
            year = self._birth_year(seat)  # two in one year are twins: born on the same day
            birthday = born.setdefault(year, date(year, month, self.rng.randint(1, 28)))
            given = self.rng.choice(self.rng.choice((names.GIRLS, names.BOYS)))
            family.append(Pupil(world_id(self.seed, "pupil", number, place), given, surname, birthday, seat, ties))
        return family

    def _birth_year(self, seat: SchoolClass) -> int:
        autumn = self.first_day.year if self.first_day.month >= 8 else self.first_day.year - 1
        return autumn - AGE_IN_FIRST_GRADE[seat.school.kind] - seat.grade

    def _guardians(self, surname: str) -> list[Adult]:
        household = self.rng.choices(*HOUSEHOLDS)[0]
        first = self._adult(self.rng.choice(names.WOMEN), surname, self._street())
        if household == "single":
            return [first]
        apart = household == "separated"
        other_name = self.rng.choice(names.FAMILIES) if apart else surname
        return [first, self._adult(self.rng.choice(names.MEN), other_name, self._street() if apart else first.street)]

    def _adult(self, given: str, family: str, street: str) -> Adult:
        number = len(self.adults)
        phone = f"070-174 06 {number % DRAMA_NUMBERS + 5:02}"
        emails = self._emails(given, family)
        adult = Adult(world_id(self.seed, "adult", number), given, family, emails, phone, street, number)
        self.adults[adult.id] = adult
        return adult

    def _emails(self, given: str, family: str) -> tuple[str, ...]:
        if self.rng.random() < WITHOUT_MAIL:
            return ()
        mailbox = f"{slug(given)}.{slug(family)}{len(self.adults)}"
        work = (f"{mailbox}@arbete.example",) if self.rng.random() < TWO_ADDRESSES else ()
        return (f"{mailbox}@hem.example", *work)

    def _street(self) -> str:
        return f"{self.rng.choice(names.STREETS)} {self.rng.randint(1, 98)}"


def _number(pupils: Iterable[Pupil]) -> None:
    """Pupils born on the same day get different numbers."""
    born: Counter[date] = Counter()
    for pupil in pupils:
        born[pupil.born] += 1
        pupil.number = born[pupil.born]


def _share(pupils: int, schools: int, number: int) -> int:
    return pupils // schools + (number < pupils % schools)
