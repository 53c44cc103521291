"""The people of the invented municipality, and the truth about who may be told about whom.

This truth is written for the demo alone, from the law's words, so that the services can be judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

WORLD = UUID("6f7d2b52-5a0f-5d3c-9b52-0d1c5a4e7b11")
UNMARKED = "Ingen"
SILENT = "simulate:bounce"
SIMULATED = ("simulate:bounce", "simulate:defer", "simulate:slow")
GROWN_UPS_BORN = date(1960, 1, 1), 12_000  # the first day, and how many days after it
STRIDE = 7_919  # prime to the days: so many people in a row are born on as many different days
EMPLOYED = 50  # the last two digits of an employee's number begin here


def world_id(seed: int, kind: str, *number: object) -> UUID:
    """The id of a thing in the world grown from that seed: the same at every start."""
    return uuid5(WORLD, "/".join(str(part) for part in (seed, kind, *number)))


def temporary_no(born: date, number: int) -> str:
    """The standard's temporary number: it looks right and can never be a living person's."""
    return f"{born:%Y%m%d}TF{number:02}"


def _grown_up_no(number: int, first: int) -> str:
    """A number of nobody else: each grown-up has a day and two digits of their own."""
    begins, days = GROWN_UPS_BORN
    return temporary_no(begins + timedelta(days=number * STRIDE % days), first + number // days)


class Case(StrEnum):
    """Families that are there to be got right."""

    PLAIN = "plain"
    NO_RIGHTS = "one parent has no custody"
    ENDED = "one custody has ended"
    NOT_BEGUN = "one custody has not begun"
    APPOINTED = "an appointed guardian, no parents"
    PROTECTED = "protected identity"
    BIRTHDAY = "turns 18 on the first day played"
    ADULT = "has turned 18"
    NO_MAIL = "nobody has an e-mail address"
    ONE_MAIL = "one of two has an e-mail address"
    BOUNCE_ALL = "the only address refuses mail"
    BOUNCE_ONE = "one of two addresses refuses mail"
    DEFER = "the only address takes mail later"
    SLOW = "the only address is slow"
    TWO_SCHOOLS = "siblings at two schools"


class Relation(StrEnum):
    """What a grown-up is to a pupil, in SS 12000's own words."""

    CUSTODY = "Vårdnadshavare"
    APPOINTED = "God man"
    PARENT = "Förälder"


@dataclass(frozen=True)
class School:
    """A school unit; `kind` is primary, lower or upper secondary."""

    id: UUID
    name: str
    kind: str
    email: str


@dataclass(frozen=True)
class SchoolClass:
    """A class with its mentor and the people who teach it, by subject code."""

    id: UUID
    school: School
    name: str
    grade: int
    mentor_id: UUID
    teachers: dict[str, UUID]


@dataclass(frozen=True)
class Employee:
    """Someone who works at a school, or at the office of the municipality that runs them (its id is the school's)."""

    id: UUID
    school_id: UUID
    given: str
    family: str
    role: str
    number: int = 0

    @property
    def civic_no(self) -> str:
        """The employee's alone."""
        return _grown_up_no(self.number, EMPLOYED)

    @property
    def account(self) -> str:
        """The name by which they log in at the municipality (eduPersonPrincipalName)."""
        return f"{self.id.hex[:8]}@brohamn.example"

    @property
    def email(self) -> str:
        """Their address at work."""
        return f"{self.id.hex[:8]}@skolan.example"


@dataclass(frozen=True)
class Adult:
    """A grown-up in a family. `emails` may be empty, or an address that the demo's mail service plays."""

    id: UUID
    given: str
    family: str
    emails: tuple[str, ...]
    phone: str
    street: str
    number: int = 0

    @property
    def civic_no(self) -> str:
        """The grown-up's alone."""
        return _grown_up_no(self.number, 0)

    @property
    def reachable(self) -> bool:
        """True when a mail to one of the addresses arrives in the end."""
        return any(not email.startswith(SILENT) for email in self.emails)

    @property
    def simulated(self) -> bool:
        """True when the mail service plays all of the addresses, so that no mail server ever sees the mail."""
        return bool(self.emails) and all(email.startswith(SIMULATED) for email in self.emails)


@dataclass(frozen=True)
class Tie:
    """A grown-up's tie to a pupil, in force on `starts <= day < ends`.

    `unconfirmed`: the registry has it since today. By law it may hold; but Skolbro has promised that nobody is told
    more because of an import alone, before somebody at the municipality has looked.
    """

    adult_id: UUID
    relation: Relation
    starts: date | None = None
    ends: date | None = None
    unconfirmed: bool = False

    def entitles(self, on: date) -> bool:
        """True when the law lets the school tell this grown-up on that day, and nobody has to look first."""
        if self.unconfirmed:
            return False
        begun = self.starts is None or self.starts <= on
        over = self.ends is not None and self.ends <= on
        return self.relation is not Relation.PARENT and begun and not over


@dataclass
class Pupil:
    """A pupil. `marking` is SS 12000's securityMarking; `present` turns False when the registry removes the pupil."""

    id: UUID
    given: str
    family: str
    born: date
    school_class: SchoolClass
    ties: tuple[Tie, ...]
    case: Case = Case.PLAIN
    marking: str = UNMARKED
    present: bool = True
    number: int = 0

    @property
    def civic_no(self) -> str:
        """The pupil's alone."""
        return temporary_no(self.born, self.number)

    @property
    def account(self) -> str:
        """The name by which the pupil logs in at school (eduPersonPrincipalName)."""
        return f"{self.id.hex[:8]}@elev.brohamn.example"

    def adult_on(self, day: date) -> bool:
        """True from the 18th birthday; one born on 29 February waits until 1 March."""
        birthday = (day.year - 18, day.month, day.day)
        return (self.born.year, self.born.month, self.born.day) <= birthday


@dataclass
class Municipality:
    """Everyone, and what is true about them."""

    seed: int
    first_day: date
    schools: list[School]
    classes: list[SchoolClass]
    employees: list[Employee]
    adults: dict[UUID, Adult]
    pupils: dict[UUID, Pupil] = field(default_factory=dict)

    @property
    def owner_id(self) -> UUID:
        """The municipality itself, as an organisation above its schools."""
        return world_id(self.seed, "owner")

    def entitled(self, pupil_id: UUID, on: date) -> list[Adult]:
        """Everyone who is to be told about the pupil on that day."""
        pupil = self.pupils[pupil_id]
        if pupil.adult_on(on) or not pupil.present:
            return []
        return [self.adults[adult_id] for adult_id in {tie.adult_id for tie in pupil.ties if tie.entitles(on)}]

    def of_class(self, class_id: UUID) -> list[Pupil]:
        """The pupils of a class, as the registry has them."""
        return [pupil for pupil in self.pupils.values() if pupil.school_class.id == class_id]

    def with_case(self, case: Case) -> list[Pupil]:
        """The pupils of that case, always in the same order."""
        return [pupil for pupil in self.pupils.values() if pupil.case is case]

    def withdraw(self, pupil_id: UUID, adult_id: UUID) -> None:
        """Take a grown-up's custody away: from now on the right is gone."""
        pupil = self.pupils[pupil_id]
        pupil.ties = tuple(tie for tie in pupil.ties if tie.adult_id != adult_id)

    def join(self, pupil_id: UUID, adult: Adult) -> None:
        """The registry names one more guardian of the pupil; nobody has looked at it yet."""
        pupil = self.pupils[pupil_id]
        self.adults[adult.id] = adult
        pupil.ties = (*pupil.ties, Tie(adult.id, Relation.CUSTODY, unconfirmed=True))

    def remove(self, pupil_id: UUID) -> None:
        """The registry has taken the pupil out."""
        self.pupils[pupil_id].present = False
