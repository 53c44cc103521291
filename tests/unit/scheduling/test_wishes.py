"""When a family can come: stretches are merged, days are asked for in a few parts, a form is read as it was meant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from services.scheduling.domain import wishes
from services.scheduling.domain.wishes import (
    Stretch,
    Wanted,
    Window,
    answered,
    as_form,
    days,
    households,
    joined,
    merged,
    parts,
    read,
    said_of,
    window,
    within,
)

DAY = date(2026, 11, 17)
ZONE = "Europe/Stockholm"
A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


def at(clock: str) -> datetime:
    return window(DAY, time.fromisoformat(clock), time(23, 59), ZONE).starts_at


def span(starts: str, ends: str) -> Window:
    return Window(at(starts), at(ends))


def can(starts: str, ends: str, *, gladly: bool = False) -> Stretch:
    return Stretch(at(starts), at(ends), gladly)


EVENING = days([(span("15:00", "18:00"), ZONE)])


def test_overlapping_stretches_are_put_together_and_the_glad_part_stays_glad() -> None:
    given = [can("15:00", "16:30"), can("16:00", "17:00"), can("16:00", "16:30", gladly=True)]
    assert merged(given) == (can("15:00", "16:00"), can("16:00", "16:30", gladly=True), can("16:30", "17:00"))


def test_stretches_that_touch_become_one_and_an_empty_one_is_nothing() -> None:
    assert merged([can("15:00", "15:30"), can("15:30", "16:00"), can("17:00", "17:00")]) == (can("15:00", "16:00"),)


def test_of_a_stretch_only_what_lies_in_the_times_of_talks_counts() -> None:
    assert within([can("14:00", "19:00")], [span("15:00", "16:00"), span("17:00", "18:00")]) == (
        can("15:00", "16:00"),
        can("17:00", "18:00"),
    )


def test_windows_of_two_schools_on_one_day_are_asked_for_once() -> None:
    assert joined([span("15:00", "17:00"), span("16:00", "18:00")]) == (span("15:00", "18:00"),)
    [day] = days([(span("15:00", "17:00"), ZONE), (span("16:00", "18:00"), ZONE)])
    assert day.windows == (span("15:00", "18:00"),)


@pytest.mark.parametrize(("ends", "expected"), [("15:20", 1), ("16:00", 1), ("17:00", 2), ("18:00", 3), ("21:00", 3)])
def test_a_day_is_asked_for_in_at_most_three_parts_cut_at_half_hours(ends: str, expected: int) -> None:
    found = parts(span("15:00", ends))
    assert len(found) == expected
    assert found[0].starts_at == at("15:00")
    assert found[-1].ends_at == at(ends)
    assert all(one.ends_at == after.starts_at for one, after in pairwise(found))
    assert all((one.starts_at - at("15:00")) % timedelta(minutes=30) == timedelta() for one in found)


def test_on_the_day_clocks_go_back_the_hours_are_those_of_the_wall() -> None:
    night = window(date(2026, 10, 25), time(1, 30), time(3, 30), ZONE)
    assert night.ends_at - night.starts_at == timedelta(hours=3)


def test_what_is_not_said_of_a_part_is_a_time_one_can() -> None:
    said = read({}, EVENING, [EVENING[0].windows])
    assert said.stretches == (can("15:00", "18:00"),)
    assert not said.errors


def test_a_form_that_is_kept_is_shown_again_as_it_was_sent() -> None:
    early, middle, late = (EVENING[0].name(part) for part in EVENING[0].parts)
    form = {early: [Wanted.CANNOT], middle: [Wanted.GLADLY], late: [Wanted.CAN]}
    said = read(form, EVENING, [EVENING[0].windows])
    assert said.stretches == (can("16:00", "17:00", gladly=True), can("17:00", "18:00"))
    assert as_form(said.stretches, EVENING) == form


def test_exact_times_count_instead_of_the_parts_and_are_shown_again_as_exact_times() -> None:
    form: dict[str, list[str]] = {
        EVENING[0].name(EVENING[0].parts[0]): [Wanted.CANNOT],
        f"from-{DAY}": ["15:10", "16:40", ""],
        f"until-{DAY}": ["15:50", "17:05", ""],
        f"how-{DAY}": ["can", "gladly", "can"],
    }
    said = read(form, EVENING, [EVENING[0].windows])
    assert said.stretches == (can("15:10", "15:50"), can("16:40", "17:05", gladly=True))
    again = as_form(said.stretches, EVENING)
    assert again[f"from-{DAY}"] == ["15:10", "16:40"]
    assert read(again, EVENING, [EVENING[0].windows]) == said


@pytest.mark.parametrize(
    ("begins", "ends", "error"),
    [
        ("17:00", "16:00", wishes.UNTIL_BEFORE_FROM),
        ("16:00", "", wishes.NOT_A_TIME),
        ("x", "17:00", wishes.NOT_A_TIME),
        ("08:00", "09:00", wishes.OUTSIDE),
    ],
)
def test_an_exact_time_that_makes_no_sense_is_said_at_its_day(begins: str, ends: str, error: str) -> None:
    said = read({f"from-{DAY}": [begins], f"until-{DAY}": [ends]}, EVENING)
    assert said.errors == {DAY: error}


def test_no_to_every_time_of_a_round_is_asked_back() -> None:
    no = {EVENING[0].name(part): [Wanted.CANNOT] for part in EVENING[0].parts}
    assert read(no, EVENING, [EVENING[0].windows]).errors == {None: wishes.NO_TIME}


def test_yes_to_one_school_and_no_to_the_other_is_asked_back_too() -> None:
    other = Window(at("15:00") + timedelta(days=1), at("16:00") + timedelta(days=1))
    asked = days([(span("15:00", "16:00"), ZONE), (other, ZONE)])
    no = {asked[1].name(asked[1].parts[0]): [Wanted.CANNOT]}
    assert read(no, asked, [asked[0].windows, asked[1].windows]).errors == {None: wishes.NO_TIME}


def test_whoever_has_said_nothing_can_always() -> None:
    assert as_form((), EVENING) == {}


def test_a_day_that_was_answered_with_no_stays_a_no_and_a_day_that_came_later_is_open() -> None:
    later = days([(span("15:00", "16:00"), ZONE), (Window(*_next_day()), ZONE)])
    mine = answered([can("15:00", "16:00")], [one.windows[0] for one in later])
    assert as_form(mine, later)[later[1].name(later[1].parts[0])] == [Wanted.CANNOT]
    assert said_of(mine, later[1].windows[0])
    assert not said_of(mine, span("16:00", "18:00"))


def _next_day() -> tuple[datetime, datetime]:
    begins = datetime(2026, 11, 18, 14, tzinfo=UTC)
    return begins, begins + timedelta(minutes=30)


def test_guardians_share_a_talk_until_one_of_them_asks_for_a_talk_apart() -> None:
    assert households([B, A], []) == {0: (A, B)}
    assert households([B, A], [A]) == households([A, B], [B]) == households([A, B], [A, B]) == {1: (A,), 2: (B,)}


def test_who_is_alone_is_never_apart_and_a_third_shares_with_the_second() -> None:
    assert households([A], [A]) == {0: (A,)}
    assert households([A, B, C], [B]) == {1: (A, C), 2: (B,)}
    assert households([A, B, C], [A, B, C]) == {1: (A,), 2: (B,), 3: (C,)}
    assert households([], [A]) == {0: ()}
