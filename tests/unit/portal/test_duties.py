"""When a duty is met and when it is missed, and figures that add up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.domain.duties import (
    HOW_IT_STANDS,
    Outcome,
    Period,
    Seen,
    Span,
    Tally,
    by_week,
    courses,
    is_to_call,
    is_unread,
    marks,
    outcomes,
    period,
    stands,
    time_left,
    total,
)
from services.portal.web.export import harmless
from shared.events.duties import DutyStatus

EVERY = st.integers(0, 2 * max(Seen) - 1).map(Seen)
COUNTED = st.lists(st.tuples(EVERY, st.integers(1, 50)), max_size=30)
IN_TIME = Seen.DELIVERED | Seen.TOLD_IN_TIME
CALLED = Seen.UNREACHABLE | Seen.CALL_IN_TIME
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (Seen(0), Outcome.WAITING),
        (Seen.SENT, Outcome.WAITING),
        (Seen.SENT | Seen.OVER, Outcome.MISSED),
        (Seen.OVER, Outcome.MISSED),
        (IN_TIME, Outcome.MET),
        (IN_TIME | Seen.OVER, Outcome.MET),
        (Seen.DELIVERED | Seen.OVER, Outcome.MISSED),
        (CALLED, Outcome.UNREACHABLE),
        (CALLED | Seen.OVER, Outcome.UNREACHABLE),
        (CALLED | IN_TIME, Outcome.MET),
        (Seen.UNREACHABLE | Seen.OVER, Outcome.MISSED),
        (IN_TIME | Seen.RETRACTED | Seen.OVER, Outcome.RETRACTED),
        (Seen.MISSED, Outcome.MISSED),
        (Seen.MET | Seen.OVER, Outcome.MET),
    ],
)
def test_a_same_day_notice_is_met_on_the_day_itself_or_not_at_all(seen: Seen, outcome: Outcome) -> None:
    assert stands(seen) is outcome


@given(EVERY)
def test_every_duty_is_owed_and_stands_in_exactly_one_way(seen: Seen) -> None:
    found = outcomes(seen)
    assert Outcome.OWED in found
    assert len(found.intersection(HOW_IT_STANDS)) == 1


@given(EVERY, st.sampled_from(Outcome))
def test_the_database_is_asked_for_the_flags_that_count_and_no_others(seen: Seen, outcome: Outcome) -> None:
    assert (int(seen) in courses(outcome)) == (outcome in outcomes(seen))


@pytest.mark.parametrize(
    ("zone", "hour", "in_time"),
    [
        ("Europe/Stockholm", 22, True),
        ("Europe/Stockholm", 23, False),  # UTC: midnight at the school
        ("Europe/Helsinki", 21, True),
        ("Europe/Helsinki", 22, False),
    ],
)
def test_a_moment_is_on_the_day_by_the_school_s_own_clock(zone: str, hour: int, in_time: bool) -> None:
    day, at = NOON.date(), NOON.replace(hour=hour)
    assert (Seen.TOLD_IN_TIME in marks(DutyStatus.DELIVERED, at, day, zone)) is in_time
    assert (Seen.TOLD_IN_TIME in marks(DutyStatus.UNDERSTOOD, at, day, zone)) is in_time
    assert (Seen.CALL_IN_TIME in marks(DutyStatus.UNREACHABLE, at, day, zone)) is in_time


@pytest.mark.parametrize("status", DutyStatus)
def test_every_status_but_the_first_leaves_its_mark_whenever_it_is_reached(status: DutyStatus) -> None:
    for day in (NOON.date() - timedelta(days=1), NOON.date(), NOON.date() + timedelta(days=1)):
        left = marks(status, NOON, day, "Europe/Stockholm")
        assert (Seen[status.name] in left) if status is not DutyStatus.OWED else not left
        assert Seen.OVER not in left


@given(EVERY)
def test_what_is_delivered_was_sent(seen: Seen) -> None:
    assert Outcome.DELIVERED not in outcomes(seen) or Outcome.SENT in outcomes(seen)


@given(COUNTED, COUNTED)
def test_figures_add_up_however_they_are_split(one: list[tuple[Seen, int]], other: list[tuple[Seen, int]]) -> None:
    first, second, both = tally(one), tally(other), tally(one + other)
    assert total([first, second]).counts == both.counts
    assert both[Outcome.OWED] == sum(number for _, number in one + other)
    assert sum(both[outcome] for outcome in HOW_IT_STANDS) == both[Outcome.OWED]


def tally(counted: list[tuple[Seen, int]]) -> Tally:
    found = Tally()
    for seen, number in counted:
        found.add(seen, number)
    return found


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)), st.sampled_from(Span))
def test_a_period_has_its_day_in_it(day: date, span: Span) -> None:
    when = period(span, day)
    assert when.since <= day <= when.until
    assert period(span, when.since) == period(span, when.until) == when


def test_the_halves_of_a_school_year_meet_in_summer() -> None:
    assert period(Span.HALF_YEAR, date(2026, 9, 1)) == Period(date(2026, 8, 1), date(2026, 12, 31))
    assert period(Span.HALF_YEAR, date(2027, 2, 1)) == Period(date(2027, 1, 1), date(2027, 7, 31))
    assert period(Span.MONTH, date(2028, 2, 10)) == Period(date(2028, 2, 1), date(2028, 2, 29))


def test_weeks_keep_every_figure() -> None:
    days = {date(2026, 11, 20): tally([(IN_TIME, 2)]), date(2026, 11, 23): tally([(IN_TIME, 3)])}
    days[date(2026, 11, 27)] = tally([(Seen.OVER, 1)])
    weeks = by_week(days)
    assert {monday: week[Outcome.OWED] for monday, week in weeks.items()} == {
        date(2026, 11, 16): 2,
        date(2026, 11, 23): 4,
    }


def test_a_notice_is_unread_a_day_after_it_arrived() -> None:
    yesterday = NOON - timedelta(hours=24)
    assert is_unread(IN_TIME, yesterday, NOON)
    assert not is_unread(IN_TIME, yesterday + timedelta(minutes=1), NOON)
    assert not is_unread(IN_TIME | Seen.UNDERSTOOD, yesterday, NOON)
    assert not is_unread(IN_TIME | Seen.RETRACTED, yesterday, NOON)
    assert not is_unread(CALLED, None, NOON)


def test_a_call_is_made_until_somebody_at_home_knows() -> None:
    assert is_to_call(CALLED)
    assert is_to_call(CALLED | Seen.OVER)
    assert not [seen for seen in (IN_TIME, Seen.UNDERSTOOD, Seen.RETRACTED, Seen.MET) if is_to_call(CALLED | seen)]


def test_the_day_is_as_long_as_the_clock_on_the_wall_says_also_when_it_is_changed() -> None:
    assert time_left(NOON, "Europe/Stockholm") == timedelta(hours=12)
    assert time_left(datetime(2026, 10, 24, 22, 0, tzinfo=UTC), "Europe/Oslo") == timedelta(hours=25)
    assert time_left(datetime(2026, 3, 28, 23, 0, tzinfo=UTC), "Europe/Oslo") == timedelta(hours=23)


@pytest.mark.parametrize("cell", ["=1+1", "+46", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_an_export_is_run(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


def test_ordinary_cells_stay_as_they_are() -> None:
    assert [harmless(cell) for cell in ("Ebba Ek", "", "2026-11-23")] == ["Ebba Ek", "", "2026-11-23"]
