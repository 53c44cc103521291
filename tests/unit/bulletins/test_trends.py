"""The trend of a class's absence: said of a class, and never of one or two of its pupils."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from hypothesis import event, given
from hypothesis import strategies as st

from services.bulletins.domain.trends import Month, Pair, Trend, pairs_of, trend

TODAY = date(2026, 11, 2)
AUGUST, SEPTEMBER, OCTOBER = date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)
PLANNED = 6000  # minutes a month


def sums(pupil: UUID, missed: tuple[int, int, int]) -> list[Month]:
    """A pupil's sums as they stood in August, September and October, each month's missed minutes given."""
    found, whole = [], 0
    for count, (month, more) in enumerate(zip((AUGUST, SEPTEMBER, OCTOBER), missed, strict=True), 1):
        whole += more
        found.append(Month(pupil, month, AUGUST, month.replace(day=28), PLANNED * count, whole))
    return found


def of(*missed: tuple[int, int], smallest: int = 12) -> Trend | None:
    """The trend of a class whose pupils missed so much in September and in October."""
    pupils = [uuid4() for _ in missed]
    months = [one for pupil, (sep, octo) in zip(pupils, missed, strict=True) for one in sums(pupil, (0, sep, octo))]
    return trend(months, set(pupils), TODAY, smallest)


def test_a_whole_class_that_is_away_more_is_said_to_be() -> None:
    assert of(*[(300, 600)] * 14) is Trend.MORE
    assert of(*[(600, 300)] * 14) is Trend.LESS
    assert of(*[(300, 330)] * 14) is Trend.SAME


def test_nothing_is_said_of_a_class_that_is_too_small() -> None:
    assert of(*[(300, 600)] * 11) is None
    assert of(*[(300, 600)] * 12) is Trend.MORE


def test_nothing_is_said_when_the_change_is_one_pupils_or_two() -> None:
    assert of(*[(100, 100)] * 13, (100, 5900)) is None
    assert of(*[(100, 100)] * 12, (100, 3500), (100, 3500)) is None


def test_nothing_is_said_when_two_pupils_have_most_of_what_was_missed() -> None:
    assert of(*[(60, 60)] * 12, (3000, 3000), (3000, 3000)) is None


def test_that_it_is_the_same_is_not_said_when_two_pupils_hide_that_it_is_not() -> None:
    worse = [(300, 480)] * 12
    assert of(*worse, (1500, 300), (1500, 420)) is None


def test_a_pupil_who_has_left_or_has_no_sums_for_a_month_does_not_count() -> None:
    pupils = [uuid4() for _ in range(12)]
    months = [one for pupil in pupils for one in sums(pupil, (0, 300, 600))]
    assert trend(months, set(pupils), TODAY, 12) is Trend.MORE
    assert trend(months, set(pupils[1:]), TODAY, 12) is None
    assert (
        trend([one for one in months if one.pupil_id != pupils[0] or one.month != OCTOBER], set(pupils), TODAY, 12)
        is None
    )


def test_sums_are_told_apart_by_month_and_a_new_school_year_begins_anew() -> None:
    pupil = uuid4()
    assert pairs_of(sums(pupil, (10, 20, 30)), OCTOBER) == [Pair(PLANNED, 20, PLANNED, 30)]
    assert pairs_of(sums(pupil, (10, 20, 30)), SEPTEMBER) == [Pair(PLANNED, 10, PLANNED, 20)]
    june = Month(pupil, date(2026, 6, 1), date(2025, 8, 1), date(2026, 6, 12), 50_000, 900)
    assert pairs_of([june, *sums(pupil, (10, 20, 30))], AUGUST) == []


classes = st.builds(
    lambda missed, shift: [(before, before + more + shift) for before, more in missed],
    st.lists(st.tuples(st.integers(600, 900), st.integers(-300, 300)), min_size=12, max_size=16),
    st.sampled_from([-300, 0, 200, 400]),
)


@given(classes, st.data())
def test_what_is_said_does_not_change_with_any_two_pupils_away(missed: list[tuple[int, int]], data: Any) -> None:
    said = of(*missed)
    away = data.draw(st.sets(st.integers(0, len(missed) - 1), min_size=2, max_size=2))
    rest = [one for place, one in enumerate(missed) if place not in away]
    if said is not None:
        event(said)
        before = sum(one for one, _ in rest) / (PLANNED * len(rest))
        after = sum(one for _, one in rest) / (PLANNED * len(rest))
        direction = Trend.SAME if abs(after - before) < 0.02 else (Trend.MORE if after > before else Trend.LESS)
        assert said is direction
