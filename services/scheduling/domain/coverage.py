"""Which talks a school owes which pupil: the rules as data, and the duty of one pupil. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.scheduling.domain.school_year import DAY, HALF_YEAR, Country, SchoolYear, half_year_id, school_year_start
from shared.events.duties import DutyKind
from shared.ids import derived_id


class Per(StrEnum):
    """How often something is owed."""

    TERM = "term"
    YEAR = "school year"


@dataclass(frozen=True)
class Rule:
    """What is owed to pupils who reach an age within `ages` in the calendar year in which the school year began."""

    country: Country
    kind: DutyKind
    per: Per
    ages: range
    source: str


RULES = (
    Rule(
        Country.SE, DutyKind.DEVELOPMENT_TALK, Per.TERM, range(7, 21), "skollagen (2010:800) 10 kap 12 §, 15 kap 20 §"
    ),
    Rule(Country.SE, DutyKind.DEVELOPMENT_TALK, Per.YEAR, range(1, 7), "skollagen 8 kap 11 §, 9 kap 11 §"),
    Rule(
        Country.NO,
        DutyKind.DEVELOPMENT_TALK,
        Per.TERM,
        range(6, 21),
        "forskrift til opplæringslova (2006) §§ 20-3, 20-4",
    ),
)


@dataclass(frozen=True)
class Enrolled:
    """An active pupil at the school that owes the talk."""

    pupil_id: UUID
    tenant_id: UUID
    school_id: UUID
    born: date | None = None


@dataclass(frozen=True)
class Owed:
    """A talk that is owed: until the end of `last_day`, which is included."""

    duty_id: UUID
    kind: DutyKind
    tenant_id: UUID
    school_id: UUID
    pupil_id: UUID
    term_id: UUID
    last_day: date


def owed(pupil: Enrolled, year: SchoolYear, today: date) -> Owed | None:
    """The development talk that this pupil is owed today; None between terms, and for whom no rule is made.

    A pupil whose date of birth is unknown is owed as much as most. The id is the same at every school of the
    municipality: a duty follows a pupil who moves.
    """
    rule = rule_of(pupil.born, year.country, today)
    term = year.term_on(today)
    if rule is None or term is None:
        return None
    if rule.per is Per.TERM:
        return owing(pupil, rule.kind, term.term_id, term.last_day)
    begun = school_year_start(today)
    spring = year.half_year(date(begun + 1, HALF_YEAR, 1) - DAY)
    return owing(pupil, rule.kind, half_year_id(pupil.tenant_id, date(begun, HALF_YEAR, 1)), spring.last_day)


def rule_of(born: date | None, country: Country, today: date) -> Rule | None:
    """The rule that is made for somebody of this age."""
    mine = [rule for rule in RULES if rule.country is country]
    if born is None:
        return mine[0]
    age = school_year_start(today) - born.year
    return next((rule for rule in mine if age in rule.ages), None)


def owing(pupil: Enrolled, kind: DutyKind, term_id: UUID, last_day: date) -> Owed:
    """The duty under its id: one for each pupil, term and kind."""
    duty_id = derived_id("talk duty", pupil.pupil_id, term_id, kind)
    return Owed(duty_id, kind, pupil.tenant_id, pupil.school_id, pupil.pupil_id, term_id, last_day)
