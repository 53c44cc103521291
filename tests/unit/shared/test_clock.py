from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import ManualClock, PacedClock, SystemClock, age_on, local_date

STOCKHOLM = "Europe/Stockholm"


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2008, 11, 22), date(2026, 11, 21), 17),
        (date(2008, 11, 22), date(2026, 11, 22), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
        (date(2008, 12, 31), date(2009, 1, 1), 0),
    ],
)
def test_an_age_grows_on_the_birthday_and_for_leap_day_children_on_the_day_after(
    born: date, day: date, age: int
) -> None:
    assert age_on(born, day) == age


@given(st.dates(date(1950, 1, 1), date(2050, 1, 1)), st.integers(0, 36_500))
def test_an_age_never_shrinks_and_grows_by_one_a_year(born: date, days: int) -> None:
    day = born + timedelta(days=days)
    assert age_on(born, day) <= age_on(born, day + timedelta(days=1)) <= age_on(born, day) + 1
    assert age_on(born, day) == pytest.approx(days / 365.2425, abs=1.01)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 22, 22, 59, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 11, 22, 23, 0, tzinfo=UTC), date(2026, 11, 23)),  # winter: an hour ahead of UTC
        (datetime(2026, 6, 22, 22, 0, tzinfo=UTC), date(2026, 6, 23)),  # summer: two
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),  # the day of 25 hours
        (datetime(2027, 3, 27, 23, 0, tzinfo=UTC), date(2027, 3, 28)),  # the day of 23
        (datetime(2027, 3, 28, 22, 0, tzinfo=UTC), date(2027, 3, 29)),
    ],
)
def test_the_date_is_the_one_where_the_school_is(instant: datetime, day: date) -> None:
    assert local_date(instant, STOCKHOLM) == day


async def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(datetime(2026, 11, 23, 7, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(timedelta(days=200))
    await clock.sleep(60)
    assert clock.now() == datetime(2027, 6, 11, 7, 1, tzinfo=UTC)


async def test_a_paced_clock_runs_faster_and_two_of_them_agree() -> None:
    origin = datetime.now(UTC)
    clocks = [PacedClock(datetime(2026, 11, 23, 7, tzinfo=UTC), origin, speed=3600) for _ in range(2)]
    before = clocks[0].now()
    await asyncio.gather(*[clock.sleep(360) for clock in clocks])
    assert clocks[1].now() - before >= timedelta(seconds=360)
    assert abs(clocks[0].now() - clocks[1].now()) < timedelta(minutes=10)


async def test_the_system_clock_is_in_utc() -> None:
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.01)
    assert clock.now() - before >= timedelta(milliseconds=10)
    assert clock.now().utcoffset() == timedelta(0)
