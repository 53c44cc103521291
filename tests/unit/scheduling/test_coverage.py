"""Which talk is owed to whom, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

import pytest

from services.scheduling.domain.coverage import Enrolled, owed
from services.scheduling.domain.school_year import Country, SchoolYear
from shared.events.duties import DutyKind

TENANT, SCHOOL, OTHER = uuid4(), uuid4(), uuid4()
SWEDEN, NORWAY = (SchoolYear(TENANT, SCHOOL, country) for country in (Country.SE, Country.NO))
PUPIL = Enrolled(UUID(int=7), TENANT, SCHOOL, date(2014, 3, 1))
AUTUMN, SPRING = date(2026, 9, 1), date(2027, 3, 1)


def test_a_pupil_is_owed_one_development_talk_a_term() -> None:
    autumn, spring = owed(PUPIL, SWEDEN, AUTUMN), owed(PUPIL, SWEDEN, SPRING)
    assert autumn
    assert spring
    assert autumn.duty_id != spring.duty_id
    assert (autumn.kind, autumn.last_day, spring.last_day) == (
        DutyKind.DEVELOPMENT_TALK,
        date(2026, 12, 21),
        date(2027, 6, 11),
    )
    assert owed(PUPIL, SWEDEN, date(2026, 12, 1)) == autumn


def test_between_terms_nothing_begins() -> None:
    assert owed(PUPIL, SWEDEN, date(2026, 12, 30)) is None
    assert owed(PUPIL, SWEDEN, date(2026, 7, 15)) is None


def test_the_duty_is_the_same_at_the_next_school() -> None:
    there = replace(PUPIL, school_id=OTHER)
    moved = owed(there, replace(SWEDEN, school_id=OTHER), AUTUMN)
    here = owed(PUPIL, SWEDEN, AUTUMN)
    assert moved
    assert here
    assert moved.duty_id == here.duty_id
    assert moved.school_id == OTHER


def test_a_six_year_old_is_owed_one_talk_a_school_year_in_sweden_and_two_in_norway() -> None:
    child = replace(PUPIL, born=date(2020, 5, 5))
    autumn, spring = owed(child, SWEDEN, AUTUMN), owed(child, SWEDEN, SPRING)
    assert autumn == spring
    assert autumn is not None
    assert autumn.last_day == date(2027, 6, 11)
    assert owed(child, NORWAY, AUTUMN) != owed(child, NORWAY, SPRING)


@pytest.mark.parametrize(("born", "is_owed"), [(None, True), (date(2000, 1, 1), False), (date(2006, 12, 31), True)])
def test_grown_ups_are_owed_nothing_and_whose_age_is_unknown_as_much_as_most(born: date | None, is_owed: bool) -> None:
    assert (owed(replace(PUPIL, born=born), SWEDEN, AUTUMN) is not None) is is_owed
