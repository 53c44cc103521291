"""Quiet hours: nobody is written to in them, and nobody is kept waiting longer than they last."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.quiet import next_allowed

STOCKHOLM = "Europe/Stockholm"
MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
SPRING, AUTUMN = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)  # the clocks change
ZONES = st.sampled_from([STOCKHOLM, "Europe/Oslo", "Atlantic/Reykjavik"])
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
INSTANTS = st.one_of(
    st.builds(lambda seconds: START + timedelta(seconds=seconds), st.integers(0, 2 * 365 * 24 * 3600)),
    st.builds(
        lambda change, minutes: change + minutes * MINUTE, st.sampled_from([SPRING, AUTUMN]), st.integers(-2000, 2000)
    ),
)


def local(year: int, month: int, day: int, hour: int, minute: int = 0, fold: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(STOCKHOLM), fold=fold).astimezone(UTC)


def is_quiet(instant: datetime, zone: str, quiet_from: time, quiet_to: time) -> bool:
    """By the clock on the wall."""
    shown = instant.astimezone(ZoneInfo(zone)).time()
    if quiet_from <= quiet_to:
        return quiet_from <= shown < quiet_to
    return shown >= quiet_from or shown < quiet_to


@pytest.mark.parametrize(
    ("now", "quiet", "allowed"),
    [
        (local(2026, 11, 23, 12), (time(21), time(7)), local(2026, 11, 23, 12)),
        (local(2026, 11, 23, 21), (time(21), time(7)), local(2026, 11, 24, 7)),
        (local(2026, 11, 24, 0), (time(21), time(7)), local(2026, 11, 24, 7)),
        (local(2026, 11, 24, 7), (time(21), time(7)), local(2026, 11, 24, 7)),
        (local(2026, 11, 23, 13), (time(12), time(14)), local(2026, 11, 23, 14)),
        (local(2026, 12, 31, 23), (time(22), time(6, 30)), local(2027, 1, 1, 6, 30)),
    ],
    ids=["by day", "as the night begins", "at midnight", "as it ends", "a rest at noon", "new year"],
)
def test_a_quiet_time_is_waited_out_to_its_end(now: datetime, quiet: tuple[time, time], allowed: datetime) -> None:
    assert next_allowed(now, STOCKHOLM, *quiet) == allowed


@pytest.mark.parametrize(
    ("now", "quiet", "allowed"),
    [
        (local(2026, 3, 28, 23), (time(22), time(6)), local(2026, 3, 29, 6)),
        (local(2026, 3, 29, 1, 30), (time(22), time(2, 30)), local(2026, 3, 29, 3)),
        (local(2026, 3, 29, 3, 15), (time(2, 30), time(6)), local(2026, 3, 29, 6)),
        (local(2026, 10, 24, 23), (time(22), time(6)), local(2026, 10, 25, 6)),
        (local(2026, 10, 25, 2, 10), (time(22), time(2, 30)), local(2026, 10, 25, 2, 30, fold=1)),
        (local(2026, 10, 25, 2, 10, fold=1), (time(2, 30), time(6)), local(2026, 10, 25, 6)),
    ],
    ids=["short night", "ends in the jump", "begins in the jump", "long night", "ends twice", "begins twice"],
)
def test_a_night_in_which_the_clocks_change_ends_by_the_clock_on_the_wall(
    now: datetime, quiet: tuple[time, time], allowed: datetime
) -> None:
    assert next_allowed(now, STOCKHOLM, *quiet) == allowed


@pytest.mark.parametrize("quiet", [(None, time(7)), (time(21), None), (None, None), (time(7), time(7))])
def test_without_both_times_nothing_is_quiet(quiet: tuple[time | None, time | None]) -> None:
    now = local(2026, 11, 24, 3)
    assert next_allowed(now, STOCKHOLM, *quiet) == now


def test_a_time_that_claims_a_zone_is_still_the_schools_own_time() -> None:
    assert next_allowed(local(2026, 11, 24, 3), STOCKHOLM, time(21, tzinfo=UTC), time(7)) == local(2026, 11, 24, 7)


@settings(max_examples=500, deadline=None)
@given(INSTANTS, ZONES, TIMES, TIMES)
def test_the_next_allowed_instant_is_never_quiet_and_is_the_same_when_asked_again(
    now: datetime, zone: str, quiet_from: time, quiet_to: time
) -> None:
    allowed = next_allowed(now, zone, quiet_from, quiet_to)
    assert allowed >= now
    assert quiet_from == quiet_to or not is_quiet(allowed, zone, quiet_from, quiet_to)
    assert next_allowed(allowed, zone, quiet_from, quiet_to) == allowed


@settings(max_examples=200, deadline=None)
@given(INSTANTS, ZONES, TIMES, TIMES)
def test_nobody_waits_past_the_end_except_for_the_hour_that_comes_twice(
    now: datetime, zone: str, quiet_from: time, quiet_to: time
) -> None:
    allowed = next_allowed(now, zone, quiet_from, quiet_to)
    waited = [now + n * MINUTE for n in range(int((allowed - now) / MINUTE))]
    needless = [instant for instant in waited if not is_quiet(instant, zone, quiet_from, quiet_to)]
    assert len(needless) <= 60
    assert all(abs(instant - AUTUMN.replace(year=instant.year)) < timedelta(days=8) for instant in needless)
