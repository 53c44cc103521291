"""When absence is summed, and of whom at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.absence.domain import PARTS, Part, Rules, next_sum, parts_of
from shared.clock import midnight, school_year

ZONE = "Europe/Stockholm"
RULES = Rules()


@given(st.uuids())
def test_every_pupil_is_in_exactly_one_part(pupil: UUID) -> None:
    assert sum(part.first <= pupil <= part.last for part in parts_of(ZONE)) == 1


def test_no_two_parts_are_planned_under_one_id() -> None:
    zones = (ZONE, "Europe/Oslo", "Europe/Helsinki")
    assert len({part.ref for zone in zones for part in parts_of(zone)}) == 3 * PARTS


@given(
    st.integers(0, 365 * 24 * 60).map(lambda minutes: datetime(2026, 8, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.sampled_from([ZONE, "Europe/Helsinki", "Atlantic/Reykjavik"]),
    st.integers(0, PARTS - 1),
)
def test_a_part_is_summed_once_a_day_at_the_same_hour_there_also_when_the_clocks_change(
    now: datetime, zone: str, number: int
) -> None:
    part = Part(zone, number)
    at = next_sum(part, now, RULES)
    assert now < at <= now + timedelta(hours=25)
    assert at.astimezone(ZoneInfo(zone)).time().replace(second=0) in (time(17, 30), time(17, 31), time(17, 32))
    again = next_sum(part, at, RULES)
    assert timedelta(hours=23) <= again - at <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        (date(2026, 8, 1), date(2026, 8, 1)),
        (date(2026, 12, 31), date(2026, 8, 1)),
        (date(2027, 7, 31), date(2026, 8, 1)),
        (date(2027, 8, 1), date(2027, 8, 1)),
    ],
)
def test_a_school_year_begins_with_august(day: date, begins: date) -> None:
    assert school_year(day) == begins


def test_the_year_begins_at_midnight_where_the_school_is() -> None:
    assert midnight(date(2026, 8, 1), ZONE) == datetime(2026, 7, 31, 22, tzinfo=UTC)
