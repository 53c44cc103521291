"""The plan of bulletins: half-years, school days, dates, and what may be moved."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bulletins.domain.plans import (
    MARGIN,
    Country,
    Planned,
    Unfit,
    Unmoved,
    began,
    country_of,
    first_places,
    holiday,
    is_school_day,
    planned_again,
    running_since,
    school_days,
    spread,
    unfit,
    unmoved,
    usual,
)
from shared.events.roster import GroupStated, Membership

SE, NO = Country.SE, Country.NO
AUTUMN = (date(2026, 8, 15), date(2026, 12, 20))
DATES = spread(SE, *AUTUMN, 3)
countries, days = st.sampled_from(Country), st.dates(date(2024, 1, 1), date(2031, 12, 31))


def group(*spans: tuple[date | None, date | None]) -> GroupStated:
    members = tuple(Membership(person_id=uuid4(), starts=starts, ends=ends) for starts, ends in spans)
    return GroupStated(group_id=uuid4(), version=1, school_id=uuid4(), name="6A", kind="Klass", members=members)


def places(*days: date, filled: int = 0) -> list[Planned]:
    return [Planned(number, day, filled=number <= filled) for number, day in enumerate(days, 1)]


def test_a_swedish_autumn_runs_from_the_middle_of_august_to_the_twentieth_of_december() -> None:
    half = usual(SE, date(2026, 11, 2))
    assert (half.key, half.starts, half.ends) == ("2026 autumn", *AUTUMN)


def test_between_two_swedish_half_years_it_is_the_one_to_come() -> None:
    assert usual(SE, date(2026, 12, 21)).key == "2027 spring"
    assert usual(SE, date(2026, 7, 1)).key == "2026 autumn"


def test_a_norwegian_autumn_half_year_runs_into_january_and_spring_follows_at_once() -> None:
    autumn = usual(NO, date(2027, 1, 15))
    assert (autumn.key, autumn.ends) == ("2026 autumn", date(2027, 1, 15))
    spring = usual(NO, date(2027, 1, 16))
    assert (spring.key, spring.starts) == ("2027 spring", date(2027, 1, 16))
    assert autumn.is_autumn
    assert not spring.is_autumn


def test_the_zone_tells_the_country() -> None:
    assert country_of("Europe/Oslo") is NO
    assert country_of("Europe/Stockholm") is SE
    assert country_of("Europe/Helsinki") is SE


@given(countries, days)
def test_every_day_has_a_half_year_that_is_not_over(country: Country, day: date) -> None:
    half = usual(country, day)
    assert half.ends >= day
    assert half.starts - day < timedelta(days=90)


@given(countries, days, st.integers(1, 12))
def test_dates_are_school_days_in_order_at_least_a_week_from_either_end(country: Country, day: date, n: int) -> None:
    half = usual(country, day)
    dates = spread(country, half.starts, half.ends, n)
    assert len(dates) == n
    assert dates == sorted(set(dates))
    assert all(is_school_day(country, one) for one in dates)
    assert dates[0] >= half.starts + MARGIN
    assert dates[-1] <= half.ends - MARGIN


@given(countries, days, st.integers(2, 6))
def test_equally_many_school_days_lie_between_the_dates_give_or_take_one(country: Country, day: date, n: int) -> None:
    half = usual(country, day)
    within = school_days(country, half.starts + MARGIN, half.ends - MARGIN)
    found = [within.index(one) for one in spread(country, half.starts, half.ends, n)]
    steps = [later - earlier for earlier, later in zip([-1, *found], found, strict=False)]
    assert max(steps) - min(steps) <= 1


def test_a_public_holiday_is_no_school_day_and_no_date_falls_on_it() -> None:
    assert holiday(NO, date(2027, 5, 17)) is not None
    assert not is_school_day(NO, date(2027, 5, 17))
    assert not is_school_day(SE, date(2027, 5, 6))  # Ascension Day
    assert not is_school_day(SE, date(2026, 12, 24))  # not red, but nobody is at school
    for quota in range(1, 13):
        assert date(2027, 5, 17) not in spread(NO, date(2027, 1, 16), date(2027, 6, 18), quota)


def test_a_class_runs_since_its_first_member_came_and_an_empty_one_since_it_is_seen() -> None:
    today = date(2026, 11, 2)
    assert began(group((date(2026, 10, 12), None), (date(2026, 8, 15), None)), today) == date(2026, 8, 15)
    assert began(group(), today) == today
    assert began(group((None, None)), today) == date.min


def test_a_class_whose_last_member_has_left_begins_nothing() -> None:
    assert began(group((date(2025, 8, 15), date(2026, 6, 12))), date(2026, 8, 20)) is None


def test_a_class_that_begins_mid_half_year_owes_only_what_falls_due_after_it_began() -> None:
    assert [one.due_on for one in first_places(DATES, date(2026, 8, 1))] == DATES
    late = first_places(DATES, DATES[0])
    assert [(one.number, one.due_on) for one in late] == [(1, DATES[1]), (2, DATES[2])]
    assert first_places(DATES, AUTUMN[1]) == []


def test_a_half_year_that_changes_keeps_what_was_sent_and_what_a_teacher_chose() -> None:
    before = [
        Planned(1, date(2026, 9, 20), filled=True),
        Planned(2, date(2026, 11, 6), moved=True),
        Planned(3, DATES[2]),
    ]
    dates = spread(SE, AUTUMN[0], date(2026, 12, 11), 3)
    after = planned_again(before, dates, date(2026, 12, 11))
    assert after[:2] == before[:2]
    assert after[2] == Planned(3, dates[2])


def test_a_smaller_quota_takes_away_the_last_places_but_never_what_was_sent() -> None:
    dates = spread(SE, *AUTUMN, 1)
    assert [one.number for one in planned_again(places(*DATES, filled=2), dates, AUTUMN[1])] == [1, 2]
    assert [one.number for one in planned_again(places(*DATES), dates, AUTUMN[1])] == [1]


def test_a_date_a_teacher_chose_outside_the_new_half_year_is_chosen_anew() -> None:
    before = [Planned(1, date(2026, 12, 18), moved=True)]
    dates = spread(SE, AUTUMN[0], date(2026, 12, 1), 1)
    assert planned_again(before, dates, date(2026, 12, 1)) == [Planned(1, dates[0])]


def test_a_class_nobody_is_in_any_more_runs_since_its_first_place() -> None:
    before = places(*DATES)
    assert running_since(group(), before, date(2026, 11, 2)) < DATES[0]
    assert running_since(None, before, date(2026, 11, 2)) < DATES[0]


@pytest.mark.parametrize(
    ("day", "trouble"),
    [
        (date(2026, 11, 12), None),
        (date(2026, 11, 1), Unmoved.PAST),
        (date(2026, 12, 21), Unmoved.OUTSIDE),
        (DATES[2], Unmoved.NEIGHBOUR),
        (DATES[2] + timedelta(days=3), Unmoved.NEIGHBOUR),
        (date(2026, 11, 14), Unmoved.NO_SCHOOL),  # a Saturday
    ],
)
def test_a_date_moves_between_its_neighbours_on_school_days_only(day: date, trouble: Unmoved | None) -> None:
    assert unmoved(places(*DATES, filled=1), 2, day, *AUTUMN, date(2026, 11, 2), SE) is trouble


def test_what_was_sent_or_is_late_does_not_move() -> None:
    day = date(2026, 11, 12)
    assert unmoved(places(*DATES, filled=2), 2, day, *AUTUMN, date(2026, 11, 2), SE) is Unmoved.FILLED
    assert unmoved(places(*DATES, filled=1), 2, day, *AUTUMN, date(2026, 11, 10), SE) is Unmoved.LATE


def test_the_last_one_moves_no_further_than_the_end() -> None:
    today = date(2026, 12, 1)
    assert unmoved(places(*DATES, filled=2), 3, date(2026, 12, 18), *AUTUMN, today, SE) is None
    assert unmoved(places(*DATES, filled=2), 3, date(2026, 12, 21), *AUTUMN, today, SE) is Unmoved.OUTSIDE


@pytest.mark.parametrize(
    ("starts", "ends", "quota", "others", "trouble"),
    [
        (*AUTUMN, 3, [], None),
        (AUTUMN[1], AUTUMN[0], 3, [], Unfit.ORDER),
        (AUTUMN[0], AUTUMN[0] + timedelta(days=20), 1, [], Unfit.LENGTH),
        (AUTUMN[0], date(2027, 8, 1), 1, [], Unfit.LENGTH),
        (*AUTUMN, 0, [], Unfit.QUOTA),
        (*AUTUMN, 13, [], Unfit.QUOTA),
        (date(2026, 12, 14), date(2027, 1, 10), 12, [], Unfit.CROWDED),
        (*AUTUMN, 3, [(date(2026, 12, 20), date(2027, 6, 1))], Unfit.OVERLAP),
    ],
)
def test_a_half_year_is_refused_with_a_reason(
    starts: date, ends: date, quota: int, others: list[tuple[date, date]], trouble: Unfit | None
) -> None:
    assert unfit(SE, starts, ends, quota, others) is trouble
