"""The half-year before the first day: whatever day somebody starts the demo on, there is room for it."""

from __future__ import annotations

from datetime import date, timedelta

from services.bulletins.domain.plans import LEAD, LONGEST, SHORTEST, Country, spread, usual
from services.demo.bulletins.plan import QUOTA, nights_after
from services.demo.halfyear import half_year
from services.demo.schooldays import school_day_before, school_day_from
from tests.unit.demo.world import MONDAY

EVERY_DAY = sorted({school_day_from(date(2026, 1, 1) + timedelta(days=number)) for number in range(1200)})


def test_it_begins_fourteen_weeks_before_the_first_day_and_ends_two_after_it() -> None:
    found = half_year(MONDAY)
    assert (found.starts, found.ends) == (date(2026, 8, 17), date(2026, 12, 7))
    assert found.founded <= found.starts < found.imported < found.first_writing < MONDAY < found.ends


def test_on_whatever_day_two_bulletins_are_due_before_it_and_one_after() -> None:
    for first_day in EVERY_DAY:
        found = half_year(first_day)
        assert SHORTEST <= found.ends - found.starts <= LONGEST, first_day
        first, second, third = spread(Country.SE, found.starts, found.ends, QUOTA)
        assert found.starts < found.first_writing < first, first_day
        assert found.first_writing < school_day_before(second), first_day
        assert school_day_from(nights_after(second)) < first_day < third, first_day


def test_on_the_day_of_the_first_writing_one_half_year_runs_and_no_other_is_known() -> None:
    for first_day in EVERY_DAY:
        found = half_year(first_day)
        running = usual(Country.SE, found.first_writing)
        assert running.starts <= found.first_writing <= running.ends, first_day
        known = usual(Country.SE, found.first_writing + LEAD)
        assert known == running or known.starts > found.first_writing + LEAD, first_day
        assert found.founded <= found.imported, first_day
